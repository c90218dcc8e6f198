"""While the database is away: patience, then nobody, then a ramp."""

import asyncio
from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from chargewright.clock import LoopClock
from chargewright.csms.outage import OutageWatch
from chargewright.csms.storage.base import StorageUnavailable
from chargewright.simulation import simulate


class Database:
    """A database that can go away, as the watch sees it: its journal's numbers and its probe."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.failing_since: float | None = None
        self.probe_fails = False
        self.journal = self
        self.last_failure = "cannot write a batch: the disk is full"

    def statistics(self) -> Mapping[str, float]:
        return {"failing_seconds": 0.0 if self.failing_since is None else self.clock.monotonic() - self.failing_since}

    async def probe(self) -> None:
        if self.probe_fails:
            raise StorageUnavailable("still away")


def watched(clock: LoopClock, sent_away: list[float]) -> tuple[Database, OutageWatch, "asyncio.Task[None]"]:
    database = Database(clock)
    storage: Any = database
    watch = OutageWatch(
        storage,
        clock,
        grace_seconds=10,
        probe_seconds=1,
        readmission_per_second=5,
        on_away=lambda: sent_away.append(clock.monotonic()),
    )
    return database, watch, asyncio.get_running_loop().create_task(watch.watch())


def test_stations_are_sent_away_when_the_grace_is_over_and_not_before() -> None:
    async def main(clock: LoopClock) -> None:
        sent_away: list[float] = []
        database, watch, _ = watched(clock, sent_away)
        database.failing_since = clock.monotonic()
        await asyncio.sleep(9.5)
        assert not watch.is_away
        with capture_logs() as entries:
            await asyncio.sleep(2)
        assert watch.is_away
        assert [entry["cause"] for entry in entries] == ["cannot write a batch: the disk is full"]
        assert len(sent_away) == 1

    simulate(main)


def test_a_short_outage_is_nobodys_business() -> None:
    async def main(clock: LoopClock) -> None:
        sent_away: list[float] = []
        database, _, _ = watched(clock, sent_away)
        for _ in range(5):
            database.failing_since = clock.monotonic()
            await asyncio.sleep(8)
            database.failing_since = None
            await asyncio.sleep(2)
        assert sent_away == []

    simulate(main)


def test_they_may_come_back_when_a_probe_commits_and_then_on_a_ramp() -> None:
    async def main(clock: LoopClock) -> None:
        database, watch, _ = watched(clock, [])
        assert watch.may_enter()
        database.failing_since = clock.monotonic()
        database.probe_fails = True
        await asyncio.sleep(12)
        database.failing_since = None
        await asyncio.sleep(5)
        assert watch.is_away
        database.probe_fails = False
        await asyncio.sleep(1.5)
        assert not watch.is_away
        await asyncio.sleep(10 - (clock.monotonic() % 1) - 0.5)
        entered = sum(watch.may_enter() for _ in range(1000))
        assert 40 <= entered <= 55
        await asyncio.sleep(60)
        assert sum(watch.may_enter() for _ in range(1000)) == 1000

    simulate(main)


def test_a_unit_that_was_given_up_counts_as_an_outage_once() -> None:
    async def main(clock: LoopClock) -> None:
        sent_away: list[float] = []
        _, watch, _ = watched(clock, sent_away)
        watch.storage_unavailable()
        watch.storage_unavailable()
        assert len(sent_away) == 1
        assert watch.outages == 1

    simulate(main)
