"""A day in virtual time: nothing is lost in a network that cuts connections, and a seed can be replayed."""

import os
import subprocess
import sys
from collections import Counter

from tests.end_to_end.simulated_day import STATIONS, live_a_day


def test_a_day_on_a_bad_network_loses_nothing() -> None:
    day = live_a_day(seed=1)
    assert day.messages > 1000
    assert day.reconnects > 3 * 5, "the network was too kind to prove anything"
    identities = {row["id"]: row["identity"] for row in day.rows["station"]}
    assert sorted(identities.values()) == sorted(STATIONS)
    assert day.rows["quarantine"] == []
    transactions = day.rows["charging_transaction"]
    assert len(transactions) > 20
    assert max(Counter(row["transaction_id"] for row in transactions).values()) == 1
    assert [row for row in transactions if row["meter_stop"] is None] == [], "every driver has left"
    energy: Counter[tuple[str, int]] = Counter()
    for row in transactions:
        energy[identities[row["station_id"]], row["connector_id"]] += row["meter_stop"] - row["meter_start"]
    meters = {(name, number): wh for name, connectors in day.meters.items() for number, wh in connectors.items() if wh}
    assert energy == Counter(meters), "the database has exactly the energy that the meters counted"
    assert {row["connector_id"] for row in day.rows["meter_value"]} <= {1, 2}


def test_the_same_seed_gives_the_same_bytes_under_any_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.end_to_end.simulated_day", "7", "20000"],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=100,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
