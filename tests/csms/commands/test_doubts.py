"""What is odd about values that several commands have."""

from datetime import timedelta
from typing import Any

import pytest
from tests.csms.services.call import NOW

from chargewright.csms.commands.doubts import base64_doubts, order_doubts, past_doubts, pem_doubts, retry_doubts
from chargewright.csms.instants import microseconds
from chargewright.protocol.v16.base import UNSET, Timestamp

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
EARLIER, LATER = Timestamp.of(NOW), Timestamp.of(NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("retries", "interval", "odd"), [(UNSET, UNSET, 0), (0, 0, 0), (-1, 5, 1), (3, -60, 1), (-1, -1, 2)]
)
def test_numbers_below_zero(retries: Any, interval: Any, odd: int) -> None:
    assert len(list(retry_doubts(retries, interval))) == odd


@pytest.mark.parametrize(("hours", "odd"), [(0, 0), (-5, 0), (23, 0), (25, 1), (24 * 365, 1)])
def test_a_time_long_past(hours: int, odd: int) -> None:
    stamp = Timestamp.of(NOW - timedelta(hours=hours))
    doubts = list(past_doubts("retrieveDate", stamp, microseconds(NOW)))
    assert len(doubts) == odd
    assert all(stamp.text in doubt and f"{hours} hours ago" in doubt for doubt in doubts)
    assert list(past_doubts("retrieveDate", UNSET, microseconds(NOW))) == []


@pytest.mark.parametrize(
    ("start", "end", "odd"),
    [(EARLIER, LATER, 0), (EARLIER, EARLIER, 0), (LATER, EARLIER, 1), (UNSET, EARLIER, 0), (LATER, UNSET, 0)],
)
def test_an_end_before_its_beginning(start: Any, end: Any, odd: int) -> None:
    doubts = list(order_doubts("startTime", start, "stopTime", end))
    assert len(doubts) == odd
    assert all(doubt.startswith("stopTime ") and "before startTime" in doubt for doubt in doubts)


@pytest.mark.parametrize(
    ("text", "odd"),
    [(PEM.format("AAAA"), 0), (PEM.format("AAAA") * 2, 0), ("AAAA", 1), ("", 1), (PEM.format("A"), 1)],
)
def test_what_is_no_certificate_by_its_form(text: str, odd: int) -> None:
    assert len(list(pem_doubts("certificate", text))) == odd


@pytest.mark.parametrize(("text", "odd"), [("c2ln", 0), ("c2\nln", 0), ("c2l", 1), ("c2l%", 1)])
def test_what_is_no_base64(text: str, odd: int) -> None:
    assert len(list(base64_doubts("signature", text))) == odd
