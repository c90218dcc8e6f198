"""The clock of a station: set by the CSMS and by hand, and what waits for a time of day (§4.2, §4.6)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from tests.station.timers import START
from tests.station.world import World, car, live, product

from chargewright.clock import ManualClock
from chargewright.errors import LocalProtocolError
from chargewright.station.product import Reservations
from chargewright.station.station_clock import IGNORED_SECONDS, LEAST, MOST, StationClock


def test_it_runs_as_its_base_does_and_only_the_time_of_day_is_set() -> None:
    base = ManualClock(START)
    clock = StationClock(base)
    jumps: list[float] = []
    clock.on_change = jumps.append
    clock.set(START + timedelta(hours=3))
    base.advance(10)
    assert clock.now() == START + timedelta(hours=3, seconds=10)
    assert clock.now_microseconds() == round(clock.now().timestamp() * 1e6)
    assert clock.monotonic() == base.monotonic() == 10
    assert jumps == [10_800.0] and base.now() == START + timedelta(seconds=10)


@pytest.mark.parametrize("seconds", [-3600.0, -IGNORED_SECONDS - 0.1, -IGNORED_SECONDS, 0.5, IGNORED_SECONDS, 3.0, 1e6])
def test_the_time_of_the_csms_is_followed_where_it_differs_by_more_than_a_slow_line(seconds: float) -> None:
    clock = StationClock(ManualClock(START))
    clock.synchronise(START + timedelta(seconds=seconds))
    followed = abs(seconds) > IGNORED_SECONDS
    assert clock.now() == (START + timedelta(seconds=seconds) if followed else START)


def test_a_time_of_another_zone_is_the_same_time() -> None:
    clock = StationClock(ManualClock(START))
    clock.set(datetime.fromisoformat("2026-06-01T12:00:00+02:00"))
    assert clock.now() == datetime(2026, 6, 1, 10, tzinfo=UTC)


def test_the_answer_to_boot_notification_sets_it() -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = {
            "status": "Accepted",
            "currentTime": "2031-05-05T05:05:05Z",
            "interval": 0,
        }
        await world.boot()
        told = await world.csms.expect("StatusNotification", 2)
        assert told["timestamp"].startswith("2031-05-05T05:05:0")

    live(main)


def test_the_next_heartbeat_mends_what_a_technician_has_set() -> None:
    async def main(world: World) -> None:
        with structlog.testing.capture_logs() as logs:
            await world.boot()
            world.virtual.clock.set(world.clock.now() + timedelta(days=1))
            world.virtual.plug(1, car())
            wrong = await world.csms.expect("StatusNotification", 3)
            assert datetime.fromisoformat(wrong["timestamp"]) > world.clock.now() + timedelta(hours=23)
            await world.change("HeartbeatInterval", "10")
            await world.csms.expect("Heartbeat")
            await asyncio.sleep(1)
            assert abs((world.station_clock.now() - world.clock.now()).total_seconds()) <= IGNORED_SECONDS
        events = [entry["detail"] for entry in logs if entry.get("kind") == "SettingSystemTime"]
        assert events == ["changed by +86400 s", "changed by -86400 s"]

    live(main)


def aligned(world: World) -> list[str]:
    values: list[Any] = [item for payload in world.csms.of("MeterValues") for item in payload["meterValue"]]
    return [item["timestamp"][11:19] for item in values if item["sampledValue"][0]["context"] == "Sample.Clock"]


def test_clock_aligned_values_follow_a_jump() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ClockAlignedDataInterval", "900")
        world.virtual.clock.set(datetime(2027, 1, 1, 12, 14, 50, tzinfo=UTC))
        await asyncio.sleep(15)
        assert aligned(world) == ["12:15:00"]
        world.virtual.clock.set(datetime(2027, 1, 1, 11, 59, 50, tzinfo=UTC))
        await asyncio.sleep(15)
        assert aligned(world) == ["12:15:00", "12:00:00"]

    live(main)


def test_reservations_follow_a_jump() -> None:
    async def main(world: World) -> None:
        await world.boot()
        expiry = (world.clock.now() + timedelta(hours=1)).isoformat()
        await world.csms.call("ReserveNow", connectorId=1, expiryDate=expiry, idTag="A", reservationId=1)
        await asyncio.sleep(1)
        world.virtual.clock.set(world.clock.now() + timedelta(hours=2))
        await asyncio.sleep(1)
        assert world.csms.statuses(1) == ["Available", "Reserved", "Available"]

    live(main, product(reservations=Reservations(has_connector_zero=True)))


def test_it_runs_on_over_a_power_cut() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.clock.set(world.clock.now() + timedelta(days=1))
        await world.cut_power()
        world.csms.is_reachable = False
        await world.restart()
        assert world.virtual.clock.now() > world.clock.now() + timedelta(hours=23)

    live(main)


@pytest.mark.parametrize(
    "moment",
    [
        LEAST - timedelta(seconds=1),
        MOST + timedelta(seconds=1),
        datetime.fromisoformat("9999-12-31T23:59:59+00:00"),
        datetime.fromisoformat("9999-12-31T23:59:59-14:00"),
        datetime.fromisoformat("0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_time_that_cannot_be_right_is_not_followed(moment: datetime) -> None:
    clock = StationClock(ManualClock(START))
    assert not clock.synchronise(moment)
    with pytest.raises(LocalProtocolError, match="1970"):
        clock.set(moment)
    assert clock.now() == START


@pytest.mark.parametrize("moment", [LEAST, MOST, START])
def test_a_time_that_may_be_right_is_followed(moment: datetime) -> None:
    clock = StationClock(ManualClock(START))
    assert clock.synchronise(moment)
    assert clock.now() == moment


def test_a_heartbeat_of_the_year_9999_is_told_to_the_log_and_nothing_else_happens() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.answers["Heartbeat"] = {"currentTime": "9999-12-31T23:59:59Z"}
        with structlog.testing.capture_logs() as logs:
            await csms.call("TriggerMessage", requestedMessage="Heartbeat")
            await asyncio.sleep(10)
        assert [entry["told"] for entry in logs if entry["log_level"] == "warning"] == ["9999-12-31T23:59:59+00:00"]
        csms.answers["Heartbeat"] = {"currentTime": (world.clock.now() + timedelta(hours=1)).isoformat()}
        await csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(10)
        assert world.station_clock.now() - world.clock.now() > timedelta(minutes=59)

    live(main)
