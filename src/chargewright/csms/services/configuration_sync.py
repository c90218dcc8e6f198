"""Reading the configuration of a station, in whatever way it can be read, and giving it what is wanted.

Some stations answer the question for all keys with an error, with something that cannot be read, or not at all. They
are asked for the keys that the specification knows instead, as many at a time as they say or bear, at last one by one;
how it worked is remembered for the next time.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from chargewright.csms.automation import Automation, Unfinished
from chargewright.csms.directory import Directory
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.configuration import ConfigurationService
from chargewright.csms.services.configuration_values import SECRET_KEYS
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    GetConfigurationRequest,
    GetConfigurationResponse,
)

__all__ = ["CHORE", "KEYS_AT_A_TIME", "MAXIMUM_KEYS", "ConfigurationSync"]

CHORE: Final = "configuration"
# Abilities: how many keys one GetConfiguration may name where asking for all of them fails, and what the station says
# of that itself.
KEYS_AT_A_TIME: Final = "configuration-keys-at-a-time"
MAXIMUM_KEYS: Final = "GetConfigurationMaxKeys"
# Where the station does not say.
_FIRST_CHUNK: Final = 20

_log = structlog.get_logger(__name__)


class ConfigurationSync(Service):
    """Reads and writes the configuration of stations; by itself only through `automation`."""

    def __init__(
        self,
        configuration: ConfigurationService,
        groups: GroupsService,
        abilities: AbilitiesService,
        directory: Directory,
        sender: CommandSender,
        automation: Automation,
    ) -> None:
        self._configuration = configuration
        self._groups = groups
        self._abilities = abilities
        self._directory = directory
        self._sender = sender
        self._automation = automation
        self._booted: set[int] = set()  # since they were looked after
        automation.register(CHORE, self.look_after)
        groups.watch(self.wake)

    async def load(self) -> None:
        """Let every station of which something is wanted be looked after."""
        for station in self._directory.stations():
            self.wake(station.id)

    def wake(self, station_id: int) -> None:
        """Something about the station, or about what is wanted of it, is new."""
        if self._configuration.wanted(station_id):
            self._automation.wake(station_id, CHORE)

    async def want(self, scope: str, values: dict[str, str], *, force: bool = False) -> None:
        """See `ConfigurationService.want`; the stations concerned are looked after."""
        for station_id in await self._configuration.want(scope, values, force=force):
            self.wake(station_id)

    async def recall_wanted(self, scope: str) -> None:
        """Another node may have written what is wanted of the scope; the stations concerned are looked after."""
        before = self._configuration.wanted_of(scope)
        await self._configuration.recall_wanted(scope)
        if self._configuration.wanted_of(scope) != before:
            for station_id in self._groups.stations_of(scope):
                self.wake(station_id)

    def booted(self, station: StationRow) -> None:
        """The station booted: perhaps with other values than before."""
        if self._configuration.wanted(station.id):
            self._booted.add(station.id)
            self.wake(station.id)

    async def look_after(self, station: StationRow, sender: CommandSender) -> None:
        """The chore: `bring_in_step`, where something is wanted. Raises `Unfinished` where the station was not reached,
        or said nothing."""
        outcome = await self.bring_in_step(station, sender)
        if outcome is not None and not isinstance(outcome, Answered):
            word = _word(outcome)
            _log.info("the configuration was not brought in step", station=station.identity, outcome=word)
            if isinstance(outcome, NotSent | Unanswered) or not sender.is_connected(station.id):
                raise Unfinished(word)

    async def bring_in_step(self, station: StationRow, sender: CommandSender | None = None) -> Outcome | None:
        """Read the configuration, and write what differs from what is wanted; what the station refused is not sent
        again before something else is wanted. Without a `sender` a person asks for it, and it is sent whatever
        `automatic` says. Returns the outcome with which it ended; None: nothing is wanted."""
        sender = sender or self._sender
        if not self._configuration.wanted(station.id):
            return None
        await self._configuration.recall_state(station.id)  # it may have been at another node
        if station.id in self._booted:
            await self._configuration.rebooted(station.id)
            self._booted.discard(station.id)
        outcome = await self.read(station, sender)
        if not isinstance(outcome, Answered):
            return outcome
        for entry in await self._configuration.entries(station.id):
            if entry.wanted is None or not entry.is_drift or entry.refused is not None:
                continue
            change = ChangeConfigurationRequest(key=entry.key, value=entry.wanted)
            written = await sender.send(station.id, change)
            if isinstance(written, NotSent | Unanswered):
                return written
        entries = await self._configuration.entries(station.id)
        if any(entry.is_drift and entry.refused is None for entry in entries):
            _log.warning("the station accepted a value and has another", station=station.identity)
        return outcome

    async def read(self, station: StationRow, sender: CommandSender | None = None) -> Outcome:
        """Ask for every key; returns the last outcome: `Answered` where all could be read."""
        sender = sender or self._sender
        chunk = self._abilities.of(station.id, KEYS_AT_A_TIME)
        if chunk is None:
            outcome = await sender.send(station.id, GetConfigurationRequest())
            if isinstance(outcome, Answered | NotSent) or not sender.is_connected(station.id):
                await self._learn_maximum(station, outcome)
                return outcome
            _log.info("the station does not tell all keys at once", station=station.identity, outcome=_word(outcome))
        return await self._read_by_name(station, chunk, sender)

    async def _read_by_name(self, station: StationRow, chunk: int | None, sender: CommandSender) -> Outcome:
        if chunk is None:
            first = await _ask(station, [MAXIMUM_KEYS], sender)
            await self._learn_maximum(station, first)
            chunk = self._abilities.of(station.id, MAXIMUM_KEYS) or _FIRST_CHUNK
        names = await self._names(station)
        outcome: Outcome = NotSent(reason="no keys are known")
        answered: Outcome | None = None
        position = 0
        while position < len(names):
            asked = names[position : position + chunk]
            outcome = await _ask(station, asked, sender)
            if isinstance(outcome, Answered) and not sender.is_connected(station.id):
                return NotSent(reason="the station went before all was read")
            if isinstance(outcome, NotSent) or not sender.is_connected(station.id):
                return outcome
            if isinstance(outcome, Answered):
                answered = outcome
                position += len(asked)
            elif isinstance(outcome, Unanswered) and answered is None and chunk == 1:
                break  # nothing at all is answered: every further key would cost a time limit
            elif chunk > 1:
                chunk = max(1, chunk // 2)
            else:
                _log.info("the station does not tell a key", station=station.identity, key=asked[0])
                position += 1
        if answered is None:
            await self._configuration.noted_unreadable(station.id)
            return outcome
        await self._abilities.learn(station.id, KEYS_AT_A_TIME, chunk)
        await self._configuration.noted_all_asked(station.id)
        return answered

    async def _names(self, station: StationRow) -> list[str]:
        known = {name.casefold(): name for name in CONFIGURATION_KEYS}
        for entry in await self._configuration.entries(station.id):
            known.setdefault(entry.key.casefold(), entry.key)
        return sorted(name for folded, name in known.items() if folded not in SECRET_KEYS)

    async def _learn_maximum(self, station: StationRow, outcome: Outcome) -> None:
        if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetConfigurationResponse):
            return
        listed = outcome.response.configuration_key
        for item in () if isinstance(listed, UnsetType) else listed:
            value = item.value
            if item.key.casefold() == MAXIMUM_KEYS.casefold() and isinstance(value, str) and value.strip().isdecimal():
                await self._abilities.learn(station.id, MAXIMUM_KEYS, max(1, min(int(value[:6]), 10_000)))


async def _ask(station: StationRow, names: Sequence[str], sender: CommandSender) -> Outcome:
    return await sender.send(station.id, GetConfigurationRequest(key=list(names)))


def _word(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return f"CALLERROR {outcome.code}"
    return outcome.reason if isinstance(outcome, Malformed | Unanswered | NotSent) else "answered"
