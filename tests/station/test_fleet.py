"""A fleet in virtual time against a whole central system: accidents lose nothing, and a seed can be replayed."""

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import structlog
from tests.station.full_disk import FullDisk
from tests.station.world import car

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import metadata
from chargewright.simulation import simulate
from chargewright.station.behaviour import Arrivals, Behaviour, Charging, Connect, Failures
from chargewright.station.database import StationDatabase
from chargewright.station.fleet import Fleet, FleetResult
from chargewright.station.fleet_plan import FleetPlan, identities, key_of, places
from chargewright.station.hardware.simulated_parts import NO_DELAYS, HardwareDelays
from chargewright.station.running import product_from
from chargewright.transport.loopback import LoopbackNetwork

ACCIDENTS = Behaviour(
    arrivals=Arrivals(per_hour=(0.0,) * 6 + (2.0,) * 18),
    charging=Charging(stay_minutes=(5.0, 60.0)),
    failures=Failures(network_drops_per_hour=1.0, power_cuts_per_day=6.0, fault_share=0.2, fault_seconds=(10.0, 300.0)),
    connect=Connect(stations_per_second=2.0),
)
QUIET = Behaviour(arrivals=Arrivals(per_hour=(0.0,) * 24), connect=Connect(stations_per_second=2.0))
COUNT = 6
MASTER_KEY = b"a master key that is long enough"


class Lived:
    """What a run left behind."""

    result: FleetResult
    rows: list[Any]
    digest: str


def live(
    seed: int,
    hours: float,
    behaviour: Behaviour = ACCIDENTS,
    during: Callable[[Fleet], Awaitable[None]] | None = None,
    delays: HardwareDelays = NO_DELAYS,
    made: type[StationDatabase] = StationDatabase,
) -> Lived:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    lived = Lived()
    digest = hashlib.sha256()

    async def main(clock: LoopClock) -> None:
        network = LoopbackNetwork()
        storage = await open_sqlite(":memory:", clock)
        products = (product_from("minimal"), product_from("kempower_s_series"))
        csms = Csms(
            Settings(ocpp="off", http="off", node="node", log_level="error", data=Path(folder)),
            clock=clock,
            storage=storage,
            seed=Seed(
                station=tuple(StationSeed(identity=name, password=key_of(name, MASTER_KEY)) for name in names),
                id_tag=tuple(IdTagSeed(id_tag=id_tag) for id_tag in behaviour.id_tags(places(COUNT, products))),
            ),
            dice=Random(f"{seed} csms"),
            entropy=Random(f"{seed} secrets").randbytes,
        )
        await csms.start()
        await network.listen(csms.admit, "csms", 9000)

        async def connect(url: str, **arguments: Any) -> Any:
            on_message = arguments.pop("on_message")

            def received(message: bytes) -> None:
                digest.update(f"{clock.monotonic():.6f} {arguments['identity']} ".encode() + message)
                on_message(message)

            return await network.connect(url, on_message=received, **arguments)

        # As on a disk: nothing leaves before the next commit.
        database = made(":memory:", call_later=asyncio.get_running_loop().call_later, gathers_in_memory=True)
        plan = FleetPlan(
            count=COUNT,
            products=products,
            csms_url="ws://csms:9000/ocpp",
            behaviour=behaviour,
            seed=seed,
            password_of=lambda identity: bytes.fromhex(key_of(identity, MASTER_KEY)),
            delays=delays,
        )
        fleet = Fleet(plan, database, connect=connect, clock=clock)
        fleet.start()
        if during is not None:
            await during(fleet)
        await asyncio.sleep(hours * 3600 - asyncio.get_running_loop().time())
        await fleet.close(1800)
        lived.result = fleet.result(is_memory_kept=True)
        table = metadata.tables["charging_transaction"]
        lived.rows = [dict(zip(table.columns.keys(), row, strict=True)) for row in await storage.select(table.select())]
        await csms.stop()

    names = identities("CW-F-", COUNT)
    with tempfile.TemporaryDirectory() as folder:
        simulate(main)
    lived.digest = digest.hexdigest()
    return lived


