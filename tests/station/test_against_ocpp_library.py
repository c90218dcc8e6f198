"""Our station against a central system made of the `ocpp` library, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from tests.station.world import car
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chargewright.clock import SystemClock
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

NOW = datetime.now(UTC).isoformat()


class CentralSystem(ChargePoint):  # type: ignore[misc]  # the library has no types
    """One station's counterpart; validates every message against the official schemas."""

    def __init__(self, identity: str, connection: ServerConnection) -> None:
        super().__init__(identity, connection)
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.changed = asyncio.Event()

    def saw(self, action: str, payload: dict[str, Any]) -> None:
        self.seen.append((action, payload))
        self.changed.set()

    async def expect(self, action: str, count: int = 1, **wanted: Any) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [payload for name, payload in self.seen if name == action and wanted.items() <= payload.items()]

        async with asyncio.timeout(20):
            while len(found()) < count:
                self.changed.clear()
                await self.changed.wait()
        return found()[count - 1]

    @on("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        self.saw("BootNotification", payload)
        return call_result.BootNotification(current_time=NOW, interval=300, status="Accepted")

    @on("StatusNotification")
    def on_status(self, **payload: Any) -> Any:
        self.saw("StatusNotification", payload)
        return call_result.StatusNotification()

    @on("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.saw("Heartbeat", payload)
        return call_result.Heartbeat(current_time=NOW)

    @on("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.saw("Authorize", payload)
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def on_start(self, **payload: Any) -> Any:
        self.saw("StartTransaction", payload)
        return call_result.StartTransaction(transaction_id=4711, id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    def on_meter_values(self, **payload: Any) -> Any:
        self.saw("MeterValues", payload)
        return call_result.MeterValues()

    @on("StopTransaction")
    def on_stop(self, **payload: Any) -> Any:
        self.saw("StopTransaction", payload)
        return call_result.StopTransaction()

    @on("DataTransfer")
    def on_data_transfer(self, **payload: Any) -> Any:
        self.saw("DataTransfer", payload)
        return call_result.DataTransfer(status="UnknownVendorId")

    @on("FirmwareStatusNotification")
    def on_firmware_status(self, **payload: Any) -> Any:
        self.saw("FirmwareStatusNotification", payload)
        return call_result.FirmwareStatusNotification()

    @on("SignedFirmwareStatusNotification")
    def on_signed_firmware_status(self, **payload: Any) -> Any:
        self.saw("SignedFirmwareStatusNotification", payload)
        return call_result.SignedFirmwareStatusNotification()

    @on("DiagnosticsStatusNotification")
    def on_diagnostics_status(self, **payload: Any) -> Any:
        self.saw("DiagnosticsStatusNotification", payload)
        return call_result.DiagnosticsStatusNotification()

    @on("LogStatusNotification")
    def on_log_status(self, **payload: Any) -> Any:
        self.saw("LogStatusNotification", payload)
        return call_result.LogStatusNotification()

    @on("SecurityEventNotification")
    def on_security_event(self, **payload: Any) -> Any:
        self.saw("SecurityEventNotification", payload)
        return call_result.SecurityEventNotification()

    @on("SignCertificate")
    def on_sign_certificate(self, **payload: Any) -> Any:
        self.saw("SignCertificate", payload)
        return call_result.SignCertificate(status="Accepted")


@asynccontextmanager
async def charging_station(
    transport: str, name: str, store: StationStore, systems: asyncio.Queue[CentralSystem] | None = None
) -> AsyncIterator[tuple[VirtualStation, CentralSystem]]:
    """A virtual station that is connected to a central system; both are ended afterwards.

    `systems` gets one for each connection after the first.
    """
    systems = asyncio.Queue() if systems is None else systems

    async def accept(connection: ServerConnection) -> None:
        assert connection.request is not None
        system = CentralSystem(connection.request.path.rpartition("/")[2], connection)
        systems.put_nowait(system)
        with pytest.raises(ConnectionClosed):
            await system.start()

    async with serve(accept, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        port = server.sockets[0].getsockname()[1]
        virtual = VirtualStation(
            "CW-LIB",
            f"ws://127.0.0.1:{port}/ocpp",
            product_from(name),
            store,
            connect=implementation(transport).connect,
            clock=SystemClock(),
            random=Random(1),
            delay_seconds=lambda attempt, random: 0.05,
        )
        life = asyncio.create_task(virtual.run())
        try:
            yield virtual, await asyncio.wait_for(systems.get(), 20)
        finally:
            await virtual.close()
            await asyncio.wait_for(life, 20)


@pytest.mark.parametrize("transport", ["picows", "websockets"])
async def test_it_boots_charges_locally_and_stops(transport: str, tmp_path: Path) -> None:
    with StationStore(tmp_path / "station.sqlite3", Random(1)) as store:
        async with charging_station(transport, "koolsign_kcap7pg_cl5g", store) as (virtual, system):
            boot = await system.expect("BootNotification")
            assert boot["charge_point_vendor"] == "Chargewright"
            await system.expect("StatusNotification", connector_id=0, status="Available")
            await system.expect("StatusNotification", connector_id=1, status="Available")
            changed = await system.call(call.ChangeConfiguration(key="MeterValueSampleInterval", value="1"))
            assert changed.status in ("Accepted", "Rejected")
            virtual.plug(1, car(soc=0.5))
            await system.expect("StatusNotification", connector_id=1, status="Preparing")
            virtual.show_tag("MY-CARD", 1)
            start = await system.expect("StartTransaction")
            assert start["id_tag"] == "MY-CARD"
            await system.expect("StatusNotification", connector_id=1, status="Charging")
            if changed.status == "Accepted":
                values = await system.expect("MeterValues", 2)
                assert values["transaction_id"] == 4711
            virtual.show_tag("MY-CARD", 1)
            stop = await system.expect("StopTransaction")
            assert stop["transaction_id"] == 4711
            assert stop["reason"] == "Local"
            assert stop["meter_stop"] - start["meter_start"] == virtual.station.snapshot().energy_completed_wh
            await system.expect("StatusNotification", connector_id=1, status="Finishing")
            virtual.unplug(1)
            await system.expect("StatusNotification", 2, connector_id=1, status="Available")


async def test_it_is_started_and_stopped_remotely(tmp_path: Path) -> None:
    with StationStore(tmp_path / "station.sqlite3", Random(1)) as store:
        async with charging_station("picows", "kempower_s_series", store) as (virtual, system):
            await system.expect("StatusNotification", connector_id=2, status="Available")
            virtual.plug(2, car(soc=0.5))
            await system.expect("StatusNotification", connector_id=2, status="Preparing")
            answer = await system.call(call.RemoteStartTransaction(id_tag="APP-7", connector_id=2))
            assert answer.status == "Accepted"
            start = await system.expect("StartTransaction")
            assert (start["connector_id"], start["id_tag"]) == (2, "APP-7")
            await system.expect("StatusNotification", connector_id=2, status="Charging")
            # The answer of StartTransaction has to be back before its id means anything to the station.
            assert await virtual.wait_until(lambda: virtual.look(2).transaction_id == 4711, 20)
            refused = await system.call(call.RemoteStopTransaction(transaction_id=1))
            assert refused.status == "Rejected"
            accepted = await system.call(call.RemoteStopTransaction(transaction_id=4711))
            assert accepted.status == "Accepted"
            stop = await system.expect("StopTransaction")
            assert stop["reason"] == "Remote"
            configuration = await system.call(call.GetConfiguration())
            assert "NumberOfConnectors" in {item["key"] for item in configuration.configuration_key}
            unlocked = await system.call(call.UnlockConnector(connector_id=2))
            assert unlocked.status == "NotSupported"
            assert (await system.call(call.ClearCache())).status == "Accepted"
            triggered = await system.call(call.TriggerMessage(requested_message="MeterValues", connector_id=2))
            assert triggered.status == "Accepted"
            await system.expect("MeterValues")
