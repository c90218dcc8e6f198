"""A station's store of charging profiles by the rules of §5.5 and §5.16, and the service that keeps book of it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chargewright.clock import ManualClock
from chargewright.csms.instants import UnreadableTimes
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.ports import CallContext
from chargewright.csms.services.charging_profiles import ChargingProfilesService
from chargewright.csms.services.known_transactions import KnownTransactionsService
from chargewright.csms.storage.base import ANY_EPOCH, Settlement, StartRecord, StationRow, StopRecord, Storage, Unit
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.rows.charging import ChargingProfileRow
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import (
    RemoteStartStopStatus,
    RemoteStartTransactionRequest,
    RemoteStartTransactionResponse,
)
from chargewright.protocol.v16.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfileRequest,
    ClearChargingProfileResponse,
    ClearChargingProfileStatus,
    SetChargingProfileRequest,
    SetChargingProfileResponse,
)

__all__ = ["ProfileOffice", "ProfileStation", "clear_request", "profile", "set_request"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def profile(number: int, purpose: str = "TxDefaultProfile", level: int = 0, **more: Any) -> dict[str, Any]:
    """A csChargingProfiles object: 10 A, relative."""
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
        },
    } | more


def set_request(connector_id: int, wanted: dict[str, Any]) -> SetChargingProfileRequest:
    """The command that installs it."""
    return decode(
        SetChargingProfileRequest, msgspec.json.encode({"connectorId": connector_id, "csChargingProfiles": wanted})
    )


def clear_request(**fields: Any) -> ClearChargingProfileRequest:
    """The command with these fields, named as on the wire."""
    return decode(ClearChargingProfileRequest, msgspec.json.encode(fields))


class ProfileStation:
    """What one station has installed: id → (connector, purpose, level, transaction). `mood` is what becomes of
    commands: `obeys`, `rejects`, `unsupported`, `error`, `lost` (never arrived), `deaf` (done, but the answer is
    lost), `nonsense` (done, with an answer that is none), `offline`."""

    def __init__(self) -> None:
        self.installed: dict[int, tuple[int, str, int, int | None]] = {}
        self.running: dict[int, int] = {}  # connector → transaction

    def set(self, request: SetChargingProfileRequest, mood: str = "obeys") -> Outcome:
        """SetChargingProfile."""
        status = ChargingProfileStatus.ACCEPTED
        if mood == "rejects":
            status = ChargingProfileStatus.REJECTED
        elif mood == "unsupported":
            status = ChargingProfileStatus.NOT_SUPPORTED
        elif mood in ("obeys", "deaf", "nonsense"):
            wanted = request.cs_charging_profiles
            purpose, place = wanted.charging_profile_purpose.value, request.connector_id
            transaction = self.running.get(place) if purpose == "TxProfile" else None
            if purpose == "TxProfile" and transaction is None:
                status = ChargingProfileStatus.REJECTED
            else:
                slot = (place, purpose, wanted.stack_level)
                self._remove(lambda number, each: number == wanted.charging_profile_id or each[:3] == slot)
                self.installed[wanted.charging_profile_id] = (*slot, transaction)
        return self._end(SetChargingProfileResponse(status=status), mood)

    def clear(self, request: ClearChargingProfileRequest, mood: str = "obeys") -> Outcome:
        """ClearChargingProfile."""
        status = ClearChargingProfileStatus.UNKNOWN
        if mood in ("obeys", "deaf", "nonsense") and self._remove(lambda number, each: _matches(number, each, request)):
            status = ClearChargingProfileStatus.ACCEPTED
        elif mood in ("rejects", "unsupported"):
            mood = "error"  # the answer has no such status
        return self._end(ClearChargingProfileResponse(status=status), mood)

    def stop(self, connector_id: int) -> int:
        """The transaction of the connector ends, and its profiles; returns its number."""
        number = self.running.pop(connector_id)
        self._remove(lambda _, each: each[3] == number)
        return number

    def _remove(self, condition: Callable[[int, tuple[int, str, int, int | None]], bool]) -> bool:
        gone = [number for number, each in self.installed.items() if condition(number, each)]
        for number in gone:
            del self.installed[number]
        return bool(gone)

    @staticmethod
    def _end(response: Any, mood: str) -> Outcome:
        match mood:
            case "error":
                return Refused(code="InternalError")
            case "lost" | "deaf":
                return Unanswered(reason="no answer in 30 s")
            case "nonsense":
                return Malformed(reason="status: nonsense")
            case "offline":
                return NotSent(reason="the station is not connected")
            case _:
                return Answered(response=response, elapsed_seconds=0.0)


def _matches(number: int, each: tuple[int, str, int, int | None], request: ClearChargingProfileRequest) -> bool:
    if not isinstance(request.id, UnsetType):
        return number == request.id
    purpose = request.charging_profile_purpose
    wanted = (request.connector_id, purpose if isinstance(purpose, UnsetType) else purpose.value, request.stack_level)
    return all(isinstance(one, UnsetType) or one == there for one, there in zip(wanted, each, strict=False))


class ProfileOffice:
    """The service on a database, and one station."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ids = iter(range(1, 100_000))
        self.clock = ManualClock(NOON)
        self.device = ProfileStation()
        self.storage: Storage
        self.profiles: ChargingProfilesService
        self.station: StationRow

    async def start(self) -> "ProfileOffice":
        """Open the database, and load what is in it."""
        self.storage = await open_storage(self._url, self.clock)
        self.storage.journal.begin()
        await self.another_station()
        await self.reload()
        return self

    async def another_station(self) -> None:
        """Go on with a station that was never heard of."""
        self.station = await self.storage.add_station(StationRow(id=0, identity=f"A{next(self._ids)}"))
        self.device = ProfileStation()

    async def reload(self) -> None:
        """A new service, which knows what the database knows."""
        ledger = JournalLedger(self.storage.journal, self.clock)
        transactions = KnownTransactionsService(self.storage)
        self.profiles = ChargingProfilesService(
            self.storage, ledger, self.clock, transactions, lambda: f"id{next(self._ids)}"
        )
        await self.profiles.load()

    async def set(self, connector_id: int, wanted: dict[str, Any], mood: str = "obeys") -> ChargingProfileRow | None:
        """The whole of one SetChargingProfile; its row, None where it was not sent."""
        self.clock.advance(1)
        request = set_request(connector_id, wanted)
        await self.profiles.asking(self.station, request)
        await self.profiles.asked(self.station, request, self.device.set(request, mood))
        where = {"station_id": self.station.id, "charging_profile_id": wanted["chargingProfileId"]}
        rows = await self.storage.page(ChargingProfileRow, where, descending=True, limit=1)
        return rows[0] if rows else None

    async def clear(self, mood: str = "obeys", **fields: Any) -> None:
        """The whole of one ClearChargingProfile."""
        self.clock.advance(1)
        request = clear_request(**fields)
        await self.profiles.cleared(self.station, request, self.device.clear(request, mood))

    async def remote_start(
        self, wanted: dict[str, Any], *, connector_id: int | None = None, is_accepted: bool = True
    ) -> None:
        """The whole of one RemoteStartTransaction with a profile, by TAG."""
        self.clock.advance(1)
        payload = {"idTag": "TAG", "chargingProfile": wanted}
        payload |= {} if connector_id is None else {"connectorId": connector_id}
        request = decode(RemoteStartTransactionRequest, msgspec.json.encode(payload))
        status = RemoteStartStopStatus.ACCEPTED if is_accepted else RemoteStartStopStatus.REJECTED
        await self.profiles.asking(self.station, request)
        response = RemoteStartTransactionResponse(status=status)
        await self.profiles.asked(self.station, request, Answered(response=response, elapsed_seconds=0.0))

    async def begin(self, connector_id: int, id_tag: str = "TAG", seconds_ago: float = 0.0) -> int:
        """A StartTransaction, committed; its number."""
        self.clock.advance(1)
        call = self._call("StartTransaction")
        instant = self.clock.now_microseconds() - int(seconds_ago * 1e6)
        start = StartRecord(
            connector_id=connector_id,
            id_tag=id_tag,
            instant=instant,
            station_time="",
            meter_start=self.clock.now_microseconds(),
            id_tag_status="Accepted",
        )
        call.add(start)
        self.profiles.started(call, start)
        await self._settle(call)
        assert start.transaction_id is not None
        self.device.running[connector_id] = start.transaction_id
        return start.transaction_id

    async def end(self, connector_id: int) -> None:
        """A StopTransaction, committed."""
        self.clock.advance(1)
        call = self._call("StopTransaction")
        stop = self.stop_record(self.device.stop(connector_id))
        call.add(stop)
        self.profiles.stopped(call, stop)
        await self._settle(call)

    def stop_record(self, number: int) -> StopRecord:
        """A stop of that transaction, now."""
        return StopRecord(
            transaction_id=number,
            instant=self.clock.now_microseconds(),
            station_time=str(self.clock.now_microseconds()),
            meter_stop=0,
            transaction_data=[],
        )

    async def rows(self) -> list[ChargingProfileRow]:
        """All sendings, the oldest first."""
        return await self.storage.page(ChargingProfileRow, {"station_id": self.station.id}, limit=1000)

    async def states(self) -> list[tuple[int, str]]:
        """(OCPP's id, state) of all sendings."""
        return [(row.charging_profile_id, row.state) for row in await self.rows()]

    async def events(self) -> list[str]:
        """The kinds of the events about profiles."""
        rows = await self.storage.events_after(0, 1000)
        return [row.kind.removeprefix("charging_profile.") for row in rows if "charging_profile." in row.kind]

    def _call(self, action: str) -> CallContext:
        unit = Unit(self.station.id, ANY_EPOCH, self.clock.now_microseconds(), action, b"[2]", lambda unit, how: None)
        return CallContext(self.station, unit, 0.0, UTC, lambda: Timestamp.of(self.clock.now()), (), UnreadableTimes())

    async def _settle(self, *calls: CallContext) -> None:
        settled: Sequence[Settlement] = []
        for call in calls:

            def on_settled(unit: Unit, how: Settlement, call: CallContext = call) -> None:
                settled.append(how)  # type: ignore[attr-defined]
                for act in call.afterwards or ():
                    act()

            call.unit.on_settled = on_settled
            self.storage.journal.submit(call.unit)
        await self.storage.journal.drain()
        assert list(settled) == [Settlement.DURABLE] * len(calls)
