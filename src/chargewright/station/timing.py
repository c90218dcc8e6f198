"""As slow as the certificate says: answers, triggered messages, and starts and stops from afar, each delayed by a draw.

Without a `Timing` in the product nothing of this happens: a virtual station is as fast as its computer.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from chargewright.station.context import Answer, Context, Serve
from chargewright.station.hardware.interface import Timer
from chargewright.station.product import Spread, Timing

__all__ = ["Pace", "draw"]

# How far draws scatter about the mean: with 2, a mean halfway between least and most makes all values equally likely.
CONCENTRATION: Final = 2.0
_TRIGGERS: Final = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})


def draw(spread: Spread, random: Random) -> float:
    """Seconds between least and most, with the given mean in the long run (a beta distribution)."""
    width = spread.most - spread.least
    share = 0.0 if width <= 0 else (spread.mean - spread.least) / width
    if not 0 < share < 1:
        return spread.mean
    return spread.least + width * random.betavariate(CONCENTRATION * share, CONCENTRATION * (1 - share))


class Pace:
    """The speed of one station.

    A start or stop from afar is counted from the arrival of the CALL, as a test house measures it: the time that the
    answer took is part of it. A message that was triggered is waited for once the answer is there.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._timing = context.product.timing
        self._timers: dict[int, Timer] = {}
        self._numbers = 0
        self._answer_took = 0.0

    @property
    def is_fast(self) -> bool:
        """Whether nothing is delayed."""
        return self._timing is None

    def answer_seconds(self) -> float:
        """How long the next CALL waits before it is served."""
        self._answer_took = 0.0 if self._timing is None else draw(self._timing.answer, self._context.random)
        return self._answer_took

    def paced(self, served: Mapping[str, Serve]) -> Mapping[str, Serve]:
        """The same commands, of which some act later than they answer."""
        timing = self._timing
        if timing is None:
            return served
        return {
            action: serve
            if (spread := _spread_of(timing, action)) is None
            else self._act_later(serve, spread, is_after_answer=action in _TRIGGERS)
            for action, serve in served.items()
        }

    def stop(self) -> None:
        """Forget what has not happened yet. Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _act_later(self, serve: Serve, spread: Spread, *, is_after_answer: bool) -> Serve:
        def serve_later(request: object) -> Answer:
            answer = serve(request)
            if (then := answer.then) is None:
                return answer
            passed = 0.0 if is_after_answer else self._answer_took
            seconds = max(0.0, draw(spread, self._context.random) - passed)
            return Answer(answer.response, lambda: self._later(seconds, then))

        return serve_later

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        self._numbers += 1
        number = self._numbers

        def act() -> None:
            del self._timers[number]
            then()

        self._timers[number] = self._context.call_later(seconds, act)


def _spread_of(timing: Timing, action: str) -> Spread | None:
    if action in _TRIGGERS:
        return timing.triggered
    match action:
        case "RemoteStartTransaction":
            return timing.remote_start
        case "RemoteStopTransaction":
            return timing.remote_stop
        case _:
            return None
