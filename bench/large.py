"""`make bench-large`: years of meter values, and then the lists that people ask for.

    python -m bench.large --postgresql 20000000 --sqlite 2000000

Everything goes the way that messages go, through the journal: starts, values each minute, stops, with their events.
Each list is then asked for many times, for stations and transactions chosen by chance, once with its plan.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from rich.console import Console

from bench.filling import SQLITE_PREFIX
from bench.plans import explain, statements_of
from bench.results import RESULTS, Result, failed, percentile, show, write
from bench.servers import Kind, postgresql_server
from bench.stations import identity
from chargewright.clock import SystemClock
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import (
    ANY_EPOCH,
    NO_TRANSACTION,
    MeterValueRecord,
    Record,
    Settlement,
    StartRecord,
    StationRow,
    StopRecord,
    Unit,
)
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.rows.core import TransactionRow

SECTION = "large"
STATIONS = 2000
# A station charges for an hour and then stands for twenty minutes, a value each minute; stations do not begin together.
CHARGING_MINUTES, CYCLE_MINUTES = 60, 80
WAITING = 2000
FIRST_INSTANT = 1_700_000_000_000_000
MINUTE = 60_000_000
# Of disk, with the log and what the database keeps free; measured, and rounded up.
BYTES_PER_VALUE: dict[Kind, int] = {"SQLite": 450, "PostgreSQL": 600}
SPARE_BYTES = 3 * 2**30
PROGRESS_SECONDS = 10.0
TIMES = 200
PAGE = 500


class Load:
    """Units as the sessions would make them, in the order of time."""

    def __init__(self, values: int, station_ids: list[int]) -> None:
        self.values = values
        self.settled = 0
        self.transactions: list[tuple[int, int]] = []  # (station, transactionId)
        self.minutes = -(-values // len(station_ids))
        self._stations = station_ids
        self._charging: dict[int, StartRecord] = {}

    def units(self, settle: Callable[[Unit, Settlement], None]) -> Iterator[Unit]:
        """Every unit; the transactionId of a start is known to the next minute's."""
        made = 0
        for minute in range(self.minutes):
            for number, station_id in enumerate(self._stations):
                if made == self.values:
                    return
                at = FIRST_INSTANT + minute * MINUTE + number * 20_000
                place = (minute + number * 7) % CYCLE_MINUTES
                unit = Unit(station_id, ANY_EPOCH, at, "MeterValues", b"", settle)
                if place == 0:
                    unit.records += self._start(station_id, at)
                elif place == CHARGING_MINUTES:
                    unit.records += self._stop(station_id, at)
                unit.records.append(self._value(station_id, at, minute))
                made += 1
                yield unit

    def _start(self, station_id: int, at: int) -> list[Record]:
        start = StartRecord(
            connector_id=1,
            id_tag=f"TAG{at // MINUTE % 5000}",
            instant=at,
            station_time="2026-01-01T00:00:00Z",
            meter_start=at // MINUTE,
            id_tag_status="Accepted",
        )
        self._charging[station_id] = start
        return [start, make_event("transaction.started", {"connectorId": 1}, start=start)]

    def _stop(self, station_id: int, at: int) -> list[Record]:
        start = self._charging.pop(station_id, None)
        if start is None:
            return []
        self.transactions.append((station_id, start.transaction_id))
        stop = StopRecord(
            transaction_id=start.transaction_id,
            instant=at,
            station_time="2026-01-01T00:00:00Z",
            meter_stop=at // MINUTE,
            reason="Local",
        )
        return [stop, make_event("transaction.stopped", {"transactionId": start.transaction_id}, stop=stop)]

    def _value(self, station_id: int, at: int, minute: int) -> MeterValueRecord:
        start = self._charging.get(station_id)
        energy = minute * 120
        samples = (
            f'[{{"value":"{energy}","measurand":"Energy.Active.Import.Register","unit":"Wh"}},'
            '{"value":"7360.0","measurand":"Power.Active.Import","unit":"W"},'
            '{"value":"32.0","measurand":"Current.Import","phase":"L1","unit":"A"}]'
        )
        return MeterValueRecord(
            connector_id=1,
            # The start's own number is filled in when it is durable; the value of that minute goes without.
            transaction_id=start.transaction_id if start is not None and start.transaction_id else NO_TRANSACTION,
            instant=at,
            station_time="2026-01-01T00:00:00Z",
            content_hash=energy,
            samples=samples,
            energy_wh=float(energy),
            power_w=7360.0,
        )


async def store(storage: Any, load: Load, kind: Kind, console: Console) -> float:
    """Submit everything, WAITING units at any time, and tell how far it is; returns the seconds it took."""
    done = asyncio.Event()
    refused = 0

    def settle(_unit: Unit, how: Settlement) -> None:
        nonlocal refused
        load.settled += 1
        refused += how is not Settlement.DURABLE
        unit = next(units, None)
        if unit is not None:
            storage.journal.submit(unit)
        if load.settled == load.values:
            done.set()

    units = load.units(settle)
    began = time.monotonic()
    for _ in range(min(WAITING, load.values)):
        storage.journal.submit(next(units))
    while not done.is_set():
        try:
            await asyncio.wait_for(done.wait(), PROGRESS_SECONDS)
        except TimeoutError:
            took = time.monotonic() - began
            left = took / max(1, load.settled) * (load.values - load.settled)
            console.print(
                f"{SECTION}: {kind}: {load.settled:,} of {load.values:,} values, {load.settled / took:,.0f}/s, "
                f"{left / 60:.1f} min left"
            )
    if refused:
        raise RuntimeError(f"{kind} did not take {refused} of {load.values} units")
    return time.monotonic() - began


