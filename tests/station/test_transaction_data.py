"""Samples carried to the end of a transaction: never too many, never the first or last gone, evenly spread."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.station.bench import Bench
from tests.station.world import product

from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.datatypes import MeterValue, ReadingContext, SampledValue
from chargewright.station.transaction_data import MARGIN_BYTES, TransactionData

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def value(seconds: float, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC, text: str = "1") -> MeterValue:
    return MeterValue(
        timestamp=Timestamp.of(BEGIN + timedelta(seconds=seconds)),
        sampled_value=[SampledValue(value=text, context=context)],
    )


def seconds_of(sample: MeterValue) -> float:
    return (datetime.fromisoformat(str(sample.timestamp)) - BEGIN).total_seconds()


def test_bytes_decide_where_the_number_is_beyond_all_messages() -> None:
    bench = Bench(product(max_transaction_meter_values=2_147_483_647))
    data = TransactionData(bench.context, MARGIN_BYTES + 20_000)
    data.keep(1, value(0, ReadingContext.TRANSACTION_BEGIN))
    for number in range(1, 2_000):
        data.keep_or_thin(1, value(number * 60))
        if number % 15 == 0:
            data.keep_or_thin(1, value(number * 60 + 1, ReadingContext.SAMPLE_CLOCK))
    data.keep(1, value(2_000 * 60, ReadingContext.TRANSACTION_END))
    kept = data.take(1)
    assert 10_000 < sum(len(encode(sample)) + 1 for sample in kept) <= 20_200  # the end values come on top
    assert seconds_of(kept[0]) == 0 and seconds_of(kept[-1]) == 120_000
    periodic = [sample for sample in kept if sample.sampled_value[0].context is ReadingContext.SAMPLE_PERIODIC]
    aligned = [sample for sample in kept if sample.sampled_value[0].context is ReadingContext.SAMPLE_CLOCK]
    # One kind does not crowd the other out, and no stretch of time is left blank.
    assert len(aligned) > 5
    gaps = [later - sooner for sooner, later in itertools.pairwise(map(seconds_of, periodic))]
    assert max(gaps) < 5 * sorted(gaps)[len(gaps) // 2]


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(st.sampled_from([0, 0, 1, 60, 3_600, -600]), min_size=30, max_size=300),
    length=st.integers(1, 200),
)
def test_the_bound_holds_whatever_the_clock_does(steps: list[int], length: int) -> None:
    bench = Bench(product(max_transaction_meter_values=2_147_483_647))
    data = TransactionData(bench.context, MARGIN_BYTES + 4_000)
    moment, text = 100_000, "1" * length
    data.keep(1, value(moment, ReadingContext.TRANSACTION_BEGIN))
    for step in steps:
        moment += step
        data.keep_or_thin(1, value(moment, text=text))
        payloads = [payload for _, payload in bench.store.samples(1)]
        assert sum(len(payload) + 1 for payload in payloads) <= 4_000
        assert b"Transaction.Begin" in payloads[0] and payloads[-1] == encode(value(moment, text=text))
    data.take(1)


@pytest.mark.parametrize("most", [3, 20])
def test_the_number_holds_too(most: int) -> None:
    bench = Bench(product(max_transaction_meter_values=most))
    data = TransactionData(bench.context)
    data.keep(1, value(0, ReadingContext.TRANSACTION_BEGIN))
    for number in range(1, 100):
        data.keep_or_thin(1, value(number))
    data.keep(1, value(100, ReadingContext.TRANSACTION_END))
    assert len(data.take(1)) <= most


def test_what_was_kept_before_a_restart_counts() -> None:
    bench = Bench(product(max_transaction_meter_values=10))
    first = TransactionData(bench.context)
    for number in range(9):
        first.keep_or_thin(1, value(number))
    second = TransactionData(bench.context)
    for number in range(9, 30):
        second.keep_or_thin(1, value(number))
    assert len(second.take(1)) == 9
