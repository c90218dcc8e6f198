"""The order of starts and stops in a batch, and the store of ids; without a database."""

from collections.abc import Generator
from typing import Any

import pytest

from chargewright.csms.storage.base import StartRecord, StopRecord, Unit
from chargewright.csms.storage.transactions import Started, TransactionIds, TransactionIdsExhausted, waves


class Counter:
    """`id_block` in memory."""

    def __init__(self, next_value: int = 1) -> None:
        self.next_value = next_value
        self.reserved = 0

    def answer(self, steps: Generator[Any, Any, list[int]]) -> list[int]:
        answer = None
        try:
            while True:
                _, ((size,),) = steps.send(answer)
                self.next_value += size
                self.reserved += 1
                answer = [(self.next_value,)]
        except StopIteration as end:
            result: list[int] = end.value
            return result


def test_blocks_are_reserved_when_needed_and_used_up() -> None:
    counter, ids = Counter(), TransactionIds(block_size=10)
    assert counter.answer(ids.take(3)) == [1, 2, 3]
    assert counter.answer(ids.take(7)) == list(range(4, 11))
    assert counter.reserved == 1
    counter.next_value = 101  # another node has reserved
    assert counter.answer(ids.take(2)) == [101, 102]
    assert counter.answer(ids.take(25)) == [*range(103, 111), *range(111, 128)]
    assert counter.reserved == 3


def test_a_block_whose_reservation_was_rolled_back_is_forgotten() -> None:
    counter, ids = Counter(), TransactionIds(block_size=10)
    counter.answer(ids.take(8))
    state = ids.snapshot()
    assert counter.answer(ids.take(4)) == [9, 10, 11, 12]
    ids.restore(state)
    counter.next_value = 11  # rolled back with the batch
    assert counter.answer(ids.take(2)) == [9, 10]
    assert counter.answer(ids.take(1)) == [11]


def test_the_last_id_is_given_out_and_nothing_beyond() -> None:
    counter, ids = Counter(2**31 - 3), TransactionIds(block_size=10)
    assert counter.answer(ids.take(3)) == [2**31 - 3, 2**31 - 2, 2**31 - 1]
    with pytest.raises(TransactionIdsExhausted, match="the last 2147483647"):
        counter.answer(ids.take(1))


def unit(station: int) -> Unit:
    return Unit(station, 0, 0, "", b"", lambda unit, how: None)


START = StartRecord(connector_id=1, id_tag="ÄB", instant=5, station_time="", meter_start=7, id_tag_status="Accepted")
STOP = StopRecord(transaction_id=1, instant=6, station_time="", meter_stop=8)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("1+", ["1+"]),
        ("1+ 1+", ["1+ 1+"]),
        ("1+ 1-", ["1+ 1-"]),
        ("1- 1-", ["1-", "1-"]),
        ("1- 1+", ["1-", "1+"]),
        ("1+ 1- 1+ 1-", ["1+ 1-", "1+ 1-"]),
        ("1- 2+ 1+ 2- 3-", ["2+ 1- 2- 3-", "1+"]),
    ],
)
def test_waves_keep_the_order_of_each_station(order: str, expected: list[str]) -> None:
    words = order.split()
    result = waves((unit(int(word[0])), START if word[1] == "+" else STOP) for word in words)
    assert [
        " ".join([*(f"{s.unit.station_id}+" for s in wave.starts), *(f"{s.unit.station_id}-" for s in wave.stops)])
        for wave in result
    ] == expected


def test_the_key_of_a_start_has_the_tag_casefolded() -> None:
    assert Started(unit(3), START).key == (3, 1, "äb", 5, 7)