def lists(storage: Any, kind: Kind, load: Load, chance: random.Random) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What is asked for, each time of another station or transaction."""

    def station() -> int:
        return chance.choice(load._stations)

    async def newest_events() -> Any:
        # On PostgreSQL each transaction's events begin a number of their own.
        back = PAGE << 16 if kind == "PostgreSQL" else PAGE
        return await storage.events_after(await storage.last_event_sequence() - back, PAGE)

    def values_of_transaction() -> Awaitable[Any]:
        station_id, transaction_id = chance.choice(load.transactions)
        return storage.meter_values(station_id, transaction_id=transaction_id, limit=PAGE)

    def transactions_of_station() -> Awaitable[Any]:
        return storage.page(
            TransactionRow, {"station_id": station()}, order="start_instant", descending=True, limit=PAGE
        )

    return {
        "meter values of a transaction": values_of_transaction,
        "meter values of a station": lambda: storage.meter_values(station(), limit=PAGE),
        "transactions of a station": transactions_of_station,
        "newest transactions": lambda: storage.page(TransactionRow, descending=True, limit=PAGE),
        "open transactions": lambda: storage.page(TransactionRow, {"stop_instant": None}, limit=PAGE),
        "newest events": newest_events,
    }


async def measure(url: str, kind: Kind, values: int, console: Console) -> list[Result]:
    """Fill one database and read from it."""
    storage: Any = await open_storage(url, SystemClock())
    storage.journal.begin()
    stations = [(await storage.add_station(StationRow(id=0, identity=identity(n)))).id for n in range(STATIONS)]
    load = Load(values, stations)
    took = await store(storage, load, kind, console)
    console.print(f"{SECTION}: {kind}: {values:,} values in {took / 60:.1f} min")
    if kind == "PostgreSQL":
        connection = await asyncpg.connect(url)
        await connection.execute("ANALYZE")
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        await connection.close()
    else:
        size = os.stat(url.removeprefix(SQLITE_PREFIX)).st_size
    results = [
        Result(SECTION, f"values stored per second, {kind}", round(values / took, 1), "1/s"),
        Result(SECTION, f"disk per value, {kind}", round(size / values, 1), "bytes"),
    ]
    for name, ask in lists(storage, kind, load, random.Random(1)).items():
        took_ms = []
        for _ in range(TIMES):
            began = time.perf_counter()
            rows = await ask()
            took_ms.append((time.perf_counter() - began) * 1e3)
        if not rows:
            raise RuntimeError(f"{kind}: {name}: nothing found")
        # A station's own values are sorted, all of them, when no transaction is named (docs/adr/0001).
        most = None if name != "meter values of a station" else 20 * values // STATIONS + 100_000
        faults = []
        console.print(f"{SECTION}: {kind}: {name}")
        for statement in await statements_of(storage, ask):
            plan = await explain(url, *statement, most=most)
            faults += plan.faults
            for line in plan.lines:
                console.print(f"    {line}", highlight=False)
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            result = Result(SECTION, f"{name}, {label}, {kind}", round(percentile(took_ms, share), 2), "ms")
            if share == 0.5:
                result.target, result.met = "from an index", not faults
            results.append(result)
        for fault in faults:
            console.print(f"    [bold red]{fault}[/]")
    await storage.close()
    return results


def check_disk(folder: Path, kind: Kind, values: int) -> None:
    """Raises `RuntimeError` before anything is filled that would not fit."""
    needed, free = values * BYTES_PER_VALUE[kind] + SPARE_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise RuntimeError(
            f"{values:,} values on {kind} need about {needed / 2**30:.0f} GiB in {folder}, and {free / 2**30:.0f} are "
            "free: choose fewer, or another directory with --directory"
        )


def main() -> int:
    """Fill, read, print, write; 1 when a list is not answered from an index."""
    parser = argparse.ArgumentParser(prog="make bench-large", description="Lists over years of meter values.")
    parser.add_argument("--postgresql", type=int, default=20_000_000, help="meter values there (20,000,000); 0: none")
    parser.add_argument("--sqlite", type=int, default=2_000_000, help="meter values there (2,000,000); 0: none")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where the databases go")
    options = parser.parse_args()
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    results: list[Result] = []
    sizes: tuple[tuple[Kind, int], ...] = (("SQLite", options.sqlite), ("PostgreSQL", options.postgresql))
    for kind, values in sizes:
        if not values:
            continue
        if values < STATIONS * CYCLE_MINUTES:
            parser.error(f"at least {STATIONS * CYCLE_MINUTES:,} values, so that every station has charged")
        check_disk(options.directory, kind, values)
        with ExitStack() as stack:
            if kind == "PostgreSQL":
                url = stack.enter_context(postgresql_server(options.directory)).url
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=options.directory))
                url = f"{SQLITE_PREFIX}{folder}/csms.sqlite3"
            results += uvloop.run(measure(url, kind, values, console))
    show(results, console, "Chargewright bench, large")
    write(results, RESULTS.with_name("large.json"))
    return 1 if failed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
