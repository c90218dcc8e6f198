"""`kill -9` at seeded moments in a storm: what was answered is stored once, and the rest arrives later, once."""

import asyncio
import random
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from tests.faults.storm import Call, StormStation, seed_file
from tests.serving import ServeProcess, data_arguments

STATIONS = 100
KILLS = 20
MANY_UNANSWERED = 50


async def run_storm(folder: Path, kills: int, seed: int) -> tuple[list[StormStation], list[int]]:
    """Kill the server `kills` times under load, then let every station finish; tells the calls in flight each time."""
    dice = random.Random(seed)
    stations = [StormStation(f"STORM{number:03d}", random.Random(seed + number)) for number in range(STATIONS)]
    arguments = data_arguments(folder, seed_file([station.identity for station in stations]))
    in_flight: list[int] = []
    for _ in range(kills):
        server = await ServeProcess.start(*arguments)
        await asyncio.gather(*(station.connect(server.ocpp_url) for station in stations))
        await asyncio.sleep(dice.uniform(0.05, 0.5))  # the seeded moment: any point of the storm will do
        in_flight.append(sum(station.is_in_flight for station in stations))
        await server.kill()
        await asyncio.gather(*(asyncio.wait_for(station.disconnected.wait(), 30) for station in stations))
    for station in stations:
        station.stops_after_pending = True
    server = await ServeProcess.start(*arguments)
    await asyncio.gather(*(station.connect(server.ocpp_url) for station in stations))
    await asyncio.gather(*(asyncio.wait_for(station.idle.wait(), 60) for station in stations))
    assert await server.stop() == 0
    await asyncio.gather(*(asyncio.wait_for(station.disconnected.wait(), 30) for station in stations))
    return stations, in_flight


def microseconds(text: str) -> int:
    """An instant as the database has it."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def expected_rows(station: StormStation) -> tuple[Counter[tuple[object, ...]], ...]:
    """What this station was told is stored, as starts, stops and meter values."""
    starts: Counter[tuple[object, ...]] = Counter()
    stops: Counter[tuple[object, ...]] = Counter()
    values: Counter[tuple[object, ...]] = Counter()
    for call in station.answered:
        record(call, station.identity, starts, stops, values)
    return starts, stops, values


def record(call: Call, identity: str, starts: Counter, stops: Counter, values: Counter) -> None:  # type: ignore[type-arg]
    """One answered call as the row that must stand for it."""
    payload = call.payload
    assert call.answer is not None
    if call.action == "StartTransaction":
        moment = microseconds(payload["timestamp"])
        starts[identity, call.answer["transactionId"], moment, payload["meterStart"]] += 1
    elif call.action == "StopTransaction":
        stops[identity, payload["transactionId"], microseconds(payload["timestamp"]), payload["meterStop"]] += 1
    else:
        moment = microseconds(payload["meterValue"][0]["timestamp"])
        values[identity, payload["transactionId"], moment] += 1


def check_database(path: Path, stations: list[StormStation]) -> None:
    """Starts, stops and meter values in the database are exactly the answered ones."""
    starts: Counter[tuple[object, ...]] = Counter()
    stops: Counter[tuple[object, ...]] = Counter()
    values: Counter[tuple[object, ...]] = Counter()
    for station in stations:
        for total, part in zip((starts, stops, values), expected_rows(station), strict=True):
            total.update(part)
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found_starts = database.execute(
            "SELECT s.identity, t.transaction_id, t.start_instant, t.meter_start"
            " FROM charging_transaction t JOIN station s ON s.id = t.station_id"
        )
        assert Counter(found_starts.fetchall()) == starts
        found_stops = database.execute(
            "SELECT s.identity, p.transaction_id, p.instant, p.meter_stop"
            " FROM transaction_stop p JOIN station s ON s.id = p.station_id"
        )
        assert Counter(found_stops.fetchall()) == stops
        found_values = database.execute(
            "SELECT s.identity, m.transaction_id, m.instant FROM meter_value m JOIN station s ON s.id = m.station_id"
        )
        assert Counter(found_values.fetchall()) == values
        assert database.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        database.close()
    ids = [key[1] for key in starts]
    assert len(ids) == len(set(ids)), "two transactions share one transactionId"


async def storm_and_check(folder: Path, kills: int, seed: int) -> None:
    stations, in_flight = await run_storm(folder, kills, seed)
    assert [error for station in stations for error in station.errors] == []
    crowded = sum(count > MANY_UNANSWERED for count in in_flight)
    assert crowded * 2 >= kills, (
        f"only {crowded} of {kills} kills hit more than {MANY_UNANSWERED} open calls: {in_flight}"
    )
    assert sum(len(station.answered) for station in stations) > kills * STATIONS
    check_database(folder / "data" / "chargewright.sqlite3", stations)


@pytest.mark.timeout(300)
async def test_promise_01_twenty_kills_in_a_storm_lose_and_double_nothing(tmp_path: Path) -> None:
    await storm_and_check(tmp_path, KILLS, seed=20261)


@pytest.mark.soak
async def test_promise_01_five_hundred_kills_in_a_storm_lose_and_double_nothing(tmp_path: Path) -> None:
    await storm_and_check(tmp_path, 500, seed=20262)
