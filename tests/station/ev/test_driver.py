"""Drivers: a week of visits in virtual time, and whatever happens, nobody stays for ever."""

import asyncio
from random import Random

import pytest
from tests.station.scripted_csms import SILENCE
from tests.station.world import DC_CABLE, SOCKET, World, live, product

from chargewright.station.ev.driver import Driver, Habits, IdTagPool

HABITS = Habits(id_tags=("A", "B"))


def drivers(
    world: World, *, speed: float = 1.0, habits: Habits = HABITS, pool: IdTagPool | None = None
) -> list[asyncio.Task[None]]:
    return [
        asyncio.create_task(Driver(world.virtual, number, habits, Random(number), pool=pool, speed=speed).run())
        for number in range(1, len(world.virtual.connectors) + 1)
    ]


def test_a_week_of_charging_adds_up() -> None:
    async def main(world: World) -> None:
        await world.boot()
        visits = drivers(world)
        await asyncio.sleep(7 * 86_400)
        for visit in visits:
            assert not visit.done()
            visit.cancel()
        csms = world.csms
        snapshot = world.virtual.station.snapshot()
        assert snapshot.transactions_completed == len(csms.of("StopTransaction")) > 50
        total = sum(world.virtual.station.meter_readings().values())
        assert snapshot.energy_completed_wh + snapshot.energy_running_wh == pytest.approx(total, abs=2)
        starts, stops = csms.of("StartTransaction"), csms.of("StopTransaction")
        assert snapshot.energy_completed_wh == sum(stop["meterStop"] for stop in stops) - sum(
            start["meterStart"] for start in starts[: len(starts) - snapshot_running(world)]
        )
        assert {start["idTag"] for start in starts} == {"A", "B"}
        # Tag first and plug first both happen.
        assert {payload["reason"] for payload in stops} <= {"Local"}

    live(main, product(SOCKET))


def snapshot_running(world: World) -> int:
    return sum(connector.has_transaction for connector in world.virtual.station.snapshot().connectors)


def test_speed_makes_visits_short_but_power_stays_physical() -> None:
    async def main(world: World) -> tuple[int, float]:
        await world.boot()
        visits = drivers(world, speed=60)
        peak_w = 0.0
        for _ in range(600):
            await asyncio.sleep(1)
            peak_w = max(peak_w, world.virtual.look(1).power_w)
        for visit in visits:
            visit.cancel()
        return world.virtual.station.snapshot().transactions_completed, peak_w

    completed, peak_w = live(main, product(DC_CABLE))
    assert completed >= 4
    assert 50_000 <= peak_w <= 150_000


def test_the_same_seed_gives_the_same_life() -> None:
    async def main(world: World) -> list[object]:
        await world.boot()
        visits = drivers(world)
        await asyncio.sleep(86_400)
        for visit in visits:
            visit.cancel()
        return world.csms.calls

    assert live(main, product(SOCKET, DC_CABLE)) == live(main, product(SOCKET, DC_CABLE))


def test_a_driver_whose_tag_is_refused_leaves() -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
        await world.boot()
        await Driver(world.virtual, 1, HABITS, Random(5)).visit()
        assert world.virtual.connectors[0].vehicle is None
        assert world.csms.of("StartTransaction") == []
        await asyncio.sleep(1)
        assert world.virtual.look(1).status.value == "Available"

    live(main)


def test_a_driver_who_was_deauthorized_gets_the_cable_back() -> None:
    async def main(world: World) -> None:
        world.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
        await world.boot()
        await Driver(world.virtual, 1, HABITS, Random(5)).visit()
        assert world.virtual.connectors[0].vehicle is None
        assert world.csms.of("StopTransaction")[0]["reason"] == "DeAuthorized"

    live(main)


def test_a_stopped_station_does_not_stop_the_clock() -> None:
    with pytest.raises(ValueError, match="speed"):
        Driver(None, 1, HABITS, Random(1), speed=0)  # type: ignore[arg-type]  # refused before it is used


def test_a_card_is_at_one_place_at_a_time() -> None:
    async def main(world: World) -> tuple[int, set[int]]:
        await world.boot()
        pool = IdTagPool(("CARD-A", "CARD-B"))
        visits = drivers(world, pool=pool)
        most, seen = 0, set()
        for _ in range(1440):
            await asyncio.sleep(60)
            charging = [connector for connector in world.virtual.station.snapshot().connectors if connector.id_tag]
            tags = [connector.id_tag for connector in charging]
            assert len(tags) == len(set(tags)), tags
            most = max(most, len(tags))
            seen |= {connector.connector_id for connector in charging}
        for visit in visits:
            assert not visit.done()
            visit.cancel()
        return most, seen

    # Cards are rarer than connectors, and yet everybody has a turn.
    most, seen = live(main, product(SOCKET, SOCKET, SOCKET))
    assert (most, seen) == (2, {1, 2, 3})


