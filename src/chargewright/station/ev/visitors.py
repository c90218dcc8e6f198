"""Drivers who come to thousands of connectors, out of one timer.

Arrivals at many connectors, each a Poisson process of its own, are together one Poisson process, so nobody has to wait
at each of them: one timer fires for the next arrival anywhere, and dice say where it is. Only who is there takes
memory.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

import structlog

from chargewright.clock import Clock
from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.behaviour import Behaviour
from chargewright.station.ev.driver import Driver, Hands, IdTagPool
from chargewright.station.hardware.interface import Timer

__all__ = ["Visitors"]

_log = structlog.get_logger("chargewright.station")

SECONDS_PER_HOUR: Final = 3600.0


class Visitors:
    """`draw_place(random)` draws a connector, each equally likely: hands at its station and its number, or None where
    nobody can come now. `connectors` is how many there are. `fault(hands, connector_id)` makes a connector fail.

    `speed` divides battery sizes and waiting times, and multiplies arrivals. Made inside the running event loop.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        seed: str,
        *,
        connectors: int,
        draw_place: Callable[[Random], tuple[Hands, int] | None],
        fault: Callable[[Hands, int], None],
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], Timer],
        speed: float = 1.0,
    ) -> None:
        self.came = 0
        self.turned_away = 0
        self._behaviour = behaviour
        self._habits = behaviour.habits(connectors)
        self._pool = IdTagPool(self._habits.id_tags)
        self._seed = seed
        self._random = Random(f"{seed} arrivals")
        self._draw_place = draw_place
        self._fault = fault
        self._clock = clock
        self._call_later = call_later
        self._speed = speed
        self._busiest_per_hour = max(behaviour.arrivals.per_hour)
        # Of all connectors together, were every hour the busiest.
        self._per_second = connectors * self._busiest_per_hour * speed / SECONDS_PER_HOUR
        self._timer: Timer | None = None
        self._visits: dict[asyncio.Task[None], Driver] = {}
        # Who shows a tag first stands there although the display still says that it is free.
        self._taken: set[tuple[Hands, int]] = set()
        self._is_over = False

    @property
    def present(self) -> int:
        """How many drivers are at a station now."""
        return len(self._visits)

    def start(self) -> None:
        """They come from now on."""
        if self._per_second > 0 and not self._is_over:
            self._timer = self._call_later(self._random.expovariate(self._per_second), self._arrive)

    def call_off(self) -> None:
        """Nobody comes any more, and who is there leaves. Idempotent."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for driver in self._visits.values():
            driver.call_off()

    async def wait_until_gone(self) -> None:
        """Return when nobody is there; raises what went wrong with a visit."""
        while self._visits:
            await asyncio.wait(list(self._visits))

    def cancel(self) -> None:
        """Leave everything as it is, at once."""
        self.call_off()
        for task in list(self._visits):
            task.cancel()

    def _arrive(self) -> None:
        self._timer = None
        self.start()
        # Fewer come in the hours that are not the busiest.
        share = self._behaviour.arrivals.per_hour[self._clock.now().hour] / self._busiest_per_hour
        if self._random.random() >= share:
            return
        place = self._draw_place(self._random)
        if place is None:
            return
        hands, connector_id = place
        shows_free = hands.is_online() and hands.look(connector_id).status is ChargePointStatus.AVAILABLE
        if place in self._taken or not shows_free:
            self.turned_away += 1
            return
        self.came += 1
        # Dice of their own, so that what happens at one station moves nobody elsewhere.
        dice = Random(f"{self._seed} visit {self.came}")
        driver = Driver(hands, connector_id, self._habits, dice, pool=self._pool, speed=self._speed)
        task = asyncio.get_running_loop().create_task(driver.visit(), name=f"visit {self.came}")
        self._visits[task] = driver
        self._taken.add(place)
        task.add_done_callback(lambda task: self._left(task, place))
        failures = self._behaviour.failures
        if failures.fault_share and dice.random() < failures.fault_share:
            after_seconds = dice.uniform(0, self._habits.stay_seconds[0]) / self._speed
            self._call_later(after_seconds, lambda: self._fault(hands, connector_id))

    def _left(self, task: asyncio.Task[None], place: tuple[Hands, int]) -> None:
        del self._visits[task]
        self._taken.discard(place)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, LocalProtocolError):
            # Somebody's own hands were faster: the plug was taken, or the vehicle is gone.
            _log.warning("a driver gives up", visit=task.get_name(), connector=place[1], reason=str(error))
        else:
            context = {"message": f"{task.get_name()} failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
