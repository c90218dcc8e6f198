"""A station whose power can be cut between any two writes, and a central system in plain JSON that keeps the books.

`Life` is the station with its network and memory; `Books` what the central system was told, and whether it adds up.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import datetime
from random import Random
from typing import Any

import structlog
from tests.station.scripted_csms import Payload, ScriptedCsms

from chargewright.clock import LoopClock
from chargewright.simulation import simulate
from chargewright.station.database import StationDatabase
from chargewright.station.product import Product
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation


class PowerCut(BaseException):
    """The processor stops here: nothing that catches errors may see it."""


class CuttingDatabase(StationDatabase):
    """Loses power at its `cut_at`-th step; before and after each statement and each commit is a step."""

    def __init__(self) -> None:
        self.steps = 0
        self.cut_at = 0
        self.boots = 1
        self.is_dead = False
        self.on_cut: Callable[[], None] = lambda: None
        super().__init__(":memory:")

    def write(self, statement: str, parameters: Any = ()) -> int:
        self._step()
        row_id = super().write(statement, parameters)
        self._step()
        return row_id

    def commit(self) -> None:
        self._step()
        super().commit()
        self._step()

    def die(self) -> None:
        """The power is away: what was not committed is lost, and nothing works until `revive`."""
        self.is_dead = True
        self.on_cut()

    def revive(self) -> None:
        """The power is back."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._depth = 0
        self.boots += self.is_dead
        self.is_dead = False

    def _step(self) -> None:
        if self.is_dead:
            raise PowerCut
        self.steps += 1
        if self.steps == self.cut_at:
            self.die()
            raise PowerCut


class Books(ScriptedCsms):
    """Gives transaction ids by content, and refuses or does not answer a message now and then, each at most once."""

    def __init__(self, now: Callable[[], datetime], dice: Random, *, trouble: float = 0.0) -> None:
        super().__init__(now)
        self.starts: dict[tuple[Any, ...], int] = {}
        self.start_of: dict[int, Payload] = {}
        self.stops: dict[int, list[Payload]] = defaultdict(list)
        self.told: list[tuple[str, Payload]] = []
        self._dice = dice
        self._trouble = trouble
        self._troubled: set[str] = set()
        for action in ("StartTransaction", "StopTransaction", "MeterValues"):
            self.answers[action] = lambda payload, action=action: self._enter(action, payload)

    def _enter(self, action: str, payload: Payload) -> Any:
        content = f"{action} {sorted(payload.items(), key=repr)!r}"
        if content not in self._troubled and self._dice.random() < self._trouble:
            self._troubled.add(content)
            return self._dice.choice(["InternalError", "silence"])
        if (action, payload) not in self.told:
            self.told.append((action, payload))
        if action == "StartTransaction":
            key = tuple(payload[name] for name in ("connectorId", "idTag", "timestamp", "meterStart"))
            number = self.starts.setdefault(key, len(self.starts) + 1)
            self.start_of[number] = payload
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        if action == "StopTransaction" and payload not in self.stops[payload["transactionId"]]:
            self.stops[payload["transactionId"]].append(payload)
        return {}

    def check(self, registers: dict[int, int]) -> None:
        """Nothing is lost, doubled or out of order: raises AssertionError that names what is."""
        assert set(self.stops) == set(self.start_of), "each transaction has its stop, and each stop its transaction"
        assert {number: len(stops) for number, stops in self.stops.items() if len(stops) != 1} == {}
        billed: dict[int, int] = defaultdict(int)
        last_end: dict[int, str] = {}
        for number, start in self.start_of.items():
            (stop,) = self.stops[number]
            connector = start["connectorId"]
            assert stop["timestamp"] >= start["timestamp"] >= last_end.get(connector, ""), (number, start, stop)
            last_end[connector] = stop["timestamp"]
            billed[connector] += stop["meterStop"] - start["meterStart"]
        assert dict(billed) == {number: wh for number, wh in registers.items() if number in billed}
        assert not [number for number, wh in registers.items() if wh and number not in billed]
        self._check_order()

    def _check_order(self) -> None:
        begun: set[int] = set()
        ended: set[int] = set()
        latest: dict[int, tuple[str, int]] = {}
        for action, payload in self.told:
            if action == "StartTransaction":
                begun.add(self.starts[tuple(payload[n] for n in ("connectorId", "idTag", "timestamp", "meterStart"))])
                continue
            number = payload.get("transactionId")
            if number is None:
                continue
            assert number in begun and number not in ended, (action, payload)
            if action == "StopTransaction":
                ended.add(number)
                moment, register = payload["timestamp"], payload["meterStop"]
            else:
                moment = payload["meterValue"][0]["timestamp"]
                register = int(payload["meterValue"][0]["sampledValue"][0]["value"])
            before, counted = latest.get(number, ("", 0))
            assert moment >= before and register >= counted, (action, payload)
            latest[number] = (moment, register)


