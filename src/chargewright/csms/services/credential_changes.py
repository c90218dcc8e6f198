"""A new password or security profile on its way to a station (A01, A05): until it is known which one the station uses,
both are good.

What is on its way is written down before the command is sent, so that not even the end of the server between command
and answer locks a station out. A password is final when the station said Accepted, or came with it; after an answer
that did not come, the one that the station comes with first. A profile is final when the station came with it: with
one that does not work it goes back to the old one (A05.FR.08).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec
import structlog

from chargewright.csms.outcomes import Answered, Malformed, Outcome, Unanswered
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import Range, Removal
from chargewright.csms.storage.rows.core import SettingRow, StationChange
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
)

__all__ = ["CredentialChange", "CredentialChangesService", "is_password", "profile_of"]

AUTHORIZATION_KEY: Final = "authorizationkey"
SECURITY_PROFILE: Final = "securityprofile"
# Of the rows of `setting`; the row id of the station follows.
_PREFIX: Final = "credential-change:"
_AFTER_PREFIX: Final = "credential-change;"
_PAGE: Final = 1000

_log = structlog.get_logger(__name__)


class CredentialChange(msgspec.Struct, kw_only=True):
    """What is on its way. `credential_hash` and `security_profile` are None where they stay as they are."""

    credential_hash: str | None = None
    is_undecided: bool = False  # no answer came: whichever password is used first is the one
    security_profile: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of it."""
        return self.credential_hash is None and self.security_profile is None


def is_password(request: ChangeConfigurationRequest) -> bool:
    """Whether the command sets the station's password."""
    return request.key.casefold() == AUTHORIZATION_KEY


def profile_of(request: ChangeConfigurationRequest) -> int | None:
    """The security profile that the command sets; None where it sets another key, or no number from 0 to 3."""
    if request.key.casefold() != SECURITY_PROFILE or request.value.strip() not in ("0", "1", "2", "3"):
        return None
    return int(request.value)


class CredentialChangesService(Service):
    """`hash_password` makes the text to store of a password's bytes."""

    def __init__(self, storage: Storage, ledger: Ledger, hash_password: Callable[[bytes], str]) -> None:
        self._storage = storage
        self._ledger = ledger
        self._hash = hash_password
        self._changes: dict[int, CredentialChange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Read what is on its way. Of an answer that an earlier run waited for, nobody will hear."""
        where = {"name": Range(_PREFIX, _AFTER_PREFIX)}
        after: tuple[Any, int] | None = None
        while rows := await self._storage.page(SettingRow, where, after=after, limit=_PAGE):
            for row in rows:
                change = msgspec.json.decode(row.value, type=CredentialChange)
                change.is_undecided = change.credential_hash is not None
                self._changes[int(row.name.removeprefix(_PREFIX))] = change
            after = (rows[-1].id, rows[-1].id)

    def of(self, station_id: int) -> CredentialChange | None:
        """What is on its way to the station."""
        return self._changes.get(station_id)

    # Told by commands.

    async def asking(self, station: StationRow, request: ChangeConfigurationRequest) -> None:
        """The command is about to be sent. Raises `StorageUnavailable`, `StorageError`: then it must not be."""
        change = self._copy(station)
        if is_password(request):
            change.credential_hash = self._hash(_password(request.value))
            change.is_undecided = False
        else:
            profile = profile_of(request)
            if profile is None or profile <= station.security_profile:
                return
            change.security_profile = profile
        await self._put(station, change)

    async def asked(self, station: StationRow, request: ChangeConfigurationRequest, outcome: Outcome) -> None:
        """The command ended."""
        change = self._copy(station)
        status = None
        if isinstance(outcome, Answered) and isinstance(outcome.response, ChangeConfigurationResponse):
            status = outcome.response.status
        is_open = isinstance(outcome, Unanswered | Malformed)
        if not is_password(request):
            if not is_open and status not in (ConfigurationStatus.ACCEPTED, ConfigurationStatus.REBOOT_REQUIRED):
                change.security_profile = None
                await self._put(station, change)
            return
        if change.credential_hash is None:
            return  # the station came with it meanwhile
        if status is ConfigurationStatus.ACCEPTED:
            await self._decide(station, change, password_is_new=True)
        elif is_open:
            change.is_undecided = True
            await self._put(station, change)
        elif status is not ConfigurationStatus.REBOOT_REQUIRED:
            change.credential_hash = None
            await self._put(station, change)

    # Told by the door.

    def used(self, station: StationRow, *, password_is_new: bool | None, security_profile: int) -> None:
        """The station was let in with the old password or the new one (None: it was not asked for one), under that
        profile."""
        change = self._copy(station)
        is_decided = (
            password_is_new is not None
            and change.credential_hash is not None
            and (password_is_new or change.is_undecided)
        )
        if is_decided or security_profile == change.security_profile:
            profile = security_profile if security_profile == change.security_profile else None
            self._begin(self._noted(station, change, password_is_new if is_decided else None, profile))

    async def _noted(
        self, station: StationRow, change: CredentialChange, password_is_new: bool | None, profile: int | None
    ) -> None:
        try:
            await self._decide(station, change, password_is_new=password_is_new, profile=profile)
        except StorageError as error:
            # Both stay good, and the next connection tells it again.
            _log.warning("which password is in use was not written", station=station.identity, error=str(error))

    async def _decide(
        self,
        station: StationRow,
        change: CredentialChange,
        *,
        password_is_new: bool | None,
        profile: int | None = None,
    ) -> None:
        """Write which one it is, and end the change as far as that settles it."""
        records: list[Record] = []
        credential_hash = station.credential_hash
        if password_is_new is not None:
            if password_is_new:
                credential_hash = change.credential_hash
                records.append(make_event("station.password_changed", {}))
            change.credential_hash = None
        security_profile = station.security_profile
        if profile is not None:
            records.append(make_event("station.security_profile_changed", {"before": security_profile, "now": profile}))
            security_profile = profile
            change.security_profile = None
        if records:
            records.append(
                StationChange(
                    id=station.id,
                    security_profile=security_profile,
                    credential_hash=credential_hash,
                    registration=station.registration,
                    automatic=station.automatic,
                    maximum_power_w=station.maximum_power_w,
                    tolerance=station.tolerance,
                    time_zone=station.time_zone,
                    ping_interval_seconds=station.ping_interval_seconds,
                    removed_at=None,
                )
            )
        await self._put(station, change, *records)
        station.credential_hash, station.security_profile = credential_hash, security_profile

    async def _put(self, station: StationRow, change: CredentialChange, *others: Record) -> None:
        name = f"{_PREFIX}{station.id}"
        if change.is_empty:
            if station.id in self._changes or others:
                await self._ledger.write(station.id, Removal(SettingRow, {"name": name}), *others)
            self._changes.pop(station.id, None)
            return
        row = SettingRow(name=name, value=msgspec.json.encode(change).decode())
        await self._ledger.write(station.id, row, *others)
        self._changes[station.id] = change

    def _copy(self, station: StationRow) -> CredentialChange:
        known = self._changes.get(station.id)
        return CredentialChange() if known is None else msgspec.structs.replace(known)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _password(value: str) -> bytes:
    """What the station will send: the bytes that the hexadecimal digits stand for; of another text, that itself."""
    try:
        return bytes.fromhex(value)
    except ValueError:
        return value.encode()
