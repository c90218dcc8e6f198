"""Instants as integers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chargewright.csms.instants import UnreadableTimes, microseconds, moment


@pytest.mark.parametrize(
    "aware",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(-timedelta(hours=12))),
        datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_there_and_back_is_exact(aware: datetime) -> None:
    assert moment(microseconds(aware)) == aware


def test_microseconds_count_from_1970() -> None:
    assert microseconds(datetime(1970, 1, 2, 0, 0, 0, 7, tzinfo=UTC)) == 86_400_000_007
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1_000_000


def test_the_same_payload_keeps_the_time_of_its_first_receipt() -> None:
    times = UnreadableTimes()
    assert times.instant(1, b"x", 10) == 10
    assert times.instant(1, b"x", 20) == 10
    assert times.instant(1, b"y", 30) == 30
    assert times.instant(2, b"x", 40) == 40


def test_only_the_last_ones_are_remembered() -> None:
    times = UnreadableTimes(bound=2)
    for number in (1, 2, 3):
        times.instant(number, b"x", number)
    assert times.instant(3, b"x", 9) == 3
    assert times.instant(1, b"x", 9) == 9
