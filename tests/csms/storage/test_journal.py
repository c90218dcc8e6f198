"""The journal's own part: bounds, retries, halving, order; on a database of lists."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from chargewright.clock import LoopClock, ManualClock
from chargewright.csms.storage.base import Settlement, StorageUnavailable, Unit
from chargewright.csms.storage.batch import Outcome
from chargewright.csms.storage.journal import CLOSE_GRACE_SECONDS, GroupCommitJournal
from chargewright.simulation import simulate

CLOCK = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


class Lists:
    """A driver that keeps batches in lists and fails as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.quarantined: list[tuple[str, str]] = []
        self.outages: list[Exception] = []
        self.attempts = 0
        self.bad: set[str] = set()

    async def commit(self, units: Sequence[Unit]) -> Outcome:
        self.attempts += 1
        if self.outages:
            raise self.outages.pop(0)
        names = [unit.action for unit in units]
        if refused := self.bad.intersection(names):
            raise ValueError(f"{refused} is bad")
        self.batches.append(names)
        outcome = Outcome()
        outcome.settlements = [Settlement.DURABLE] * len(units)
        return outcome

    async def quarantine(self, unit: Unit, reason: str) -> None:
        if self.outages:
            raise self.outages.pop(0)
        self.quarantined.append((unit.action, reason))


class Bench:
    """A journal on `Lists`, and what was settled."""

    def __init__(self, clock: ManualClock | LoopClock = CLOCK, **bounds: float) -> None:
        self.driver = Lists()
        self.journal = GroupCommitJournal(self.driver, clock, **bounds)  # type: ignore[arg-type]  # the test's own bounds
        self.settled: list[tuple[str, Settlement]] = []
        self.pressure: list[bool] = []
        self.journal.on_pressure = self.pressure.append

    def submit(self, name: str, raw: bytes = b"") -> None:
        settle = lambda unit, how: self.settled.append((unit.action, how))  # noqa: E731  # two lines are enough
        self.journal.submit(Unit(1, 0, 0, name, raw, settle))


async def test_what_one_iteration_brings_is_one_batch() -> None:
    bench = Bench()
    bench.journal.begin()
    await asyncio.sleep(0)
    for name in "abc":
        bench.submit(name)
    assert bench.driver.batches == []  # submitting never commits by itself
    await bench.journal.drain()
    assert bench.driver.batches == [["a", "b", "c"]]
    assert bench.settled == [(name, Settlement.DURABLE) for name in "abc"]
    await bench.journal.close()


async def test_batches_are_bounded_and_keep_the_order() -> None:
    bench = Bench(batch_units=2)
    for name in "abcde":
        bench.submit(name)
    bench.journal.begin()
    await bench.journal.close()
    assert bench.driver.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert bench.journal.statistics()["largest_batch"] == 2


async def test_a_bad_unit_is_found_and_its_neighbours_keep_their_order() -> None:
    bench = Bench()
    bench.driver.bad = {"5", "11"}
    names = [str(number) for number in range(16)]
    for name in names:
        bench.submit(name)
    bench.journal.begin()
    await bench.journal.close()
    assert [name for name, _ in bench.settled] == names
    assert {name for name, how in bench.settled if how is Settlement.QUARANTINED} == {"5", "11"}
    assert bench.driver.quarantined == [("5", "ValueError: {'5'} is bad"), ("11", "ValueError: {'11'} is bad")]
    assert [name for batch in bench.driver.batches for name in batch] == [n for n in names if n not in ("5", "11")]


def test_an_outage_is_waited_out_with_growing_pauses() -> None:
    async def main(clock: LoopClock) -> None:
        bench = Bench(clock)
        bench.driver.outages = [StorageUnavailable("gone")] * 5
        bench.submit("a")
        bench.submit("b")
        bench.journal.begin()
        began = clock.monotonic()
        await bench.journal.drain()
        assert clock.monotonic() - began == pytest.approx(0.01 + 0.02 + 0.04 + 0.08 + 0.16)
        assert bench.driver.batches == [["a", "b"]]
        assert bench.settled == [("a", Settlement.DURABLE), ("b", Settlement.DURABLE)]
        assert bench.journal.statistics()["failing_seconds"] == 0

    simulate(main)


