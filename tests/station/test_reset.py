"""Reset: answer, stop, boot anew (§5.14)."""

import asyncio

import pytest
import structlog
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live, product

from chargewright.station.hardware.interface import RestartKind


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_a_reset_stops_transactions_and_boots(kind: str, reason: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(65)
        assert await csms.call("Reset", type=kind) == {"status": "Accepted"}
        assert csms.order[-1] == "answer"
        stop = await csms.expect("StopTransaction")
        assert stop["reason"] == reason and stop["transactionId"] == csms.transaction_id
        await csms.expect("BootNotification", 2)
        await asyncio.sleep(5)
        assert csms.closed == [1000]
        assert csms.statuses(1)[-1] == "Finishing"
        if kind == "Soft":
            assert csms.names().index("StopTransaction") < csms.names().index("BootNotification", 1)
        assert len(csms.ids) == len(set(csms.ids))

    live(main)


def test_a_soft_reset_does_not_wait_for_ever_and_a_second_one_is_rejected_meanwhile() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        csms.answers["StopTransaction"] = SILENCE
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}
        assert await csms.call("Reset", type="Soft") == {"status": "Rejected"}
        await csms.expect("BootNotification", 2, within=20)
        del csms.answers["StopTransaction"]
        await csms.expect("StopTransaction", 2)
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}

    live(main)


def test_a_change_that_needs_a_reboot_takes_effect_with_it() -> None:
    async def main(world: World) -> None:
        seen: list[float] = []
        connect = world.csms.connect

        async def watching(url: str, **options: object) -> object:
            seen.append(options["keepalive"].interval_seconds)  # type: ignore[attr-defined]  # a Keepalive
            return await connect(url, **options)

        world.virtual.station._connect = watching  # type: ignore[assignment]  # as `connect`
        await world.boot()
        assert await world.change("WebSocketPingInterval", "7") == "RebootRequired"
        await world.csms.call("Reset", type="Hard")
        await world.csms.expect("BootNotification", 2)
        assert seen == [60.0, 7.0]

    live(main)


@pytest.mark.parametrize(
    ("failures", "retries", "works"), [(1, "1", True), (2, "2", True), (1, "0", False), (3, "2", False)]
)
def test_a_reset_that_fails_is_tried_again_as_often_as_the_key_says(failures: int, retries: str, works: bool) -> None:
    async def main(world: World) -> None:
        csms, restarter = world.csms, world.virtual.restarter
        await world.boot()
        await world.change("ResetRetries", retries)
        restarter.failures = failures
        assert await csms.call("Reset", type="Hard") == {"status": "Accepted"}
        await asyncio.sleep(60)
        assert len(csms.of("BootNotification")) == (2 if works else 1)
        assert restarter.restarts == [RestartKind.HARDWARE] * (failures + works)
        if not works:
            told = csms.of("StatusNotification")[-1]
            assert (told["connectorId"], told["status"], told["errorCode"]) == (0, "Available", "ResetFailure")
            # A later one that works clears the warning.
            restarter.failures = 0
            await csms.call("Reset", type="Soft")
            await csms.expect("BootNotification", 2)
            await asyncio.sleep(5)
        station = [item["errorCode"] for item in csms.of("StatusNotification") if item["connectorId"] == 0]
        assert station[-1] == "NoError"

    live(main)


def test_a_reset_is_a_security_event() -> None:
    async def main(world: World) -> None:
        with structlog.testing.capture_logs() as logs:
            await world.boot()
            await world.csms.call("Reset", type="Soft")
            await world.csms.expect("BootNotification", 2)
        assert [entry["detail"] for entry in logs if entry.get("kind") == "ResetOrReboot"] == ["Reset Soft by the CSMS"]

    live(main)


def test_a_reset_under_way_does_not_wake_a_station_that_is_ending() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.restarter.failures = 1
        await world.csms.call("Reset", type="Hard")
        await asyncio.sleep(1)
        await world.close()
        await asyncio.sleep(60)
        assert len(world.csms.of("BootNotification")) == 1

    live(main)


@pytest.mark.parametrize("obstacle", ["a refused stop", "a restart that fails"])
def test_nobody_is_let_in_while_a_reset_is_under_way(obstacle: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("MeterValueSampleInterval", "60")
        await world.change("ResetRetries", "1")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(30)
        if obstacle == "a refused stop":
            csms.answers["StopTransaction"] = "InternalError"
        else:
            world.virtual.restarter.failures = 1
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}
        await asyncio.sleep(2)
        csms.answers.pop("StopTransaction", None)
        # Somebody else comes to the same connector, and the CSMS would start somebody as well.
        world.virtual.unplug(1)
        world.virtual.plug(1, car())
        world.virtual.show_tag("OTHER", 1)
        assert await csms.call("RemoteStartTransaction", idTag="THIRD") == {"status": "Rejected"}
        await csms.expect("BootNotification", 2)
        await asyncio.sleep(5)
        assert world.virtual.look(1).status.value == "Preparing"
        assert len(csms.of("StartTransaction")) == 1
        # And after it as ever.
        world.virtual.show_tag("OTHER", 1)
        await csms.expect("StartTransaction", 2)
        count = len(csms.of("MeterValues"))
        await asyncio.sleep(200)
        assert len(csms.of("MeterValues")) >= count + 3

    live(main)


def test_after_a_reset_that_fails_people_are_let_in_again() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.restarter.failures = 99
        await world.change("ResetRetries", "1")
        assert await world.csms.call("Reset", type="Hard") == {"status": "Accepted"}
        await asyncio.sleep(60)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")

    live(main)


def test_a_plug_that_is_the_tag_counts_though_it_came_during_a_reset() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.restarter.failures = 1
        await world.change("ResetRetries", "1")
        assert await world.csms.call("Reset", type="Hard") == {"status": "Accepted"}
        await asyncio.sleep(2)
        world.virtual.plug(1, car())
        await asyncio.sleep(1)
        assert world.store.transactions() == []
        start = await world.csms.expect("StartTransaction", within=60)
        assert start["idTag"] == "FREE"

    live(main, product(free_vending_tag="FREE"))


def test_what_could_not_be_stopped_at_first_is_stopped_before_the_restart() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.restarter.failures = 1
        await world.change("ResetRetries", "1")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(30)
        connector = world.virtual.station._blocks.connectors[0]
        stop = connector.stop
        connector.stop = lambda *how, **more: None  # type: ignore[method-assign]  # what should not happen
        assert await csms.call("Reset", type="Hard") == {"status": "Accepted"}
        await asyncio.sleep(5)
        connector.stop = stop  # type: ignore[method-assign]  # as it was
        assert (await csms.expect("StopTransaction", within=60))["reason"] == "HardReset"

    live(main)
