"""Group commit: the units of many stations become one database transaction, and only then are their calls answered.

While one batch is being committed the next one gathers; so the slower the disk, the larger the batch. The database is a
`Driver`; nothing here knows which.

What can go wrong, and what follows:

* the database is busy, gone, or has chosen us as a deadlock's victim (`StorageUnavailable`): the same batch again,
  after a pause that grows. Nothing is settled meanwhile; the queue is bounded, and `on_pressure` stops the sockets.
* the database does not answer: after a second that counts as failing too, though the attempt is still under way.
* the batch itself is refused (anything else): it is halved until the bad unit stands alone. That one's frame goes to
  quarantine, its neighbours are committed. The first half goes first, so each station's order holds.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from chargewright.clock import Clock
from chargewright.csms.storage.base import Settlement, StorageError, StorageUnavailable, Unit
from chargewright.csms.storage.batch import Outcome

__all__ = ["Driver", "GroupCommitJournal"]

Argument = TypeVar("Argument")

MAXIMUM_UNITS: Final = 20_000
MAXIMUM_BYTES: Final = 64 * 2**20
BATCH_UNITS: Final = 512
BATCH_BYTES: Final = 4 * 2**20
FIRST_PAUSE_SECONDS: Final = 0.01
LONGEST_PAUSE_SECONDS: Final = 1.0
# How long `close` tries a database that does not answer, unless told otherwise; and how long it waits for the driver to
# notice that it is over.
CLOSE_GRACE_SECONDS: Final = 10.0
CANCEL_SECONDS: Final = 0.3
# An attempt that takes longer is one that fails.
HANGING_SECONDS: Final = 1.0


class Driver(Protocol):
    """What the journal needs of a database."""

    async def commit(self, units: Sequence[Unit]) -> Outcome:
        """Write the units in one transaction; all or nothing.

        Raises `StorageUnavailable` when the same call may succeed later, anything else when these units are refused.
        """

    async def quarantine(self, unit: Unit, reason: str) -> None:
        """Keep the unit's frame with the reason, and commit that; raises `StorageError`.

        Each of its starts has a transactionId of its own then, if there are any left.
        """


class GroupCommitJournal:
    """The `Journal` of both databases."""

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        *,
        maximum_units: int = MAXIMUM_UNITS,
        maximum_bytes: int = MAXIMUM_BYTES,
        batch_units: int = BATCH_UNITS,
        close_grace_seconds: float = CLOSE_GRACE_SECONDS,
    ) -> None:
        self.on_pressure: Callable[[bool], None] = _ignore_pressure
        # Called after each commit, before the units are settled, with what it did.
        self.on_committed: Callable[[Outcome], None] = _ignore_outcome
        self._driver = driver
        self._clock = clock
        self._maximum_units = maximum_units
        self._maximum_bytes = maximum_bytes
        self._batch_units = batch_units
        self._close_grace_seconds = close_grace_seconds
        self._queue: deque[Unit] = deque()
        self._batch: list[Unit] = []
        self._settled_before_batch = 0
        self._unsettled_units = 0
        self._unsettled_bytes = 0
        self._submitted = 0
        self._settled = 0
        self._is_pressed = False
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._is_closing = False
        self._give_up_at: float | None = None
        self._failing_since: float | None = None
        self._attempt_began: float | None = None
        self._last_failure: str | None = None
        self._drains: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._batches = 0
        self._largest_batch = 0
        self._commit_seconds = 0.0
        self._retries = 0
        self._quarantined = 0
        self._given_up = 0

    def submit(self, unit: Unit) -> None:
        """Queue a unit; never blocks. Units of one station settle in the order of submission."""
        if self._is_closing:
            asyncio.get_running_loop().call_soon(unit.on_settled, unit, Settlement.UNAVAILABLE)
            return
        self._queue.append(unit)
        self._submitted += 1
        self._unsettled_units += 1
        self._unsettled_bytes += unit.size
        if self._idle is not None:
            # The committer runs in the loop's next iteration and finds all that came in this one.
            self._idle.set_result(None)
            self._idle = None
        if not self._is_pressed and (
            self._unsettled_units >= self._maximum_units or self._unsettled_bytes >= self._maximum_bytes
        ):
            self._is_pressed = True
            self._tell("raising the pressure", self.on_pressure, True)

    def begin(self) -> None:
        """Start committing; called once, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._commit_batches(), name="storage journal")
        self._task.add_done_callback(_report_end)

    async def drain(self) -> None:
        """Wait until everything submitted so far is settled."""
        if self._settled < self._submitted:
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drains.append((self._submitted, settled))
            await settled

    async def close(self, grace_seconds: float | None = None) -> None:
        """Drain and stop; later submissions settle as UNAVAILABLE, as does what an absent or hanging database has not
        taken within `grace_seconds` (ten)."""
        if grace_seconds is None:
            grace_seconds = self._close_grace_seconds
        self._give_up_at = self._clock.monotonic() + grace_seconds
        self._is_closing = True
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None
        if self._task is not None and not (await asyncio.wait({self._task}, timeout=grace_seconds))[0]:
            # Cancelled, it writes nothing more that it has not begun; what hangs in a thread cannot be ended.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CANCEL_SECONDS)
        waiting = [*self._batch[self._settled - self._settled_before_batch :], *self._queue]
        self._batch = []
        self._queue.clear()
        self._give_up(waiting)

    def statistics(self) -> Mapping[str, float]:
        """Counters for metrics; `failing_seconds` is how long the database has not taken the batch at hand."""
        return {
            "batches": self._batches,
            "units": self._settled,
            "largest_batch": self._largest_batch,
            "commit_seconds": self._commit_seconds,
            "units_waiting": self._unsettled_units,
            "bytes_waiting": self._unsettled_bytes,
            "retries": self._retries,
            "quarantined": self._quarantined,
            "given_up": self._given_up,
            "failing_seconds": self._failing_seconds(),
        }

    @property
    def last_failure(self) -> str | None:
        """Why the database did not take the batch at hand, in one line without values; None when it takes them."""
        failing = self._failing_seconds()
        if failing and self._last_failure is None:
            return f"no answer to a batch for {failing:.0f} s"
        return self._last_failure

    def _failing_seconds(self) -> float:
        now = self._clock.monotonic()
        if self._failing_since is not None:
            return now - self._failing_since
        if self._attempt_began is not None and now - self._attempt_began >= HANGING_SECONDS:
            return now - self._attempt_began
        return 0.0

    async def _commit_batches(self) -> None:
        queue = self._queue
        while True:
            if queue:
                self._settled_before_batch = self._settled
                self._batch = self._take_batch()
                await self._commit(self._batch)
                self._batch = []
                if queue:
                    # A driver that never waits would else keep the loop from its sockets.
                    await asyncio.sleep(0)
            elif self._is_closing:
                return
            else:
                self._idle = asyncio.get_running_loop().create_future()
                await self._idle

    def _take_batch(self) -> list[Unit]:
        queue = self._queue
        batch = [queue.popleft()]
        size = batch[0].size
        for _ in range(min(len(queue), self._batch_units - 1)):
            size += queue[0].size
            if size > BATCH_BYTES:
                break
            batch.append(queue.popleft())
        return batch

    async def _commit(self, units: list[Unit]) -> None:
        """Bring every one of `units` to an end."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._attempt_began = began = self._clock.monotonic()
            try:
                outcome = await self._driver.commit(units)
            except StorageUnavailable as error:
                self._last_failure = _in_short(error)
                if not await self._pause(units, pause):
                    return
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            except Exception as error:
                # Whatever it was, it was these units: also our own mistake with one of them must not stop the others.
                await self._divide(units, error)
                return
            self._failing_since = self._attempt_began = self._last_failure = None
            self._batches += 1
            self._largest_batch = max(self._largest_batch, len(units))
            self._commit_seconds += self._clock.monotonic() - began
            outcome.publish()
            self._tell("telling of a commit", self.on_committed, outcome)
            self._settle(units, outcome.settlements)
            return

    async def _divide(self, units: list[Unit], error: Exception) -> None:
        if len(units) > 1:
            middle = len(units) // 2
            await self._commit(units[:middle])
            await self._commit(units[middle:])
            return
        pause = FIRST_PAUSE_SECONDS
        reason = f"{type(error).__name__}: {error}"
        while True:
            self._attempt_began = self._clock.monotonic()
            try:
                await self._driver.quarantine(units[0], reason)
            except StorageError as failure:
                self._last_failure = _in_short(failure)
                # Nothing of the unit itself is left to refuse: it is the database that fails.
                if not await self._pause(units, pause):
                    return
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            self._failing_since = self._attempt_began = None
            self._quarantined += 1
            self._last_failure = _in_short(error)  # for whoever tells of it
            self._settle(units, [Settlement.QUARANTINED])
            self._last_failure = None
            return

    async def _pause(self, units: list[Unit], seconds: float) -> bool:
        """Wait before the next attempt; False: we are closing and have tried long enough, `units` are given up."""
        now = self._clock.monotonic()
        self._retries += 1
        if self._failing_since is None:
            self._failing_since = self._attempt_began
        self._attempt_began = None
        if self._give_up_at is not None and now >= self._give_up_at:
            self._give_up(units)
            return False
        await asyncio.sleep(seconds)
        return True

    def _give_up(self, units: list[Unit]) -> None:
        self._given_up += len(units)
        self._settle(units, [Settlement.UNAVAILABLE] * len(units))

    def _tell(self, what: str, callback: Callable[[Argument], None], argument: Argument) -> None:
        try:
            callback(argument)
        except Exception as error:
            _report(what, error)

    def _settle(self, units: Sequence[Unit], settlements: Sequence[Settlement]) -> None:
        for unit, settlement in zip(units, settlements, strict=True):
            self._unsettled_bytes -= unit.size
            try:
                unit.on_settled(unit, settlement)
            except Exception as error:
                _report(f"settling {unit.action} of station {unit.station_id}", error)
        self._unsettled_units -= len(units)
        self._settled += len(units)
        if self._is_pressed and (
            self._unsettled_units < self._maximum_units // 2 and self._unsettled_bytes < self._maximum_bytes // 2
        ):
            self._is_pressed = False
            self._tell("ending the pressure", self.on_pressure, False)
        while self._drains and self._drains[0][0] <= self._settled:
            _, settled = self._drains.popleft()
            if not settled.done():
                settled.set_result(None)


def _in_short(error: Exception) -> str:
    """The cause, without the values that the database was given: they may be id tags."""
    if isinstance(error, StorageUnavailable):
        # It is about the machine; what follows the first line are details.
        return str(error).partition("\n")[0]
    if isinstance(error, StorageError) and error.__cause__ is None:
        return str(error)  # our own words
    cause = error if error.__cause__ is None else error.__cause__
    return f"refused with {type(cause).__name__}"


def _report(what: str, error: BaseException) -> None:
    """A callback's bug goes to the loop's handler: it must not keep other calls from their answers."""
    asyncio.get_running_loop().call_exception_handler({"message": f"{what} failed", "exception": error})


def _report_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _report("the storage journal", error)


def _ignore_pressure(is_high: bool) -> None:
    """The application has not said yet what to do when the bounds are reached."""


def _ignore_outcome(outcome: Outcome) -> None:
    """The storage has nobody to tell."""
