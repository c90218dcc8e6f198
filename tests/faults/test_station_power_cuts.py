"""Power is cut at a thousand points of a day, offline and online: no bill is lost, doubled or reordered."""

import asyncio
import contextlib
from random import Random

import pytest
from tests.faults.station_life import Books, Life, live
from tests.station.world import car

CUTS = 1000
PARTS = 20


async def day(life: Life) -> Books:
    """Two drivers, an outage of the network in the middle, and a power cut where the database or the story says so."""
    virtual, csms = life.virtual, life.csms
    clock = life.clock

    async def until(seconds: float) -> None:
        """Let the story go on; power that is away comes back half a minute later."""
        end = clock.monotonic() + seconds
        await virtual.wait_until(lambda: life.database.is_dead, end - clock.monotonic())
        if life.database.is_dead:
            await virtual.wait_until(lambda: False, 30.0)
            await life.return_power()
            await virtual.wait_until(lambda: False, max(0.0, end - clock.monotonic()))

    def plug(connector: int) -> None:
        if virtual.connectors[connector - 1].vehicle is None:
            life.attempt(lambda: virtual.plug(connector, car(capacity_wh=200_000.0)))

    def leave(connector: int, id_tag: str) -> None:
        if not life.database.is_dead:
            life.attempt(lambda: virtual.show_tag(id_tag, connector))

    def unplug(connector: int) -> None:
        if virtual.connectors[connector - 1].vehicle is not None and not virtual.is_locked(connector):
            life.attempt(lambda: virtual.unplug(connector))

    def show(connector: int, id_tag: str) -> None:
        if not life.database.is_dead:
            life.attempt(lambda: virtual.show_tag(id_tag, connector))

    await until(30)
    for key, value in (("AllowOfflineTxForUnknownId", "true"), ("MeterValueSampleInterval", "60")):
        answer = None
        while answer is None:
            await life.return_power()
            await virtual.wait_until(virtual.is_online, 60)
            with contextlib.suppress(TimeoutError):  # the power was cut in the middle of it
                answer = await csms.call("ChangeConfiguration", key=key, value=value)
        assert answer == {"status": "Accepted"}
    plug(1)
    show(1, "ANNA")
    await until(130)
    csms.cut()
    plug(2)
    show(2, "BERT")
    await until(100)
    leave(1, "ANNA")
    await until(20)
    unplug(1)
    await until(50)
    csms.is_reachable = True
    await until(70)
    leave(2, "BERT")
    await until(20)
    unplug(2)
    plug(1)
    show(1, "CLARA")
    await until(100)
    leave(1, "CLARA")
    await until(300)
    await life.return_power()
    # Whoever was let in again by showing the tag after a cut is still there.
    life.attempt(virtual.stop_charging)
    await until(600)
    await life.return_power()
    life.attempt(virtual.stop_charging)
    return csms


def registers(life: Life) -> dict[int, int]:
    return {number: connector.peek().register_wh for number, connector in enumerate(life.virtual.connectors, start=1)}


def live_with_a_cut(
    seed: int, *, at_step: int = 0, at_second: float = 0.0, again: int = 0, trouble: float = 0.0
) -> Life:
    """Live that day with a cut at that step of the database, or at that second; `again`: and so many steps later."""

    async def main(life: Life) -> Life:
        life.database.cut_at = at_step
        life.cut_again = again
        if at_second:
            asyncio.get_running_loop().call_later(at_second, life.cut)
        csms = await day(life)
        await asyncio.wait_for(life.virtual.station.wait_until_told(), 7200)
        assert life.virtual.station.snapshot().messages_queued == 0
        assert [item for item in life.store.queue() if item.parked_because] == []
        csms.check(registers(life))
        return life

    lived: Life = live(main, seed=seed, trouble=trouble)
    return lived


def test_a_day_without_a_cut() -> None:
    life = live_with_a_cut(1)
    assert len(life.csms.start_of) == 3 and life.cuts == 0 and life.database.steps > 100


def test_books_that_do_not_add_up_are_found() -> None:
    life = live_with_a_cut(1)
    life.csms.check(registers(life))
    with pytest.raises(AssertionError):
        life.csms.check({1: 1, 2: 1})
    life.csms.told.reverse()
    with pytest.raises(AssertionError):
        life.csms.check(registers(life))


@pytest.mark.parametrize("part", range(PARTS))
def test_power_cuts(part: int) -> None:
    """Between any two writes or at any instant, often again soon after, with refusals and silences of the CSMS."""
    dice = Random(f"power cuts {part}")
    whole = live_with_a_cut(part).database.steps
    cuts = 0
    for _ in range(2 * CUTS // PARTS):
        again = dice.choice([0, dice.randrange(1, 80)])
        trouble = dice.choice([0.0, 0.15])
        at_step, at_second = (dice.randrange(1, whole), 0.0) if dice.random() < 0.7 else (0, dice.uniform(1, 800))
        life = live_with_a_cut(part, at_step=at_step, at_second=at_second, again=again, trouble=trouble)
        # A day with trouble may be shorter than the step that was chosen.
        cuts += life.database.boots > 1
        if cuts == CUTS // PARTS:
            break
    assert cuts == CUTS // PARTS
