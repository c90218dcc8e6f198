"""Answers are read as well as they can be, orders exactly."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.station.world import World, car, live

from chargewright.protocol.v16.base import UNSET, Message
from chargewright.protocol.v16.coding import DECODE_FAILURES
from chargewright.protocol.v16.core import (
    AuthorizeResponse,
    ResetRequest,
    StartTransactionResponse,
    StopTransactionResponse,
)
from chargewright.station.answer_reading import read_tolerantly
from chargewright.station.context import UnjudgedStart


def read(kind: type[Message], payload: object) -> tuple[Any, list[str]]:
    salvaged = read_tolerantly(kind, msgspec.Raw(json.dumps(payload).encode()))
    return salvaged.message, [f"{item.kind} {item.field}" for item in salvaged.deviations]


BAD_DATE = {"status": "Blocked", "expiryDate": "soon"}


def test_an_order_must_be_exact() -> None:
    with pytest.raises(DECODE_FAILURES):
        read(ResetRequest, {"type": "Soft", "greeting": "hello"})
    message, deviations = read(AuthorizeResponse, {"idTagInfo": {"status": "Accepted"}, "greeting": "hello"})
    assert message.id_tag_info.status.value == "Accepted" and deviations == ["unknown-field greeting"]


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"idTagInfo": BAD_DATE}, "Blocked"),
        ({"idTagInfo": {"status": "Foo"}}, None),
        ({"idTagInfo": {}}, None),
        ({"idTagInfo": 5}, None),
        ({"idTagInfo": []}, None),
    ],
)
def test_of_an_answered_stop_the_status_is_kept_where_it_can_be_read(payload: object, status: str | None) -> None:
    message, deviations = read(StopTransactionResponse, payload)
    info = message.id_tag_info
    assert (None if info is UNSET else info.status.value) == status
    assert "unreadable-field idTagInfo" in deviations


@pytest.mark.parametrize("info", [{"status": "Foo"}, {}, 5, None, "Accepted"])
@pytest.mark.parametrize("transaction_id", [17, "17"])
def test_of_an_answered_start_the_transaction_id_is_kept(info: object, transaction_id: object) -> None:
    message, deviations = read(StartTransactionResponse, {"transactionId": transaction_id, "idTagInfo": info})
    assert isinstance(message, UnjudgedStart) and message.transaction_id == 17
    assert "unreadable-field idTagInfo" in deviations


def test_of_an_answered_start_the_status_is_kept_where_it_can_be_read() -> None:
    message, deviations = read(StartTransactionResponse, {"transactionId": 17, "idTagInfo": BAD_DATE})
    assert type(message) is StartTransactionResponse
    assert (message.transaction_id, message.id_tag_info.status.value) == (17, "Blocked")
    assert deviations == ["unreadable-field idTagInfo"]


@pytest.mark.parametrize("payload", [{"idTagInfo": {"status": "Foo"}}, {"transactionId": "x", "idTagInfo": {}}])
def test_without_a_transaction_id_a_start_is_not_answered(payload: object) -> None:
    with pytest.raises(DECODE_FAILURES):
        read(StartTransactionResponse, payload)


def test_other_answers_fail_as_they_did() -> None:
    with pytest.raises(DECODE_FAILURES):
        read(AuthorizeResponse, {"idTagInfo": {"status": "Foo"}})
    with pytest.raises(DECODE_FAILURES):
        read_tolerantly(StopTransactionResponse, b'{"idTagInfo": ')
    with pytest.raises(DECODE_FAILURES):
        read_tolerantly(StopTransactionResponse, b"[]")


def test_a_bill_is_told_once_though_its_answers_cannot_be_read_wholly() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["StartTransaction"] = {"transactionId": 4711, "idTagInfo": {"status": "Foo"}}
        csms.answers["StopTransaction"] = {"idTagInfo": {"status": "Foo"}}
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(600)
        # Nobody said that the tag is not valid, and nobody said that it is.
        assert world.virtual.look(1).status.value == "Charging" and world.virtual.look(1).transaction_id == 4711
        world.virtual.show_tag("TAG")
        stop = await csms.expect("StopTransaction")
        await asyncio.sleep(600)
        assert stop["transactionId"] == 4711
        assert len(csms.of("StartTransaction")) == len(csms.of("StopTransaction")) == 1
        assert world.store.queue() == [] and world.store.transactions() == []

    live(main)