def test_a_day_of_accidents_loses_nothing_and_both_sides_count_the_same() -> None:
    lived = live(seed=1, hours=14)
    result = lived.result
    assert (result.stations, result.accepted, result.lost, result.waiting) == (COUNT, COUNT, 0, 0)
    assert result.network_drops > 40 and result.power_cuts > 10
    assert result.transactions_running == 0
    assert result.transactions_completed == result.transactions_started == len(lived.rows) > 20
    assert all(row["meter_stop"] is not None for row in lived.rows)
    assert result.answered == result.queued_messages
    assert result.visits >= result.transactions_started and result.turned_away > 0


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    first, again, other = (live(seed=seed, hours=7.5) for seed in (3, 3, 4))
    assert first.digest == again.digest
    assert first.digest != other.digest
    assert first.result == again.result


def test_nobody_comes_in_hours_without_arrivals_and_stations_come_one_after_another() -> None:
    counts = []

    async def during(fleet: Fleet) -> None:
        await asyncio.sleep(1.1)
        counts.append(fleet.figures())
        await asyncio.sleep(60)
        counts.append(fleet.figures())

    lived = live(seed=1, hours=5.9, behaviour=ACCIDENTS, during=during)
    assert lived.result.visits == 0 and lived.result.transactions_started == 0
    assert [(figures.stations, figures.connected) for figures in counts] == [(3, 3), (COUNT, COUNT)]
    assert counts[0].messages_per_second > 1 and counts[1].charging == counts[1].queued == counts[1].completed == 0


class FillingDisk(FullDisk):
    """Full from the next transaction on."""

    is_filling = False

    def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        if "INTO charging_transaction" in statement and self.is_filling:
            self.is_filling, self.is_full = False, True
        return super().write(statement, parameters)


def test_a_disk_that_is_full_for_a_while_holds_messages_back_and_mixes_no_bills() -> None:
    """No station speaks of what the disk has not taken, and each gets the transaction that it asked for."""
    counts: list[tuple[int, int, int]] = []
    full_until: list[float] = []

    async def during(fleet: Fleet) -> None:
        disk = fleet._database
        assert isinstance(disk, FillingDisk)

        async def look(seconds: float) -> None:
            await asyncio.sleep(seconds)
            figures = fleet.figures()
            counts.append((figures.charging, figures.queued, fleet.tally.answered))

        await look(60)
        disk.is_filling = True
        for number, hands in enumerate(fleet.stations):
            hands.plug(1, car())
            hands.show_tag(tags[number], 1)
        await look(1800)
        fleet.stations[5].cut_power()
        await asyncio.sleep(60)
        fleet.stations[5].return_power()
        await look(60)
        disk.is_full = False
        full_until.append(fleet._clock.now().timestamp() * 1e6)
        await look(600)

    tags = QUIET.id_tags(COUNT)
    lived = live(seed=1, hours=2, behaviour=QUIET, during=during, made=FillingDisk)
    assert [count[:2] for count in counts] == [(0, 0), (0, 0), (0, 0), (COUNT - 1, 0)]
    assert counts[0] == counts[2], "answered before it was on disk"
    assert all(row["received_at"] >= full_until[0] for row in lived.rows)
    assert {(row["station_id"], row["id_tag"]) for row in lived.rows} == set(enumerate(tags[:COUNT], start=1))
    assert [row["stop_reason"] for row in lived.rows].count("PowerLoss") == 1
    assert len({row["transaction_id"] for row in lived.rows}) == lived.result.transactions_completed == COUNT
    assert (lived.result.lost, lived.result.waiting) == (0, 0)


def test_a_new_station_after_a_power_cut_reads_nothing_that_is_not_on_disk() -> None:
    looks: list[tuple[bool, str]] = []

    async def during(fleet: Fleet) -> None:
        await asyncio.sleep(60)
        database, virtual = fleet._database, fleet.stations[0]

        def look() -> None:
            interval = virtual.station._context.configuration.text("HeartbeatInterval")
            looks.append((database._db.in_transaction, interval))

        virtual.station.change_configuration("HeartbeatInterval", "77")
        look()
        virtual.cut_power()
        virtual.return_power()
        look()

    live(seed=1, hours=1, behaviour=QUIET, during=during)
    assert looks == [(True, "77"), (False, "77")]
