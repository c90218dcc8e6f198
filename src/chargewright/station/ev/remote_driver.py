"""Drivers who come without a tag: somebody else starts and stops for them."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from random import Random

from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.ev.driver import Habits, Hands, draw_vehicle, unless
from chargewright.station.snapshot import ConnectorSnapshot

__all__ = ["RemoteDriver"]


class RemoteDriver:
    """Whoever is let in at one connector by the CSMS (§5.11), one after another.

    They plug in `habits.plug_seconds` after the station let them in, however full the battery is stay until somebody
    ends the transaction, and take the cable as soon as it is free. `speed` is that of `Driver`.
    """

    def __init__(
        self,
        hands: Hands,
        connector_id: int,
        habits: Habits,
        random: Random,
        *,
        speed: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._hands = hands
        self._connector_id = connector_id
        self._habits = habits
        self._random = random
        self._speed = speed
        self._sleep = sleep
        self._called_off = asyncio.Event()

    async def run(self) -> None:
        """Come whenever somebody is let in, until called off."""
        while not self._called_off.is_set():
            await self._wait_until(self._is_let_in)
            await unless(self._called_off, self._sleep(self._random.uniform(*self._habits.plug_seconds) / self._speed))
            # By now the station may have given up waiting.
            if self._is_let_in() and not self._called_off.is_set():
                await self._visit()

    def call_off(self) -> None:
        """Nobody comes any more; who is here leaves if the cable is free, and `run` ends."""
        self._called_off.set()

    async def _visit(self) -> None:
        self._hands.plug(self._connector_id, draw_vehicle(self._habits, self._random, self._speed))
        # A transaction begins with the plug, or never: the station says Preparing only while it decides.
        await self._wait_until(lambda: self._look().has_transaction or not self._is_let_in())
        await self._wait_until(self._can_leave)
        if self._can_leave():
            self._hands.unplug(self._connector_id)
            await self._wait_until(lambda: self._look().status is not ChargePointStatus.FINISHING)

    async def _wait_until(self, is_true: Callable[[], bool]) -> None:
        await unless(self._called_off, self._hands.wait_until(is_true, math.inf))

    def _is_let_in(self) -> bool:
        """Without a vehicle here, nothing else makes a connector prepare."""
        return self._look().status is ChargePointStatus.PREPARING

    def _can_leave(self) -> bool:
        return not self._look().has_transaction and not self._hands.is_locked(self._connector_id)

    def _look(self) -> ConnectorSnapshot:
        return self._hands.look(self._connector_id)