def test_an_outage_is_visible_while_it_lasts() -> None:
    async def main(clock: LoopClock) -> None:
        bench = Bench(clock)
        bench.driver.outages = [StorageUnavailable("gone")] * 30
        bench.submit("a")
        bench.journal.begin()
        await asyncio.sleep(12)
        assert bench.settled == []
        assert bench.journal.statistics()["failing_seconds"] == pytest.approx(12)
        await bench.journal.drain()
        assert bench.settled == [("a", Settlement.DURABLE)]

    simulate(main)


def test_a_quarantine_that_fails_is_tried_again() -> None:
    async def main(clock: LoopClock) -> None:
        bench = Bench(clock)
        bench.driver.bad = {"a"}
        bench.submit("a")
        bench.journal.begin()
        original = bench.driver.commit

        async def commit(units: Sequence[Unit]) -> Outcome:
            try:
                return await original(units)
            finally:
                bench.driver.outages = [StorageUnavailable("gone")] * 2

        bench.driver.commit = commit  # type: ignore[method-assign]  # the outage comes after the refusal
        await bench.journal.drain()
        assert bench.settled == [("a", Settlement.QUARANTINED)]
        assert bench.journal.statistics()["retries"] == 2

    simulate(main)


def test_closing_gives_up_on_a_database_that_stays_away() -> None:
    async def main(clock: LoopClock) -> None:
        bench = Bench(clock, batch_units=1)
        bench.driver.outages = [StorageUnavailable("gone")] * 1000
        bench.submit("a")
        bench.submit("b")
        bench.journal.begin()
        began = clock.monotonic()
        await bench.journal.close()
        assert CLOSE_GRACE_SECONDS <= clock.monotonic() - began <= CLOSE_GRACE_SECONDS + 2
        bench.submit("late")
        await asyncio.sleep(0)
        assert bench.settled == [(name, Settlement.UNAVAILABLE) for name in ("a", "b", "late")]

    simulate(main)


@pytest.mark.parametrize(
    ("bounds", "raw"), [({"maximum_units": 10}, b""), ({"maximum_bytes": 100}, b"0123456789")], ids=["units", "bytes"]
)
async def test_pressure_begins_at_the_bound_and_ends_below_half(bounds: dict[str, int], raw: bytes) -> None:
    bench = Bench(batch_units=1, **bounds)
    waiting: list[float] = []
    bench.journal.on_pressure = lambda on: (bench.pressure.append(on), waiting.append(len(bench.settled)))  # type: ignore[assignment,func-returns-value]
    for number in range(9):
        bench.submit(str(number), raw)
    assert bench.pressure == []
    bench.submit("9", raw)
    bench.submit("10", raw)
    assert bench.pressure == [True]
    bench.journal.begin()
    await bench.journal.close()
    assert bench.pressure == [True, False]
    assert waiting == [0, 7]  # 11 - 7 = 4 wait: the first number below half of 10


async def test_a_callback_that_fails_does_not_keep_others_from_their_answers() -> None:
    bench = Bench()
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))

    def fail(_unit: Unit, _how: Settlement) -> None:
        raise RuntimeError("a bug in one call")

    bench.journal.submit(Unit(7, 0, 0, "bad", b"", fail))
    bench.submit("good")
    bench.journal.begin()
    await bench.journal.close()
    assert bench.settled == [("good", Settlement.DURABLE)]
    assert [context["message"] for context in reported] == ["settling bad of station 7 failed"]


async def test_an_application_that_fails_when_told_does_not_stop_the_journal() -> None:
    bench = Bench(maximum_units=2)
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["message"]))

    def fail(_argument: object) -> None:
        raise RuntimeError("a bug in the application")

    bench.journal.on_pressure = bench.journal.on_committed = fail
    bench.submit("a")
    bench.submit("b")
    bench.journal.begin()
    await bench.journal.close()
    assert bench.settled == [("a", Settlement.DURABLE), ("b", Settlement.DURABLE)]
    assert reported == ["raising the pressure failed", "telling of a commit failed", "ending the pressure failed"]


