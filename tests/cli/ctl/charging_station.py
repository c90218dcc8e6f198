"""A station on the independent `ocpp` library that keeps charging profiles, or answers as its mood is."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from ocpp.exceptions import PropertyConstraintViolationError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from tests.csms.wire import PASSWORD

__all__ = ["ChargingStation", "charging_station"]


class ChargingStation(ChargePoint):  # type: ignore[misc]  # the library has no types
    """`mood`: `Accepted` and other statuses, `error` for CALLERROR, `silence`."""

    def __init__(self, identity: str, socket: Any) -> None:
        super().__init__(identity, socket)
        self.mood = "Accepted"
        self.installed: dict[int, int] = {}  # id → connector
        self.is_over = asyncio.Event()

    async def _status(self) -> str:
        if self.mood == "error":
            raise PropertyConstraintViolationError("no")
        if self.mood == "silence":
            await self.is_over.wait()
        return self.mood

    @on(Action.set_charging_profile)  # type: ignore[untyped-decorator]
    async def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        status = await self._status()
        if status == "Accepted":
            self.installed[cs_charging_profiles["charging_profile_id"]] = connector_id
        return call_result.SetChargingProfile(status=status)

    @on(Action.clear_charging_profile)  # type: ignore[untyped-decorator]
    async def on_clear_charging_profile(self, id: int | None = None, **_: Any) -> Any:
        gone = list(self.installed) if id is None else [id]
        removed = [self.installed.pop(number, None) for number in gone]
        is_done = any(connector is not None for connector in removed)
        return call_result.ClearChargingProfile(status="Accepted" if is_done else "Unknown")

    @on(Action.get_composite_schedule)  # type: ignore[untyped-decorator]
    async def on_get_composite_schedule(self, connector_id: int, duration: int, **_: Any) -> Any:
        if await self._status() != "Accepted":
            return call_result.GetCompositeSchedule(status="Rejected")
        periods = [{"startPeriod": 0, "limit": 16.1}]
        schedule = {"duration": duration, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start="2026-03-01T12:00:00Z",
            charging_schedule=schedule,
        )


@asynccontextmanager
async def charging_station(url: str, identity: str) -> AsyncIterator[ChargingStation]:
    """One that is connected, and whose boot is accepted."""
    credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(
        f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None
    ) as socket:
        station = ChargingStation(identity, socket)
        reader = asyncio.create_task(station.start())
        try:
            answer = await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
            assert answer.status == "Accepted"
            yield station
        finally:
            station.is_over.set()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
