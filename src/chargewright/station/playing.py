"""Playing a scenario on hands, over real sockets or in virtual time: the same steps, the same conditions."""

import asyncio
import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.hands import HandRefused, StationHands
from chargewright.station.presented_tag import REFUSALS
from chargewright.station.scenario import Condition, Scenario, Step
from chargewright.station.snapshot import StationSnapshot
from chargewright.station.station_state import StationState

__all__ = ["Outcome", "Play", "PlayResult", "StationResult", "StepResult", "play"]

# Energy grows, and a queue empties, without telling anybody: a condition is looked at this often, at least.
LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger("chargewright.station")


class Outcome(enum.StrEnum):
    """What became of a step."""

    DONE = "done"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    STOPPED = "stopped"
    NOT_REACHED = "not-reached"


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `step` describes it; `at_seconds` is when it ended, counted from the beginning, None where it was not
    reached; `detail` says why it was not done."""

    number: int
    station: str
    step: str
    outcome: Outcome
    at_seconds: float | None = None
    detail: str = ""


class StationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a station did from the beginning of the play to its end; energies in Wh.

    `statuses` are those of the connectors at the end, None without power; `messages` are CALLs of both sides by action.
    """

    station_id: str
    transactions_completed: int
    energy_completed_wh: int
    energy_running_wh: int
    messages_queued: int
    statuses: tuple[ChargePointStatus | None, ...]
    messages: dict[str, int]


class PlayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a scenario; `is_done`: every step was."""

    scenario: str
    seed: int
    is_done: bool
    steps: tuple[StepResult, ...]
    stations: tuple[StationResult, ...]


async def play(scenario: Scenario, stations: Mapping[str, StationHands], clock: Clock, seed: int) -> PlayResult:
    """Play it at `stations`, which live already; ends with the first step that is not done.

    `seed` is only told again: whoever made the stations has used it.
    """
    return await Play(scenario, stations, clock, seed).run()


def _nobody_listens(result: StepResult) -> None:
    """Where only the result of the whole counts."""


class Play:
    """One play of a scenario, as in `play`. `tell` gets each step as it ends; `stopped` is the result of a `run` that
    was cancelled."""

    def __init__(
        self,
        scenario: Scenario,
        stations: Mapping[str, StationHands],
        clock: Clock,
        seed: int,
        *,
        tell: Callable[[StepResult], None] = _nobody_listens,
    ) -> None:
        self._scenario = scenario
        self._stations = stations
        self._clock = clock
        self._seed = seed
        self._tell = tell
        self._began = clock.monotonic()
        self._opening = {name: hands.virtual.station.snapshot() for name, hands in stations.items()}
        # Messages counted before the last deed at a station.
        self._before: dict[str, dict[str, int]] = {name: {} for name in stations}
        self._results: list[StepResult] = []

    async def run(self) -> PlayResult:
        """Play to the end, or to the first step that is not done."""
        for step in self._scenario.steps:
            outcome, detail = await self._take(step)
            self._ended(step, outcome, detail)
            if outcome is not Outcome.DONE:
                break
        return self._result()

    def stopped(self, why: str) -> PlayResult:
        """What was done so far; the step under way was stopped, because of `why`."""
        steps = self._scenario.steps
        is_under_way = len(self._results) < len(steps) and self._is_done()
        if is_under_way:
            self._ended(steps[len(self._results)], Outcome.STOPPED, why)
        return self._result()

    def _ended(self, step: Step, outcome: Outcome, detail: str) -> None:
        result = StepResult(
            number=len(self._results) + 1,
            station=step.station,
            step=_described(step),
            outcome=outcome,
            at_seconds=round(self._clock.monotonic() - self._began, 3),
            detail=detail,
        )
        self._results.append(result)
        _log.info("step", station=step.station, number=result.number, step=result.step, outcome=outcome.value)
        self._tell(result)

    def _is_done(self) -> bool:
        return all(result.outcome is Outcome.DONE for result in self._results)

    def _result(self) -> PlayResult:
        reached = len(self._results)
        others = [
            StepResult(number=number, station=step.station, step=_described(step), outcome=Outcome.NOT_REACHED)
            for number, step in enumerate(self._scenario.steps[reached:], start=reached + 1)
        ]
        return PlayResult(
            scenario=self._scenario.name,
            seed=self._seed,
            is_done=self._is_done() and not others,
            steps=(*self._results, *others),
            stations=tuple(self._station_result(name) for name in self._stations),
        )

    async def _take(self, step: Step) -> tuple[Outcome, str]:
        hands = self._stations[step.station]
        if step.deed is not None:
            self._before[step.station] = dict(hands.messages)
            try:
                hands.do(step.deed)
            except HandRefused as refused:
                return Outcome.REFUSED, str(refused)
            return Outcome.DONE, ""
        assert step.wait_for is not None, "a step does or waits"
        condition = step.wait_for
        if condition.seconds is not None:
            # The story itself wants this time to pass; there is nothing to wait for.
            await asyncio.sleep(condition.seconds)
            return Outcome.DONE, ""
        most = len(hands.virtual.connectors)
        if condition.connector is not None and condition.connector > most:
            return Outcome.REFUSED, f"{step.station} has no connector {condition.connector}; it has {most}"
        if await self._wait(step.station, condition, step.within_seconds):
            return Outcome.DONE, ""
        return Outcome.TIMED_OUT, self._unmet(step.station, condition, step.within_seconds)

    async def _wait(self, station: str, condition: Condition, within_seconds: float) -> bool:
        virtual = self._stations[station].virtual
        deadline = self._clock.monotonic() + within_seconds

        def is_met() -> bool:
            return not self._missing(station, condition)

        while not is_met():
            left_seconds = deadline - self._clock.monotonic()
            if left_seconds <= 0:
                return False
            await virtual.wait_until(is_met, min(LOOK_SECONDS, left_seconds))
        return True

    def _unmet(self, station: str, condition: Condition, within_seconds: float) -> str:
        missing = "; ".join(self._missing(station, condition)) or "it came true too late"
        last_tag = self._stations[station].state().last_tag
        why = f"; {last_tag.told()}" if last_tag is not None and last_tag.outcome in REFUSALS else ""
        return f"{station}: not within {within_seconds:g} s: {missing}{why}"

    def _missing(self, station: str, condition: Condition) -> list[str]:
        """What is not true yet, one sentence for each; empty when all is."""
        state = self._stations[station].state()
        found = {name: look(self, state, condition) for name, look in _LOOKS.items() if _is_asked(condition, name)}
        unmet = []
        for name, actual in found.items():
            wanted = _wanted(condition, name)
            is_enough = actual == wanted if name not in _AT_LEAST else actual is not None and actual >= wanted
            if not is_enough:
                unmet.append(f"{name} should be {_shown(wanted)} and is {_shown(actual)}")
        return unmet

    def _messages(self, state: StationState, condition: Condition) -> int:
        action = condition.message or ""
        now = self._stations[state.station_id].messages
        return now.get(action, 0) - self._before[state.station_id].get(action, 0)

    def _completed(self, state: StationState, condition: Condition) -> int:
        return state.transactions_completed - self._began_with(state.station_id).transactions_completed

    def _began_with(self, name: str) -> StationSnapshot:
        """The station before the play. What an earlier run had left open was stopped before, too, if only just."""
        snapshots = (self._opening[name], self._stations[name].virtual.opening)
        return max(snapshots, key=lambda snapshot: snapshot.transactions_completed)

    def _station_result(self, name: str) -> StationResult:
        hands, opening = self._stations[name], self._began_with(name)
        state = hands.state()
        return StationResult(
            station_id=name,
            transactions_completed=state.transactions_completed - opening.transactions_completed,
            energy_completed_wh=state.energy_completed_wh - opening.energy_completed_wh,
            energy_running_wh=state.energy_running_wh,
            messages_queued=state.messages_queued,
            statuses=tuple(connector.status for connector in state.connectors),
            messages=dict(sorted(hands.messages.items())),
        )


def _at(state: StationState, condition: Condition, name: str) -> object:
    assert condition.connector is not None, "checked when the file was read"
    value: object = getattr(state.connectors[condition.connector - 1], name)
    return value


def _energy(state: StationState, condition: Condition) -> int:
    if condition.connector is None:
        return state.energy_running_wh
    return state.connectors[condition.connector - 1].transaction_energy_wh or 0


# How each part of a condition is looked at.
_LOOKS: Final[Mapping[str, Callable[[Play, StationState, Condition], Any]]] = {
    "status": lambda play, state, condition: _at(state, condition, "status"),
    "has_transaction": lambda play, state, condition: _at(state, condition, "has_transaction"),
    "is_locked": lambda play, state, condition: _at(state, condition, "is_locked"),
    "energy_wh": lambda play, state, condition: _energy(state, condition),
    "message": Play._messages,
    "online": lambda play, state, condition: state.is_connected and state.is_accepted,
    "transactions_completed": Play._completed,
    "queue_empty": lambda play, state, condition: state.messages_queued == 0,
}
_AT_LEAST: Final = frozenset({"energy_wh", "message", "transactions_completed"})


def _is_asked(condition: Condition, name: str) -> bool:
    return getattr(condition, name) is not None


def _wanted(condition: Condition, name: str) -> Any:
    return (condition.count or 1) if name == "message" else getattr(condition, name)


def _shown(value: Any) -> str:
    """As scenario files write it; "not known" where the station knows nothing of it, or has no such thing."""
    if value is None:
        return "not known"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(step: Step) -> str:
    """`plug-in connector=1`, or `wait_for connector=1 status=Charging`; what has its default is left out."""
    what = step.deed if step.deed is not None else step.wait_for
    word = "wait_for" if step.deed is None else str(type(step.deed).__struct_config__.tag)
    given = [
        f"{field.name}={value}"
        for field in msgspec.structs.fields(what or step)
        if (value := getattr(what, field.name)) != field.default
    ]
    return " ".join([word, *given])