class Life:
    """One station from its first boot to its last message; `cut` and `return_power` as often as you like."""

    def __init__(self, made: Product, clock: LoopClock, seed: int, *, trouble: float = 0.0) -> None:
        self.clock = clock
        self.database = CuttingDatabase()
        self.store = StationStore(self.database, Random(f"{seed} store"), "CW 1")
        self.csms = Books(clock.now, Random(f"{seed} csms"), trouble=trouble)
        self.virtual = VirtualStation(
            "CW 1",
            "ws://memory/ocpp",
            made,
            self.store,
            connect=self.csms.connect,
            clock=clock,
            random=Random(f"{seed} station"),
            delay_seconds=lambda attempt, random: 10.0,
        )
        self.database.on_cut = self.virtual.cut_power
        self.cuts = 0
        self.cut_again = 0
        self._running = self._run()

    def _run(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.virtual.run())

    def attempt(self, act: Callable[[], object]) -> None:
        """Something that a person does; the power may be cut by it."""
        try:
            act()
        except PowerCut:
            self.cuts += 1

    def cut(self) -> None:
        """Power is away, now."""
        if not self.database.is_dead:
            self.cuts += 1
            self.database.die()

    async def return_power(self) -> None:
        """Power is back; does nothing while it is there."""
        if not self.database.is_dead:
            return
        self.database.revive()
        # Another one may follow soon, in the middle of putting things right.
        self.database.cut_at = self.database.steps + self.cut_again if self.cut_again else 0
        self.cut_again = 0
        has_ended = self._running.done()
        try:
            self.virtual.return_power()
        except PowerCut:
            # Cut again while the station was being made: nothing of it has lived yet.
            self.cuts += 1
            self.database.revive()
            self.database.cut_at = 0
            self.virtual.return_power()
        if has_ended:
            self._running = self._run()

    async def close(self) -> None:
        """The end; nothing may be left running."""
        await self.virtual.close()
        await asyncio.wait([self._running], timeout=60)
        self.database.cut_at = 0
        self.database.revive()
        self.database.close()


def silence(loop: asyncio.AbstractEventLoop) -> list[BaseException]:
    """Log nothing; returns where errors inside the station are noted, but power cuts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    errors: list[BaseException] = []

    def note(loop: asyncio.AbstractEventLoop, details: dict[str, Any]) -> None:
        error = details.get("exception")
        if not isinstance(error, PowerCut):
            errors.append(error or RuntimeError(details["message"]))

    loop.set_exception_handler(note)
    return errors


def live(
    main: Callable[[Life], Coroutine[Any, Any, Any]],
    made: Product | None = None,
    *,
    seed: int = 1,
    trouble: float = 0.0,
) -> Any:
    """Run `main` in virtual time; whatever goes wrong inside the station, but a power cut, is raised."""
    errors: list[BaseException] = []

    async def run(clock: LoopClock) -> Any:
        nonlocal errors
        errors = silence(asyncio.get_running_loop())
        life = Life(product_from("reference") if made is None else made, clock, seed, trouble=trouble)
        try:
            return await main(life)
        finally:
            await life.close()

    result = simulate(run)
    if errors:
        raise errors[0]
    return result
