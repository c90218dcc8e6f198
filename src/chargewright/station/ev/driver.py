"""Drivers: they arrive, plug in, show a tag, wait or come back early, and leave."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Final, Protocol

import msgspec

from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.snapshot import ConnectorSnapshot, masked

__all__ = ["Driver", "Habits", "Hands", "IdTagPool", "draw_vehicle", "unless"]

# A station that does not react to a tag for so long has lost its customer.
PATIENCE_SECONDS: Final = 180.0
# A line that comes and goes is given up after so many tries with one tag.
MOST_TRIES: Final = 5


class Hands(Protocol):
    """What a driver can do at a station."""

    def plug(self, connector_id: int, vehicle: Vehicle) -> None:
        """Connect the vehicle."""

    def unplug(self, connector_id: int) -> Vehicle:
        """Take it away."""

    @property
    def locks_before_authorization(self) -> bool:
        """Whether nobody can plug in before the station has let them in."""

    def is_locked(self, connector_id: int) -> bool:
        """Whether the cable is held."""

    def show_tag(self, id_tag: str, connector_id: int | None = None) -> None:
        """Hold a tag before the reader."""

    def look(self, connector_id: int) -> ConnectorSnapshot:
        """Read the display."""

    def is_online(self) -> bool:
        """Whether the station could ask the CSMS about a tag now; its display shows that."""

    async def wait_until(self, is_true: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait for something that can be seen."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """What drivers of a neighbourhood are like; ranges are drawn from evenly. Energies in Wh, times in seconds.

    `gap_seconds` is the mean time that a connector stands free. A driver leaves when `target_soc` is reached or
    `stay_seconds` are over. `tag_first_share` of them show the tag before they plug in. Whose tag nobody could be asked
    about shows it again `retry_seconds` after the station is online again. Who is let in from afar plugs in after
    `plug_seconds`.
    """

    id_tags: tuple[str, ...]
    gap_seconds: float = 600.0
    stay_seconds: tuple[float, float] = (1200.0, 7200.0)
    capacity_wh: tuple[float, float] = (40_000.0, 90_000.0)
    arrival_soc: tuple[float, float] = (0.1, 0.6)
    target_soc: tuple[float, float] = (0.7, 1.0)
    ac_phases: tuple[int, ...] = (1, 3, 3)
    ac_current_a: tuple[float, ...] = (16.0, 16.0, 32.0)
    dc_power_w: tuple[float, float] = (50_000.0, 170_000.0)
    tag_first_share: float = 0.3
    retry_seconds: tuple[float, float] = (2.0, 8.0)
    plug_seconds: tuple[float, float] = (2.0, 8.0)


class IdTagPool:
    """The id tags of a neighbourhood: each one is at one place at a time, like the card that it stands for.

    To be shared by all drivers that have these tags. Two spellings of one tag (upper and lower case) are one card.
    """

    def __init__(self, id_tags: Iterable[str]) -> None:
        # In the order given, so that a choice depends on the dice alone.
        self._is_free = dict.fromkeys({id_tag.casefold(): id_tag for id_tag in id_tags}.values(), True)

    def take(self, random: Random) -> str | None:
        """One of the free tags; None when all are out."""
        free = [id_tag for id_tag, is_free in self._is_free.items() if is_free]
        if not free:
            return None
        id_tag = random.choice(free)
        self._is_free[id_tag] = False
        return id_tag

    def give_back(self, id_tag: str) -> None:
        """Its driver has left; raises ValueError when it was not taken."""
        if self._is_free.get(id_tag, True):
            raise ValueError(f"id tag {masked(id_tag)} was not taken from this pool")
        self._is_free[id_tag] = True


class Driver:
    """The drivers that use one connector, one after another.

    Their tags come from `pool`, which drivers share whose `habits` have the same tags; without one, nobody else has
    them. Who finds no tag free stays away until after the next gap.

    `speed` divides battery sizes and waiting times, so that many visits fit into little time; power, clock and meter
    stay physical.
    """

    def __init__(
        self,
        hands: Hands,
        connector_id: int,
        habits: Habits,
        random: Random,
        *,
        pool: IdTagPool | None = None,
        speed: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._hands = hands
        self._connector_id = connector_id
        self._habits = habits
        self._pool = IdTagPool(habits.id_tags) if pool is None else pool
        self._random = random
        self._speed = speed
        self._sleep = sleep
        self._called_off = asyncio.Event()

    async def run(self, first_gap_seconds: float | None = None) -> None:
        """Visit until called off. The first driver comes after `first_gap_seconds` where that is given."""
        gap_seconds = first_gap_seconds
        while not self._called_off.is_set():
            if gap_seconds is None:
                gap_seconds = self._random.expovariate(1 / self._habits.gap_seconds)
            await self._unless_called_off(self._sleep(gap_seconds / self._speed))
            gap_seconds = None
            if self._look().status is ChargePointStatus.AVAILABLE and not self._called_off.is_set():
                await self.visit()

    def call_off(self) -> None:
        """No more visits; who is charging stops and leaves, and `run` ends."""
        self._called_off.set()

    async def visit(self) -> None:
        """One driver, from arrival to departure; nobody comes while no tag is free."""
        id_tag = self._pool.take(self._random)
        if id_tag is None:
            return
        try:
            await self._visit(id_tag)
        finally:
            self._pool.give_back(id_tag)

    async def _visit(self, id_tag: str) -> None:
        vehicle = draw_vehicle(self._habits, self._random, self._speed)
        stay_seconds = self._random.uniform(*self._habits.stay_seconds) / self._speed
        is_tag_first = self._random.random() < self._habits.tag_first_share
        if is_tag_first or self._hands.locks_before_authorization:
            await self._be_let_in(id_tag, self._is_preparing)
            if not self._is_preparing():
                return
            if self._called_off.is_set():
                # Shown once more, it says that nobody will plug in.
                self._hands.show_tag(id_tag, self._connector_id)
                return
            self._hands.plug(self._connector_id, vehicle)
            await self._unless_called_off(self._hands.wait_until(self._has_transaction, PATIENCE_SECONDS))
        else:
            self._hands.plug(self._connector_id, vehicle)
            await self._be_let_in(id_tag, self._has_transaction)
        if self._has_transaction():
            await self._unless_called_off(
                self._hands.wait_until(lambda: not vehicle.wants_energy or not self._has_transaction(), stay_seconds)
            )
            if self._has_transaction():
                self._hands.show_tag(id_tag, self._connector_id)
        await self._leave(id_tag)

    async def _be_let_in(self, id_tag: str, is_in: Callable[[], bool]) -> None:
        """Show the tag and wait for what it should lead to; no longer than patience lasts, or until called off."""
        await self._unless_called_off(self._show_until(id_tag, is_in))

    async def _show_until(self, id_tag: str, is_in: Callable[[], bool]) -> None:
        hands = self._hands
        for _ in range(MOST_TRIES):
            hands.show_tag(id_tag, self._connector_id)
            await hands.wait_until(lambda: is_in() or not hands.is_online(), PATIENCE_SECONDS)
            if is_in() or hands.is_online():
                return
            # Nobody could be asked, or nobody answered. Some stations let people in nevertheless.
            await hands.wait_until(lambda: is_in() or hands.is_online(), PATIENCE_SECONDS)
            if is_in() or not hands.is_online():
                return
            await self._sleep(self._random.uniform(*self._habits.retry_seconds) / self._speed)
            if is_in():
                return

    async def _unless_called_off(self, waiting: Awaitable[object]) -> None:
        await unless(self._called_off, waiting)

    async def _leave(self, id_tag: str) -> None:
        """Unplug as soon as the station lets go; a tag more may help where it does not."""
        while not await self._hands.wait_until(self._can_leave, PATIENCE_SECONDS):
            self._hands.show_tag(id_tag, self._connector_id)
        self._hands.unplug(self._connector_id)
        await self._hands.wait_until(lambda: self._look().status is not ChargePointStatus.FINISHING, PATIENCE_SECONDS)

    def _can_leave(self) -> bool:
        return not self._look().has_transaction and not self._hands.is_locked(self._connector_id)

    def _is_preparing(self) -> bool:
        return self._look().status is ChargePointStatus.PREPARING

    def _has_transaction(self) -> bool:
        return self._look().has_transaction

    def _look(self) -> ConnectorSnapshot:
        return self._hands.look(self._connector_id)


async def unless(event: asyncio.Event, waiting: Awaitable[object]) -> None:
    """Wait for it, but no longer than until `event`; raises what it raises."""
    tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(event.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def draw_vehicle(habits: Habits, random: Random, speed: float) -> Vehicle:
    """A vehicle of the neighbourhood, with its battery divided by `speed`."""
    arrival = random.uniform(*habits.arrival_soc)
    battery = Battery(
        random.uniform(*habits.capacity_wh) / speed, arrival, max_power_w=random.uniform(*habits.dc_power_w)
    )
    return Vehicle(
        battery,
        phases=random.choice(habits.ac_phases),
        max_current_a=random.choice(habits.ac_current_a),
        target_soc=max(arrival, random.uniform(*habits.target_soc)),
    )