class Hanging(Lists):
    """A driver whose attempts do not end by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def commit(self, units: Sequence[Unit]) -> Outcome:
        if units[0].action != "quick":
            await self.answers.wait()
        return await super().commit(units)


def hanging(clock: LoopClock, **bounds: float) -> tuple[Bench, Hanging]:
    bench = Bench(clock, **bounds)
    driver = Hanging()
    bench.journal._driver = bench.driver = driver
    return bench, driver


def test_a_database_that_does_not_answer_fails_from_the_beginning_of_the_attempt() -> None:
    async def main(clock: LoopClock) -> None:
        bench, driver = hanging(clock)
        bench.journal.begin()
        bench.submit("quick")
        await bench.journal.drain()
        bench.submit("a")
        await asyncio.sleep(0.5)
        assert bench.journal.statistics()["failing_seconds"] == 0
        assert bench.journal.last_failure is None
        await asyncio.sleep(9.5)
        assert bench.journal.statistics()["failing_seconds"] == pytest.approx(10)
        assert bench.journal.last_failure == "no answer to a batch for 10 s"
        driver.outages = [StorageUnavailable("cut off\nwith details")]
        driver.answers.set()
        await asyncio.sleep(0.005)  # in the pause after the attempt
        assert bench.journal.statistics()["failing_seconds"] == pytest.approx(10.005)
        assert bench.journal.last_failure == "cut off"
        await bench.journal.drain()
        assert bench.journal.statistics()["failing_seconds"] == 0
        assert bench.journal.last_failure is None
        await asyncio.sleep(5)
        assert bench.journal.statistics()["failing_seconds"] == 0

    simulate(main)


@pytest.mark.parametrize("is_hanging", [True, False], ids=["hangs", "is away"])
def test_closing_takes_no_longer_than_it_may(is_hanging: bool) -> None:
    async def main(clock: LoopClock) -> None:
        bench, driver = hanging(clock, batch_units=4)
        if not is_hanging:
            driver.answers.set()
            driver.outages = [StorageUnavailable("gone")] * 1000
        names = [str(number) for number in range(6)]
        bench.journal.begin()
        for name in names:
            bench.submit(name)
        await asyncio.sleep(20)
        began = clock.monotonic()
        await bench.journal.close(3)
        assert clock.monotonic() - began <= 3
        assert bench.settled == [(name, Settlement.UNAVAILABLE) for name in names]
        assert bench.journal.statistics()["given_up"] == 6
        assert bench.journal.statistics()["units_waiting"] == 0

    simulate(main)


def test_what_was_settled_before_the_end_is_not_settled_again() -> None:
    async def main(clock: LoopClock) -> None:
        bench, driver = hanging(clock)
        driver.answers.set()
        driver.bad = {"0", "1"}
        for name in ("0", "1", "2", "3"):
            bench.submit(name)
        commit = driver.commit

        async def hang_in_the_second_half(units: Sequence[Unit]) -> Outcome:
            if units[0].action == "2":
                driver.answers.clear()
            return await commit(units)

        driver.commit = hang_in_the_second_half  # type: ignore[method-assign]  # only of this one
        bench.journal.begin()
        await asyncio.sleep(1)
        await bench.journal.close(1)
        settled = [how.value for _, how in bench.settled]
        assert settled == ["quarantined", "quarantined", "unavailable", "unavailable"]

    simulate(main)


async def test_the_cause_is_told_without_values() -> None:
    bench = Bench()
    bench.driver.bad = {"secret tag"}
    told: list[str | None] = []
    settle = lambda unit, how: told.append(bench.journal.last_failure)  # noqa: E731  # two lines are enough
    bench.journal.submit(Unit(1, 0, 0, "secret tag", b"", settle))
    bench.submit("good")
    bench.journal.begin()
    await bench.journal.close()
    assert told == ["refused with ValueError"]
    assert "secret tag" in bench.driver.quarantined[0][1]
    assert bench.journal.last_failure is None
