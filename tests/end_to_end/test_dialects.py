"""Stations that speak the dialects of the field, on a network that cuts connections, against our central system."""

from collections import Counter

import pytest
from tests.end_to_end.simulated_day import Day, live_a_day

from chargewright.station.dialect import Dialect

# Half a working day: several transactions at each of the five connectors, and every connection cut more than once.
SECONDS = 15_000.0


def check_the_bill(day: Day) -> None:
    """Every transaction is there once, with all its energy."""
    assert day.rows["quarantine"] == []
    transactions = day.rows["charging_transaction"]
    assert len(transactions) >= 5
    assert max(Counter(row["transaction_id"] for row in transactions).values()) == 1
    counted = sum(row["meter_stop"] - row["meter_start"] for row in transactions)
    assert counted == sum(wh for connectors in day.meters.values() for wh in connectors.values()) > 0


@pytest.mark.parametrize("dialect", Dialect)
def test_our_central_system_understands_it(dialect: Dialect) -> None:
    day = live_a_day(seed=3, seconds=SECONDS, spoken=frozenset({dialect}))
    assert day.reconnects > 3
    check_the_bill(day)


def test_our_central_system_understands_many_at_once() -> None:
    spoken = {Dialect.NUMBER_IDS, Dialect.REPEATED_IDS, Dialect.BLANKS, Dialect.TIMES_WITH_OFFSET, Dialect.NULL_FIELDS}
    spoken |= {Dialect.NULL_PAYLOADS, Dialect.BOOT_ON_RECONNECT, Dialect.STATUSES_REVERSED, Dialect.DEFLATE_OFFERED}
    check_the_bill(live_a_day(seed=4, seconds=SECONDS, spoken=frozenset(spoken)))
