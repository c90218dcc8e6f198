"""Thousands of stations in one process, on one file of memory, with their drivers and their accidents."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

import msgspec

from chargewright.clock import Clock
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.database import StationDatabase, StationStoreError
from chargewright.station.ev.driver import Hands
from chargewright.station.ev.visitors import Visitors
from chargewright.station.fleet_plan import FleetPlan, identities, places
from chargewright.station.hindrances import Hindrances
from chargewright.station.store import StationStore
from chargewright.station.tally import Histogram, Tally
from chargewright.station.transaction import RUNNING, TransactionState
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import Connect
from chargewright.transport.reconnect import BackOff, back_off_seconds

__all__ = ["Fleet", "FleetFigures", "FleetResult"]

BACK_OFF: Final = BackOff()
SECONDS_PER_HOUR: Final = 3600.0
SECONDS_PER_DAY: Final = 86_400.0
# After the goodbye the peer has `Limits.close_seconds` to answer; then the socket is dropped anyway.
FAREWELL_SECONDS: Final = 30.0
# So many stations say goodbye at the same time.
GOODBYES_AT_ONCE: Final = 500
FAULTS: Final = (
    ChargePointErrorCode.GROUND_FAILURE,
    ChargePointErrorCode.OVER_CURRENT_FAILURE,
    ChargePointErrorCode.HIGH_TEMPERATURE,
    ChargePointErrorCode.POWER_SWITCH_FAILURE,
)


class FleetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a fleet is doing. Messages per second and answer times (s) are of the time since the figures before."""

    seconds: float
    stations: int
    connected: int
    charging: int
    queued: int
    completed: int
    messages: int
    messages_per_second: float
    p50_seconds: float | None
    p99_seconds: float | None


class FleetResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did.

    `messages` are all that were sent and received. Of the `queued_messages` (StartTransaction, MeterValues,
    StopTransaction and critical security events that became durable in this run, or were left by an earlier one) each
    is `answered`, or is `waiting` on disk for the next run, or is `lost`: given up after TransactionMessageAttempts
    CALLERRORs, or not accounted for at all. Where the memory is thrown away, what waits is lost, too.
    `hindrance` says of the stations that were not accepted how many there are, and the most frequent reason with its
    count; None where all were. `transactions_completed` are those whose StopTransaction was answered;
    `transactions_running` are still open at the end. `turned_away` found no free connector. Answer times are those of
    the stations' CALLs, in milliseconds; `commits` those of the memory.
    """

    stations: int
    accepted: int
    hindrance: str | None
    transactions_started: int
    transactions_completed: int
    transactions_running: int
    messages: int
    queued_messages: int
    answered: int
    waiting: int
    lost: int
    visits: int
    turned_away: int
    network_drops: int
    power_cuts: int
    seconds: float
    messages_per_second: float
    p50_milliseconds: float | None
    p99_milliseconds: float | None
    commits: int
    seed: int


class Fleet:
    """Made inside the running event loop; `database` is shared by all stations and belongs to the caller.

    `start`, then `close`, then `result`.
    """

    def __init__(self, plan: FleetPlan, database: StationDatabase, *, connect: Connect, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self.plan = plan
        self.tally = Tally()
        self.network_drops = 0
        self.power_cuts = 0
        self.stations: list[VirtualStation] = []
        self._database = database
        self._hindrances = Hindrances(connect)
        self._clock = clock
        # One stream of dice for all stations; a stream of its own would be 2.5 KiB for each.
        self._dice = Random(f"{plan.seed} stations")
        self._accidents = Random(f"{plan.seed} accidents")
        self._lives: list[asyncio.Task[None]] = []
        self._switching_on: asyncio.Task[None] | None = None
        self._timers: dict[object, asyncio.TimerHandle] = {}
        self._is_ending = False
        self._is_in_hurry = False
        self._drain: asyncio.Timeout | None = None
        self._most_connectors = max(len(product.outlets) for product in plan.products)
        self._began = self._loop.time()
        self._owed_before = _waiting(database)
        self._running_before = _running(database)
        self._last = (self._began, 0, Histogram())
        self.visitors = Visitors(
            plan.behaviour,
            f"{plan.seed}",
            connectors=places(plan.count, plan.products),
            draw_place=self._draw_place,
            fault=self._fail_connector,
            clock=clock,
            call_later=self._loop.call_later,
            speed=plan.speed,
        )

    # Life.

    def start(self) -> None:
        """Switch the stations on, one after another, and let drivers and accidents come."""
        self._began = self._loop.time()
        self._last = (self._began, 0, Histogram())
        self._switching_on = self._loop.create_task(self._switch_on(), name="switch on")
        self.visitors.start()
        failures, count = self.plan.behaviour.failures, self.plan.count
        self._accident(
            "network", count * failures.network_drops_per_hour * self.plan.speed / SECONDS_PER_HOUR, self._drop_network
        )
        self._accident(
            "power", count * failures.power_cuts_per_day * self.plan.speed / SECONDS_PER_DAY, self._cut_power
        )

    async def wait_for_trouble(self) -> None:
        """Returns or raises as soon as a station ends that was not told to, as a URL that cannot be used ends it."""
        if self._switching_on is not None:
            await asyncio.shield(self._switching_on)
        # Not `gather`: whoever is tired of waiting here must not end the stations with it.
        done, _ = await asyncio.wait(self._lives, return_when=asyncio.FIRST_COMPLETED)
        for life in done:
            life.result()

    async def close(self, drain_seconds: float) -> None:
        """Let every driver leave, every transaction end, and the CSMS answer all that it is told; no longer than
        `drain_seconds`, and only until `hurry`. Then every station says goodbye, and all that was gathered is written.

        Raises `StationStoreError` when something could not be; everything has ended all the same.
        """
        self._is_ending = True
        if self._switching_on is not None:
            self._switching_on.cancel()
            await asyncio.gather(self._switching_on, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()
        failures: list[StationStoreError] = []
        try:
            async with asyncio.timeout(0.0 if self._is_in_hurry else drain_seconds) as self._drain:
                await self._let_leave()
        except TimeoutError:
            # What is left is counted, and told in the result.
            self.visitors.cancel()
        except StationStoreError as error:
            self.visitors.cancel()
            failures.append(error)
        finally:
            self._drain = None
        farewells = iter(self.stations)
        await asyncio.gather(*(self._say_goodbye(farewells, failures) for _ in range(GOODBYES_AT_ONCE)))
        if self._lives:
            await asyncio.wait(self._lives, timeout=FAREWELL_SECONDS)
        try:
            self._database.commit()
        except StationStoreError as error:
            failures.append(error)
        if failures:
            raise failures[0]

    def hurry(self) -> None:
        """Wait no longer for drivers and answers when the fleet ends. Idempotent."""
        self._is_in_hurry = True
        if self._drain is not None and not self._drain.expired():
            self._drain.reschedule(self._loop.time())

    async def _let_leave(self) -> None:
        for virtual in self.stations:
            virtual.return_power()
            virtual.network.mend()
        self.visitors.call_off()
        for virtual in self.stations:
            virtual.stop_charging()
        await self.visitors.wait_until_gone()
        # Whoever was let in while the others left.
        for virtual in self.stations:
            virtual.stop_charging()
        for virtual in self.stations:
            await virtual.station.wait_until_told()

    async def _say_goodbye(self, stations: Iterator[VirtualStation], failures: list[StationStoreError]) -> None:
        for virtual in stations:
            try:
                await virtual.close()
            except StationStoreError as error:
                failures.append(error)

    async def _switch_on(self) -> None:
        per_second = self.plan.behaviour.connect.stations_per_second
        for number, identity in enumerate(identities(self.plan.prefix, self.plan.count)):
            early = self._began + number / per_second - self._loop.time()
            if early > 0:
                # The ramp that was asked for: so many stations each second.
                await asyncio.sleep(early)
            self._add(number, identity)

    def _add(self, number: int, identity: str) -> None:
        plan = self.plan
        product = plan.products[number % len(plan.products)]
        store = StationStore(self._database, self._dice, identity)
        store.claim(f"{product.vendor} {product.model}", len(product.outlets))
        virtual = VirtualStation(
            identity,
            plan.csms_url,
            product,
            store,
            connect=self._hindrances.connect,
            clock=self._clock,
            random=self._dice,
            delay_seconds=_delay_seconds,
            provisioning=plan.provisioning_of(identity),
            spoken=plan.spoken,
            tally=self.tally,
            delays=plan.delays,
            shelf=plan.shelf_of(identity),
        )
        self.stations.append(virtual)
        self._lives.append(self._loop.create_task(virtual.run(), name=identity))

    # Accidents.

    def _accident(self, kind: str, per_second: float, happen: Callable[[VirtualStation], None]) -> None:
        """One timer for all stations, as for the arrivals of drivers."""
        if per_second <= 0 or self._is_ending:
            return

        def strike() -> None:
            try:
                virtual = self._draw_station(self._accidents)
                if virtual is not None and virtual.has_power:
                    happen(virtual)
            finally:
                self._accident(kind, per_second, happen)

        self._timers[kind] = self._loop.call_later(self._accidents.expovariate(per_second), strike)

    def _drop_network(self, virtual: VirtualStation) -> None:
        self.network_drops += 1
        virtual.network.cut()
        virtual.network.mend()

    def _cut_power(self, virtual: VirtualStation) -> None:
        self.power_cuts += 1
        seconds = self._accidents.uniform(*self.plan.behaviour.failures.power_cut_seconds) / self.plan.speed
        virtual.cut_power()
        self._in(seconds, virtual.return_power)

    def _fail_connector(self, hands: Hands, connector_id: int) -> None:
        if not isinstance(hands, VirtualStation) or self._is_ending or not hands.has_power:
            return
        hands.station.set_fault(connector_id, self._accidents.choice(FAULTS))
        seconds = self._accidents.uniform(*self.plan.behaviour.failures.fault_seconds) / self.plan.speed
        # Over a power cut the fault is gone as well: the station that is asked then is another one, without it.
        self._in(seconds, lambda: hands.station.set_fault(connector_id, ChargePointErrorCode.NO_ERROR))

    def _in(self, seconds: float, happen: Callable[[], None]) -> None:
        key = object()

        def strike() -> None:
            del self._timers[key]
            happen()

        self._timers[key] = self._loop.call_later(seconds, strike)

    def _draw_station(self, dice: Random) -> VirtualStation | None:
        """Each station of the plan is as likely; None for one that is not switched on yet."""
        number = dice.randrange(self.plan.count)
        return self.stations[number] if number < len(self.stations) else None

    def _draw_place(self, dice: Random) -> tuple[Hands, int] | None:
        virtual = self._draw_station(dice)
        # Drawn as if every station had as many connectors as the largest one; whoever draws one too many stays away.
        connector_id = dice.randrange(self._most_connectors) + 1
        if virtual is None or connector_id > len(virtual.connectors):
            return None
        return virtual, connector_id

    # What can be seen.

    def figures(self) -> FleetFigures:
        """How it is doing now; to be asked for once a second or so."""
        tally, now = self.tally, self._loop.time()
        messages = tally.sent + tally.received
        then, messages_then, times_then = self._last
        self._last = (now, messages, tally.answer_times.copy())
        times = tally.answer_times.since(times_then)
        return FleetFigures(
            seconds=now - self._began,
            stations=len(self.stations),
            connected=sum(virtual.station.is_connected for virtual in self.stations),
            charging=self._running_before + tally.starts - tally.stops,
            queued=self._owed_before + tally.queued - tally.answered - tally.parked,
            completed=tally.stopped,
            messages=messages,
            messages_per_second=(messages - messages_then) / (now - then) if now > then else 0.0,
            p50_seconds=times.percentile(0.5),
            p99_seconds=times.percentile(0.99),
        )

    def result(self, *, is_memory_kept: bool) -> FleetResult:
        """What was done, after `close`."""
        tally, database = self.tally, self._database
        seconds = self._loop.time() - self._began
        waiting, running = _waiting(database), _running(database)
        messages = tally.sent + tally.received
        owed = self._owed_before + tally.queued
        # Counted when they were queued and when they were answered; what waits is read from the file itself.
        lost = owed - tally.answered - waiting
        if not is_memory_kept:
            lost, waiting = lost + waiting, 0
        p50, p99 = tally.answer_times.percentile(0.5), tally.answer_times.percentile(0.99)
        others = [
            identity
            for identity, virtual in zip(
                identities(self.plan.prefix, self.plan.count),
                self.stations,
                strict=False,  # not all may be on yet
            )
            if not virtual.station.was_accepted
        ]
        return FleetResult(
            stations=self.plan.count,
            accepted=len(self.stations) - len(others),
            hindrance=self._hindrances.most_frequent(others),
            transactions_started=tally.starts,
            transactions_completed=tally.stopped,
            transactions_running=running,
            messages=messages,
            queued_messages=owed,
            answered=tally.answered,
            waiting=waiting,
            lost=lost + (0 if is_memory_kept else running),
            visits=self.visitors.came,
            turned_away=self.visitors.turned_away,
            network_drops=self.network_drops,
            power_cuts=self.power_cuts,
            seconds=round(seconds, 3),
            messages_per_second=round(messages / seconds, 1) if seconds > 0 else 0.0,
            p50_milliseconds=None if p50 is None else round(p50 * 1000, 3),
            p99_milliseconds=None if p99 is None else round(p99 * 1000, 3),
            commits=database.commits,
            seed=self.plan.seed,
        )


def _delay_seconds(attempt: int, random: Random) -> float:
    return back_off_seconds(attempt, BACK_OFF, random)


def _waiting(database: StationDatabase) -> int:
    """Transaction messages that are neither answered nor given up, of all stations."""
    return int(database.read("SELECT count(*) FROM queue WHERE parked_because IS NULL")[0][0])


def _running(database: StationDatabase) -> int:
    """Transactions that were not stopped, of all stations."""
    counted = database.read("SELECT state, count(*) FROM charging_transaction GROUP BY state")
    return sum(count for state, count in counted if TransactionState(state) in RUNNING)
