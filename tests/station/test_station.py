"""A whole station against a scripted central system, in virtual time."""

import asyncio
from typing import Any

import pytest
import structlog
from tests.station.scripted_csms import SILENCE
from tests.station.test_firmware import PROTOCOLS
from tests.station.test_security import SECURITY
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.protocol.v16.core import ConfigurationStatus, HeartbeatRequest, HeartbeatResponse
from chargewright.station.context import CallFailed, CallFailure
from chargewright.station.hardware.interface import Outlet
from chargewright.station.store import StationStoreError


def test_it_boots_charges_and_stops() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert csms.names()[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]
        world.virtual.plug(1, car())
        await asyncio.sleep(5)
        world.virtual.show_tag("TAG1")
        start = await csms.expect("StartTransaction")
        assert start["connectorId"] == 1
        await asyncio.sleep(600)
        world.virtual.show_tag("TAG1")
        stop = await csms.expect("StopTransaction")
        assert stop["transactionId"] == csms.transaction_id
        assert csms.statuses(1) == ["Available", "Preparing", "Charging", "Finishing"]
        world.virtual.unplug(1)
        await asyncio.sleep(1)
        assert csms.statuses(1)[-1] == "Available"

    live(main)


def test_a_csms_that_says_too_much_does_not_keep_it_from_booting() -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = {
            "status": "Accepted",
            "currentTime": "2026-01-01T00:00:00+02",
            "interval": 300,
            "greeting": "hello",
        }
        await world.boot()
        # What it orders must be exact, though.
        refused = await world.csms.call("GetConfiguration", key=["HeartbeatInterval"], greeting="hello")
        assert refused[0] == "FormationViolation"

    live(main)


def test_nothing_is_said_unasked_before_it_is_accepted() -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = {
            "status": "Pending",
            "currentTime": world.clock.now().isoformat(),
            "interval": 600,
        }
        world.start()
        await world.csms.expect("BootNotification")
        await asyncio.sleep(1)
        # As a block would that does not ask first whether it may.
        with pytest.raises(CallFailed) as caught:
            await world.virtual.station._context.call(HeartbeatRequest(), HeartbeatResponse)
        assert caught.value.failure is CallFailure.OFFLINE
        assert {action for _, action, _ in world.csms.calls} == {"BootNotification"}

    live(main)


def test_it_ends_with_a_goodbye_and_energy_off() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(10)
        await world.close()
        assert world.csms.closed == [1001]
        assert not world.virtual.connectors[0].is_closed
        register = world.virtual.station.meter_readings()[1]
        assert world.store.register(1)[0] == pytest.approx(register, abs=1)
        await asyncio.sleep(100)
        assert world.virtual.station.meter_readings()[1] == register
        # Reported after the next boot, as this product claims.
        assert world.csms.of("StopTransaction") == []

    live(main)


def test_a_product_that_stops_before_going_down_does_so() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await world.close()
        assert [payload["reason"] for payload in world.csms.of("StopTransaction")] == ["PowerLoss"]

    live(main, product(stops_before_power_down=True))


def test_a_snapshot_shows_what_is_going_on_and_hides_the_tag() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(2, car(soc=0.5))
        world.virtual.show_tag("0123456789ABCDEF", 2)
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(60)
        snapshot = world.virtual.station.snapshot()
        assert (snapshot.station_id, snapshot.is_connected, snapshot.is_accepted) == ("CW 1", True, True)
        idle, busy = snapshot.connectors
        assert not idle.has_transaction and idle.power_w == 0
        assert busy.status.value == "Charging" and busy.power_w == pytest.approx(100_000)
        assert busy.transaction_id == world.csms.transaction_id
        assert busy.transaction_energy_wh == pytest.approx(100_000 / 60, abs=2) == snapshot.energy_running_wh
        assert busy.soc_percent is not None and busy.soc_percent > 50
        assert busy.id_tag == "…CDEF"
        assert snapshot.messages_sent >= 8 and snapshot.messages_received >= 7

    live(main, product(SOCKET, DC_CABLE))


def test_what_an_earlier_run_left_open_belongs_to_the_opening_of_this_one() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(600)
        await world.cut_power()
        await world.restart()
        await world.csms.expect("StopTransaction")
        opening, now = world.virtual.station.opening, world.virtual.station.snapshot()
        assert (opening.transactions_completed, now.transactions_completed) == (1, 1)
        assert world.virtual.station.recovered == 1
        assert opening.energy_completed_wh == now.energy_completed_wh > 0

    live(main)


def test_it_does_not_end_before_the_last_status_is_told() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(60)
        world.virtual.show_tag("TAG")
        world.virtual.unplug(1)
        with structlog.testing.capture_logs() as log:
            await world.close()
        assert [entry for entry in log if entry["event"] == "status not told"] == []
        assert world.csms.statuses(1)[-1] == "Available"

    live(main)


def test_told_means_the_statuses_too() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        await world.virtual.station.wait_until_told()
        assert world.csms.statuses(1)[-1] == "Preparing"

    live(main)


def test_a_csms_that_does_not_answer_cannot_keep_it_from_ending() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.answers["StatusNotification"] = SILENCE
        world.virtual.plug(1, car())
        began = world.clock.monotonic()
        await world.close()
        assert world.clock.monotonic() - began == pytest.approx(2.0, abs=0.5)

    live(main)


