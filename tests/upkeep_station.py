"""A charge point on the independent `ocpp` library that is told to update its firmware and to upload files."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from tests.csms.wire import PASSWORD

__all__ = ["UpkeepStation", "upkeep_station"]


class UpkeepStation(ChargePoint):  # type: ignore[misc]  # the library has no types
    """Takes every order; `refuses` those that are unsigned, `file_name` is what it will upload."""

    refuses = False
    file_name: str | None = "diagnostics.zip"
    request_id: int | None = None

    @on("UpdateFirmware")
    async def on_update(self, **payload: Any) -> Any:
        if self.refuses:
            raise NotSupportedError(description="signed updates only")
        return call_result.UpdateFirmware()

    @on("SignedUpdateFirmware")
    async def on_signed_update(self, request_id: int, **payload: Any) -> Any:
        status = "Accepted" if self.request_id is None else "AcceptedCanceled"
        self.request_id = request_id
        return call_result.SignedUpdateFirmware(status=status)

    @on("GetDiagnostics")
    async def on_diagnostics(self, **payload: Any) -> Any:
        return call_result.GetDiagnostics(file_name=self.file_name)

    @on("GetLog")
    async def on_log(self, request_id: int, **payload: Any) -> Any:
        self.request_id = request_id
        return call_result.GetLog(status="Accepted", filename="security.log")


@asynccontextmanager
async def upkeep_station(url: str, version: str = "1.0", identity: str = "A1") -> AsyncIterator[UpkeepStation]:
    """One that has just booted with that firmware."""
    credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(
        f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None
    ) as socket:
        station = UpkeepStation(identity, socket)
        reader = asyncio.create_task(station.start())
        try:
            boot = call.BootNotification(
                charge_point_model="Shelf", charge_point_vendor="Library", firmware_version=version
            )
            assert (await station.call(boot)).status == "Accepted"
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
