"""Messages that are sent again are known by their payload."""

import pytest

from chargewright.csms.payload import payload_digest

FIRST = b'[2,"a","MeterValues",{"connectorId":1}]'


@pytest.mark.parametrize(
    "again",
    [
        b'[2,"b","MeterValues",{"connectorId":1}]',
        b'[2, "{\\"connectorId\\":2}" , "MeterValues" , {"connectorId":1}]',
        b' [ 2.0,"[,]","MeterValues",\n{"connectorId":1}]',
    ],
)
def test_the_same_payload_with_another_id(again: bytes) -> None:
    assert payload_digest(again) == payload_digest(FIRST)
    assert len(payload_digest(again)) == 16


@pytest.mark.parametrize(
    "other", [b'[2,"a","MeterValues",{"connectorId":2}]', b'[2,"a","MeterValues",{ "connectorId":1}]', b"", b"{}"]
)
def test_another_payload(other: bytes) -> None:
    assert payload_digest(other) != payload_digest(FIRST)