def full_disk(statement: str, *parameters: Any) -> int:
    raise StationStoreError(":memory:", "database or disk is full")


def test_a_full_disk_at_the_moment_of_a_loss_costs_nothing_but_a_note() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.answers["Heartbeat"] = SILENCE
        await csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(1)
        assert csms.wire is not None
        with pytest.MonkeyPatch.context() as disk, structlog.testing.capture_logs() as logs:
            disk.setattr(world.store.database, "write", full_disk)
            csms.wire.abort()
            await asyncio.sleep(1)
        assert [entry["note"] for entry in logs if entry["event"] == "a diagnostics note was lost"] == ["offline"]
        await asyncio.sleep(60)
        csms.calls.clear()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")

    live(main, product(file_transfer_protocols=PROTOCOLS))


def test_the_link_learns_of_a_loss_before_anybody_who_may_fail() -> None:
    async def main(world: World) -> None:
        csms, station = world.csms, world.virtual.station
        await world.boot()
        csms.answers["Heartbeat"] = SILENCE
        await csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(1)
        offline = station._blocks.offline

        def fail() -> None:
            station._blocks.offline = offline  # type: ignore[method-assign]  # as it was
            raise ZeroDivisionError

        station._blocks.offline = fail  # type: ignore[method-assign]  # what should not happen
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))
        assert csms.wire is not None
        csms.wire.abort()
        await asyncio.sleep(60)
        csms.calls.clear()
        world.virtual.plug(1, car())
        await csms.expect("StatusNotification")

    failures: list[Exception] = []
    live(main)
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


def test_a_password_that_a_technician_changes_is_used_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await world.change("AuthorizationKey", "11" * 16) == "Accepted"
        assert await world.change("SecurityProfile", "1") == "Accepted"
        await asyncio.sleep(30)
        connections = len(world.csms.closed)
        answer = world.virtual.station.change_configuration("AuthorizationKey", "22" * 16)
        assert answer is ConfigurationStatus.ACCEPTED
        await asyncio.sleep(30)
        assert len(world.csms.closed) == connections + 1 and world.virtual.station.is_online

    live(main, product(security=SECURITY))


def pending_timers(world: World) -> list[object]:
    """What would still happen in the station's loop, the CSMS's own calls apart."""
    loop: Any = asyncio.get_running_loop()
    return [handle for handle in loop._scheduled if not handle.cancelled()]


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE])
@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_tag_that_was_asked_about_starts_nothing_after_the_end(outlet: Outlet, is_orderly: bool) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        world.csms.answers["Authorize"] = SILENCE
        world.virtual.plug(1, car())
        await asyncio.sleep(1)
        world.virtual.show_tag("TAG")
        await world.csms.expect("Authorize")
        await (world.close() if is_orderly else world.cut_power())
        assert pending_timers(world) == []
        await asyncio.sleep(5)
        world.virtual.show_tag("TAG")
        world.virtual.station.select_connector(1)
        await asyncio.sleep(300)
        assert world.store.transactions() == [] and world.store.queue() == []
        assert not world.virtual.is_locked(1)
        assert pending_timers(world) == []

    live(main, product(outlet))


def test_whoever_comes_during_the_farewell_is_not_let_in() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await csms.expect("StartTransaction")
        world.virtual.show_tag("WAITING", 2)
        await asyncio.sleep(20)
        assert world.virtual.look(2).status.value == "Preparing"
        csms.answers["StopTransaction"] = "InternalError"
        ending = asyncio.create_task(world.virtual.station.close())
        await asyncio.sleep(1)
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG2", 1)
        remote = await csms.call("RemoteStartTransaction", idTag="TAG3", connectorId=1)
        assert remote == {"status": "Rejected"}
        await ending
        await asyncio.sleep(60)
        assert [item.id_tag for item in world.store.transactions()] == ["TAG"]
        assert csms.of("StartTransaction")[1:] == []

    live(main, product(SOCKET, SOCKET, stops_before_power_down=True))


@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_plug_that_is_the_tag_starts_nothing_after_the_end(is_orderly: bool) -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        ending = asyncio.create_task(world.close() if is_orderly else world.cut_power())
        await ending
        with pytest.MonkeyPatch.context() as disk:
            disk.setattr(world.store.database, "write", full_disk)
            await asyncio.sleep(60)
        assert world.store.transactions() == []

    live(main, product(DC_CABLE, free_vending_tag="FREE"))


def test_a_reset_that_is_tried_again_does_not_open_a_station_that_ends() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        world.virtual.restarter.failures = 1
        await world.change("ResetRetries", "1")
        await csms.call("Reset", type="Soft")
        await asyncio.sleep(1)
        world.virtual.station.select_connector(1)
        await world.close()
        assert pending_timers(world) == []
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await asyncio.sleep(60)
        assert world.store.transactions() == []
        assert not any(connector.can_be_used for connector in world.virtual.station._blocks.connectors)

    live(main)


def test_a_command_that_comes_as_the_station_ends_has_no_effect() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(60)
        wire, order, queue = csms.wire, len(csms.order), world.store.queue()
        assert wire is not None
        world.virtual.station.cut_power()
        wire.on_message(b'[2,"late","RemoteStopTransaction",{"transactionId":101}]')
        wire.on_message(b"nonsense")
        await asyncio.sleep(60)
        assert len(csms.order) == order
        assert world.store.queue() == queue

    live(main, product(security=SECURITY))