def test_tags_are_given_out_by_the_dice_alone() -> None:
    def sequence(seed: int) -> list[str | None]:
        pool, random = IdTagPool(("A", "B", "C", "D")), Random(seed)
        first = [pool.take(random) for _ in range(5)]
        pool.give_back("C")
        return [*first, pool.take(random)]

    taken = sequence(1)
    assert sorted(taken[:4]) == ["A", "B", "C", "D"] and taken[4:] == [None, "C"]
    assert sequence(1) == taken
    assert len({str(sequence(seed)) for seed in range(20)}) > 5


def test_two_spellings_are_one_card_and_only_what_was_taken_comes_back() -> None:
    pool = IdTagPool(("card", "CARD"))
    taken = pool.take(Random(1))
    assert taken is not None and pool.take(Random(1)) is None
    pool.give_back(taken)
    for stranger in (taken, "OTHER"):
        with pytest.raises(ValueError, match="not taken"):
            pool.give_back(stranger)


def test_nobody_comes_without_a_card() -> None:
    async def main(world: World) -> None:
        await world.boot()
        pool = IdTagPool(("A",))
        assert pool.take(Random(1)) == "A"
        driver = Driver(world.virtual, 1, HABITS, Random(5), pool=pool)
        await driver.visit()
        assert world.csms.of("Authorize") == []
        pool.give_back("A")
        await driver.visit()
        await world.virtual.station.wait_until_told()
        assert len(world.csms.of("StopTransaction")) == 1
        assert pool.take(Random(1)) == "A", "it came back with its driver"

    live(main)


@pytest.mark.parametrize("tag_first_share", [0.0, 1.0])
def test_a_tag_that_nobody_could_be_asked_about_is_shown_again_once_the_station_is_online(
    tag_first_share: float,
) -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.cut()
        habits = Habits(id_tags=("A",), tag_first_share=tag_first_share, retry_seconds=(3.0, 4.0))
        visit = asyncio.create_task(Driver(world.virtual, 1, habits, Random(5)).visit())
        # Longer than ConnectionTimeOut: the vehicle that stands there is not forgotten.
        await asyncio.sleep(150)
        assert not visit.done() and not world.virtual.look(1).has_transaction
        world.csms.is_reachable = True
        assert await world.virtual.wait_until(world.virtual.is_online, 60)
        online_at = world.clock.monotonic()
        await world.csms.expect("StartTransaction")
        assert 3 <= world.clock.monotonic() - online_at < 5
        await visit
        assert len(world.csms.of("Authorize")) == len(world.csms.of("StartTransaction")) == 1

    live(main)


def test_a_line_lost_while_the_tag_is_judged_is_a_reason_to_show_it_again() -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = SILENCE
        await world.boot()
        visit = asyncio.create_task(Driver(world.virtual, 1, HABITS, Random(5)).visit())
        await world.csms.expect("Authorize")
        del world.csms.answers["Authorize"]
        world.csms.cut()
        await asyncio.sleep(1)
        world.csms.is_reachable = True
        await world.csms.expect("StartTransaction", within=60)
        await visit

    live(main)


@pytest.mark.parametrize("tag_first_share", [0.0, 1.0])
def test_who_cannot_be_let_in_leaves_after_a_while(tag_first_share: float) -> None:
    async def main(world: World) -> None:
        await world.boot()
        habits = Habits(id_tags=("A",), tag_first_share=tag_first_share)
        world.csms.cut()
        began = world.clock.monotonic()
        await Driver(world.virtual, 1, habits, Random(5)).visit()
        assert 180 <= world.clock.monotonic() - began < 240
        # A line that comes and goes, and a CSMS that never says anything about the tag.
        world.csms.answers["Authorize"] = SILENCE
        visit = asyncio.create_task(Driver(world.virtual, 1, habits, Random(5)).visit())
        for _ in range(60):
            world.csms.is_reachable = True
            await asyncio.sleep(20)
            world.csms.cut()
            await asyncio.sleep(5)
        assert visit.done()
        assert 2 <= len(world.csms.of("Authorize")) <= 5
        assert world.virtual.connectors[0].vehicle is None

    live(main)


@pytest.mark.parametrize("tag_first_share", [0.0, 1.0])
def test_who_waits_to_be_let_in_leaves_at_once_when_called_off(tag_first_share: float) -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.cut()
        driver = Driver(world.virtual, 1, Habits(id_tags=("A",), tag_first_share=tag_first_share), Random(5))
        visit = asyncio.create_task(driver.visit())
        await asyncio.sleep(20)
        driver.call_off()
        await asyncio.wait_for(visit, 1)
        assert world.virtual.connectors[0].vehicle is None

    live(main)
