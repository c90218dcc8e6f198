"""Charging profiles as they were sent to stations, and what became of them (§3.13, §5.5, §5.7, §5.16).

Those that a station has or may have are in memory; all of them are in the database, one row for each sending. Whoever
sends a command that concerns them, its end comes here. Memory is changed when something is decided, in the order in
which it is handed to the journal, and changed back where that was not written: the StopTransaction of a station may
overtake the bookkeeping of the command before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from msgspec import structs

from chargewright.clock import Clock
from chargewright.csms.errors import NotFound
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.services.charging_profile_rules import (
    SendingRequest,
    event_of,
    is_cleared_by,
    is_in_place_of,
    profile_of,
    reading,
)
from chargewright.csms.services.charging_profile_states import (
    LIVE,
    ChargingProfileCue,
    ChargingProfileState,
    next_state,
)
from chargewright.csms.services.events import make_event
from chargewright.csms.services.known_transactions import KnownTransactionsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Record, StartRecord, StationRow, StopRecord, Storage, StorageError
from chargewright.csms.storage.rows.base import In, Removal
from chargewright.csms.storage.rows.charging import ChargingProfileRow, CompositeScheduleRow
from chargewright.csms.storage.rows.core import TransactionRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.core import RemoteStartTransactionRequest
from chargewright.protocol.v16.datatypes import ChargingProfile, ChargingProfilePurposeType
from chargewright.protocol.v16.smart_charging import (
    ClearChargingProfileRequest,
    ClearChargingProfileResponse,
    ClearChargingProfileStatus,
    GetCompositeScheduleRequest,
    GetCompositeScheduleResponse,
)

__all__ = ["KIND", "ChargingProfilesService"]

KIND: Final = "charging profile"
# How many a station may have; beyond it those sent first are given up, those in doubt before others.
LIVE_PER_STATION: Final = 500
# How far behind ours a station's clock may be before its start counts as one from before the profile was sent.
CLOCK_TOLERANCE_SECONDS: Final = 300
RETRY_SECONDS: Final = 5.0
_PAGE: Final = 1000
_TX_PROFILE: Final = ChargingProfilePurposeType.TX_PROFILE.value

_S, _C = ChargingProfileState, ChargingProfileCue
_log = structlog.get_logger(__name__)


class ChargingProfilesService(Service):
    """Keeps profiles and their states. `new_id` makes opaque ids."""

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        transactions: KnownTransactionsService,
        new_id: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._transactions = transactions
        self._new_id = new_id
        self._live: dict[int, dict[str, ChargingProfileRow]] = {}  # by station, in the order of sending
        self._ending: set[str] = set()  # their StopTransaction is on its way into the database
        self._under_way: dict[tuple[int, int], list[str]] = {}  # by station and request
        self._tags: dict[str, str] = {}  # those that wait for the start of a tag
        self._met: asyncio.Queue[tuple[int, str, str]] = asyncio.Queue()  # station, profile, its state before

    async def load(self) -> None:
        """Read what stations may have. What was being sent when the CSMS ended may have reached its station."""
        after: tuple[int, int] | None = None
        words = tuple(state.value for state in LIVE)
        while rows := await self._storage.page(ChargingProfileRow, {"state": In(words)}, after=after, limit=_PAGE):
            for row in rows:
                self._put(row)
            after = (rows[-1].id, rows[-1].id)
        for station_id in list(self._live):
            for row in self.live(station_id):
                if row.state == _S.SENT:
                    await self._conclude(row, _C.UNANSWERED, "the CSMS ended before the answer came")
            if any(row.purpose == _TX_PROFILE for row in self.live(station_id)):
                for transaction in await self._transactions.open_at(station_id):
                    self._begun(station_id, transaction, transaction.id_tag_key, transaction.start_instant)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Writing which transactions profiles belong to: their numbers are known only once they are committed."""
        return {"charging profiles meet transactions": self._meet}

    # What others ask.

    def live(self, station_id: int) -> list[ChargingProfileRow]:
        """What the station has or may have, in the order of sending."""
        return list(self._live.get(station_id, {}).values())

    async def get(self, installation_id: str) -> ChargingProfileRow:
        """The profile with that id of ours; raises `NotFound`."""
        rows = await self._storage.page(ChargingProfileRow, {"installation_id": installation_id}, limit=1)
        if not rows:
            raise NotFound(KIND, installation_id)
        return rows[0]

    async def newest(self, station_id: int, charging_profile_id: int) -> ChargingProfileRow:
        """The last sending with OCPP's id to a station; raises `NotFound`."""
        where = {"station_id": station_id, "charging_profile_id": charging_profile_id}
        rows = await self._storage.page(ChargingProfileRow, where, descending=True, limit=1)
        if not rows:
            raise NotFound(KIND, str(charging_profile_id))
        return rows[0]

    # Sending one.

    async def asking(self, station: StationRow, request: SendingRequest) -> None:
        """A profile is about to be sent: whatever happens to us, its station may have it from now on. What it is to
        replace stays as it is until the station accepts it."""
        profile = profile_of(request)
        if profile is None:
            return
        row = await self._new_row(station, request, profile)
        self._put(row)
        self._under_way.setdefault((station.id, id(request)), []).append(row.installation_id)
        if isinstance(request, RemoteStartTransactionRequest):
            self._tags[row.installation_id] = request.id_tag.casefold()
        try:
            await self._ledger.write(station.id, row)
        except StorageError:
            self._taken(station.id, request)
            self._drop(row)
            raise

    async def asked(self, station: StationRow, request: SendingRequest, outcome: Outcome) -> None:
        """Note the end of a command with a profile."""
        profile = profile_of(request)
        if profile is None:
            return
        cue, answer = reading(request, outcome)
        installation_id = self._taken(station.id, request)
        if installation_id is None:
            if cue is not None:
                # Sent by a server that has ended since, or noted without having been written down.
                await self._conclude(await self._new_row(station, request, profile), cue, answer)
            return
        row = self._live.get(station.id, {}).get(installation_id)
        if row is None:
            return  # its transaction ended before we got here
        if cue is None:
            self._drop(row)
            await self._ledger.write(station.id, Removal(ChargingProfileRow, {"installation_id": installation_id}))
            return
        await self._conclude(row, cue, answer)

    async def _conclude(self, row: ChargingProfileRow, cue: ChargingProfileCue, answer: str | None) -> None:
        """Write what the end of its command makes of a profile, and of those in whose place it is."""
        if cue is _C.START_ACCEPTED and row.transaction_id is not None:
            cue = _C.ACCEPTED  # its StartTransaction was faster
        changes = self._moved([row], cue, answer)
        consequence = {
            _C.ACCEPTED: _C.REPLACED,
            _C.START_ACCEPTED: _C.REPLACED,
            _C.UNANSWERED: _C.DOUBTED,
        }.get(cue)
        if consequence is not None:
            older = [other for other in self.live(row.station_id) if is_in_place_of(row, other)]
            changes += self._moved(older, consequence, None)
        await self._write(row.station_id, changes)
        await self._give_up(row.station_id)

    async def _give_up(self, station_id: int) -> None:
        beyond = len(self._live.get(station_id, ())) - LIVE_PER_STATION
        if beyond > 0:
            first = sorted(self.live(station_id), key=lambda row: row.state == _S.INSTALLED)
            answer = f"given up: no station has more than {LIVE_PER_STATION}"
            await self._write(station_id, self._moved(first[:beyond], _C.GIVEN_UP, answer))

    # Other commands.

    async def cleared(self, station: StationRow, request: ClearChargingProfileRequest, outcome: Outcome) -> None:
        """Note the end of a ClearChargingProfile (errata v4.0 §3.25): with an id that profile, else those that match
        all fields given."""
        if isinstance(outcome, NotSent | Refused):
            return
        cue, answer = _C.DOUBTED, getattr(outcome, "reason", None)
        if isinstance(outcome, Answered) and isinstance(outcome.response, ClearChargingProfileResponse):
            is_done = outcome.response.status is ClearChargingProfileStatus.ACCEPTED
            cue, answer = (_C.CLEARED if is_done else _C.ABSENT), None
        matching = [row for row in self.live(station.id) if is_cleared_by(row, request)]
        await self._write(station.id, self._moved(matching, cue, answer))

    async def reported(self, station: StationRow, request: GetCompositeScheduleRequest, outcome: Outcome) -> None:
        """Keep the answer to a GetCompositeSchedule, whatever its status."""
        if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetCompositeScheduleResponse):
            return
        unit = "" if isinstance(request.charging_rate_unit, UnsetType) else request.charging_rate_unit.value
        row = CompositeScheduleRow(
            station_id=station.id,
            connector_id=request.connector_id,
            unit=unit,
            duration=request.duration,
            schedule=encode(outcome.response).decode(),
            received_at=self._clock.now_microseconds(),
        )
        body = {"connectorId": row.connector_id, "duration": row.duration, "status": outcome.response.status.value}
        await self._ledger.write(station.id, row, make_event("charging_profile.composite_schedule", body))

    # What stations say.

    def stopped(self, call: CallContext, stop: StopRecord) -> None:
        """A transaction ended, and its TxProfiles with it (§3.13.1), in the CALL's unit."""
        for row in self.live(call.station.id):
            if row.purpose != _TX_PROFILE or row.transaction_id != stop.transaction_id:
                continue
            changed = structs.replace(row, state=_S.ENDED.value, answer=None, changed_at=call.received_at)
            call.add(changed)
            call.add(event_of(changed, row.state))
            self._ending.add(row.installation_id)
            call.after_commit(partial(self._put, changed))
            call.after_failure(partial(self._ending.discard, row.installation_id))

    def started(self, call: CallContext, start: StartRecord) -> None:
        """A transaction began: the profile that was sent with its remote start is its own, and no earlier transaction
        of the connector goes on. Not in the CALL's unit, because its number is known only afterwards."""
        if any(row.purpose == _TX_PROFILE for row in self.live(call.station.id)):
            tag = start.id_tag.casefold()
            call.after_commit(lambda: self._begun(call.station.id, start, tag, start.instant))

    def _begun(self, station_id: int, start: StartRecord | TransactionRow, id_tag_key: str, instant: int) -> None:
        number, connector_id = start.transaction_id, start.connector_id
        if number is None:
            return
        is_linked = False
        for row in reversed(self.live(station_id)):
            if row.purpose != _TX_PROFILE or row.installation_id in self._ending or row.transaction_id == number:
                continue
            is_older = instant < row.sent_at  # than the profile
            cue: ChargingProfileCue | None = None
            changed = row
            if row.with_start and row.transaction_id is None:
                is_its_tag = self._tags.get(row.installation_id, id_tag_key) == id_tag_key
                is_its_place = row.connector_id in (None, connector_id)
                is_in_time = instant >= row.sent_at - CLOCK_TOLERANCE_SECONDS * 1_000_000
                if is_linked or not (is_its_tag and is_its_place and is_in_time):
                    continue
                is_linked, cue = True, _C.STARTED
                changed = structs.replace(row, transaction_id=number, connector_id=connector_id)
            elif row.connector_id != connector_id:
                continue
            elif not is_older:
                cue = _C.OVER
            elif row.transaction_id is None:
                # The station had begun it, and tells only now.
                changed = structs.replace(row, transaction_id=number)
            after = None if cue is None else next_state(_S(changed.state), cue)
            if after is not None:
                changed = structs.replace(changed, state=after.value, changed_at=self._clock.now_microseconds())
            if changed is not row:
                self._met.put_nowait((station_id, row.installation_id, row.state))
                self._put(changed, is_kept=True)

    async def _meet(self) -> None:
        while True:
            station_id, installation_id, before = await self._met.get()
            try:
                await self._keep_met(station_id, installation_id, before)
            finally:
                self._met.task_done()

    async def _keep_met(self, station_id: int, installation_id: str, before: str) -> None:
        """Write a profile that met a transaction, again until the database can."""
        while True:
            row = self._live.get(station_id, {}).get(installation_id)
            if row is None or installation_id in self._ending:
                return  # something newer was written of it
            try:
                await self._ledger.write(station_id, row, *([] if row.state == before else [event_of(row, before)]))
            except StorageError as error:
                _log.warning("a charging profile's transaction was not written; again soon", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if _S(row.state) not in LIVE:
                self._drop(row)
            return

    # Inside.

    async def _new_row(
        self, station: StationRow, request: SendingRequest, profile: ChargingProfile
    ) -> ChargingProfileRow:
        connector_id = None if isinstance(request.connector_id, UnsetType) else request.connector_id
        number = None if isinstance(profile.transaction_id, UnsetType) else profile.transaction_id
        with_start = isinstance(request, RemoteStartTransactionRequest)
        purpose = profile.charging_profile_purpose.value
        if number is None and purpose == _TX_PROFILE and not with_start:
            here = [row for row in await self._transactions.open_at(station.id) if row.connector_id == connector_id]
            number = here[-1].transaction_id if here else None
        now = self._clock.now_microseconds()
        return ChargingProfileRow(
            installation_id=self._new_id(),
            station_id=station.id,
            connector_id=connector_id,
            charging_profile_id=profile.charging_profile_id,
            stack_level=profile.stack_level,
            purpose=purpose,
            transaction_id=number,
            with_start=with_start,
            profile=encode(profile).decode(),
            state=_S.SENT.value,
            sent_at=now,
            changed_at=now,
        )

    def _moved(
        self, rows: Iterable[ChargingProfileRow], cue: ChargingProfileCue, answer: str | None
    ) -> list[tuple[ChargingProfileRow, ChargingProfileRow]]:
        """Before and after of those that the cue moves."""
        now = self._clock.now_microseconds()
        found = []
        for row in rows:
            after = next_state(_S(row.state), cue)
            if after is not None and row.installation_id not in self._ending:
                found.append((row, structs.replace(row, state=after.value, answer=answer, changed_at=now)))
        return found

    async def _write(self, station_id: int, changes: Sequence[tuple[ChargingProfileRow, ChargingProfileRow]]) -> None:
        if not changes:
            return
        records: list[Record] = []
        for before, after in changes:
            records += [after, event_of(after, before.state)]
            self._put(after)
        try:
            await self._ledger.write(station_id, *records)
        except StorageError:
            for before, after in changes:
                known = self._live.get(station_id, {}).get(after.installation_id)
                if known is after or (known is None and _S(after.state) not in LIVE):
                    self._put(before)
            raise

    def _taken(self, station_id: int, request: SendingRequest) -> str | None:
        waiting = self._under_way.get((station_id, id(request)))
        if not waiting:
            return None
        installation_id = waiting.pop(0)
        if not waiting:
            del self._under_way[station_id, id(request)]
        return installation_id

    def _put(self, row: ChargingProfileRow, *, is_kept: bool = False) -> None:
        """Have it in memory while its station has or may have it, or, where `is_kept`, until it was written."""
        if is_kept or _S(row.state) in LIVE:
            self._live.setdefault(row.station_id, {})[row.installation_id] = row
            return
        self._drop(row)

    def _drop(self, row: ChargingProfileRow) -> None:
        self._ending.discard(row.installation_id)
        self._tags.pop(row.installation_id, None)
        of_station = self._live.get(row.station_id, {})
        of_station.pop(row.installation_id, None)
        if not of_station:
            self._live.pop(row.station_id, None)
