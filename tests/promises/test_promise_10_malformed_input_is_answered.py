"""Malformed input is answered as the specification says, and never crashes a connection's neighbours."""

import asyncio
import json
from typing import Any

import pytest
from tests.csms.wire import WireStation
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from tests.transport.raw_websocket import BINARY, CONTINUATION, TEXT, raw_client
from websockets.exceptions import InvalidStatus

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
START_1970 = START | {"timestamp": "1970-01-01T00:00:00Z"}
LONG = '{"idTag":"' + "x" * 21 + '"}'
DEEP = "[" * 100_000 + "]" * 100_000
MALFORMED: list[tuple[str, str, Any]] = [
    ("not JSON", "hello", None),
    ("not JSON with an id", '[2,"1","Heartbeat",{', [4, "1", "FormationViolation"]),
    ("no array", '{"a":1}', None),
    ("an unknown message type", '[9,"1","Heartbeat",{}]', None),
    ("an answer to nothing", '[3,"1",{}]', None),
    ("too few elements", '[2,"1","Heartbeat"]', [4, "1", "FormationViolation"]),
    ("too many elements", '[2,"1","Heartbeat",{},1]', [4, "1", "FormationViolation"]),
    ("a payload that is no object", '[2,"1","Heartbeat",[]]', [4, "1", "FormationViolation"]),
    ("an unknown action", '[2,"1","Nonsense",{}]', [4, "1", "NotImplemented"]),
    ("an action in other letter case", '[2,"1","heartbeat",{}]', [4, "1", "NotImplemented"]),
    ("an action of the CSMS", '[2,"1","Reset",{"type":"Hard"}]', [4, "1", "NotSupported"]),
    ("a missing field", '[2,"1","Authorize",{}]', [4, "1", "OccurenceConstraintViolation"]),
    ("a wrong type", '[2,"1","Authorize",{"idTag":[]}]', [4, "1", "TypeConstraintViolation"]),
    (
        "text that is too long",
        '[2,"1","Authorize",{"idTag":"%s"}]' % ("x" * 21),
        [4, "1", "PropertyConstraintViolation"],
    ),
    (
        "a word that there is not",
        '[2,"1","StatusNotification",{"connectorId":1,"status":"Sleeping","errorCode":"NoError"}]',
        [4, "1", "PropertyConstraintViolation"],
    ),
    ("an empty payload as null", '[2,"1","Heartbeat",null]', [3, "1"]),
    ("an additional field", '[2,"1","Heartbeat",{"x":1}]', [3, "1"]),
    ("deep nesting", f'[2,"1","Heartbeat",{DEEP}]', [4, "1", "FormationViolation"]),
    (
        "a clock at 1970",
        json.dumps([2, "1", "StartTransaction", START | {"timestamp": "1970-01-01T00:00:00Z"}]),
        [3, "1"],
    ),
    ("a time that is none", json.dumps([2, "1", "StartTransaction", START | {"timestamp": "99"}]), [3, "1"]),
    ("an integer beyond 64 bits", json.dumps([2, "1", "StartTransaction", START | {"meterStart": 10**30}]), [3, "1"]),
]


@pytest.mark.parametrize(("message", "expected"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
async def test_promise_10_malformed_input_is_answered_and_hurts_nobody(
    message: str, expected: Any, serve: OnDatabase, database: TestDatabase
) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as control:
        await control.boot()
        await station.send(message)
        if expected is not None:
            answer = await station.receive()
            assert answer[: len(expected)] == expected
        # One answer, and no more than one: the next is the next message's.
        assert (await station.exchange("Heartbeat", {}))[0] == 3
        assert (await control.start())["transactionId"]
    assert await database.value("SELECT count(*) FROM quarantine") == 0


@pytest.mark.parametrize(
    ("opcode", "payload", "reserved", "code"),
    [
        (BINARY, b"\x00\x01", 0, 1003),
        (TEXT, b"\xff\xfe", 0, 1007),
        (TEXT, b"[2]", 4, 1002),
        (CONTINUATION, b"[2]", 0, 1002),
    ],
    ids=["binary", "not UTF-8", "a reserved bit", "a continuation of nothing"],
)
async def test_promise_10_what_is_no_text_closes_only_its_socket(
    opcode: int, payload: bytes, reserved: int, code: int, serve: OnDatabase
) -> None:
    url = await serve.url()
    host, _, port = url.removeprefix("ws://").partition(":")
    headers = {"Authorization": WireStation(url, "A1").headers["Authorization"]}
    async with WireStation(url, "A2") as control, raw_client((host, int(port))) as client:
        assert await client.upgrade("/A1", headers) == 101
        client.send(opcode, payload, reserved=reserved)
        frame = await asyncio.wait_for(client.receive(), 10)
        assert frame.close_code == code
        await control.boot()


@pytest.mark.parametrize("identity", ["NOBODY", "a%2Fb", "", "%00", "A1%20", "a1", "x" * 49])
async def test_promise_10_strangers_stay_outside(identity: str, serve: OnDatabase, database: TestDatabase) -> None:
    url = await serve.url()
    with pytest.raises(InvalidStatus) as caught:
        await WireStation(url, identity).__aenter__()
    assert caught.value.response.status_code == 404
    assert await database.value("SELECT count(*) FROM station") == 3


@pytest.mark.parametrize("password", [None, "00" * 16])
async def test_promise_10_a_wrong_password_stays_outside(password: str | None, serve: OnDatabase) -> None:
    url = await serve.url()
    with pytest.raises(InvalidStatus) as caught:
        await WireStation(url, "A1", password=password).__aenter__()
    assert caught.value.response.status_code == 401


@pytest.mark.parametrize(
    "head",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /A1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00" * 50,
    ],
    ids=["not HTTP", "no upgrade", "a POST", "TLS"],
)
async def test_promise_10_what_is_no_upgrade_hurts_nobody(head: bytes, serve: OnDatabase) -> None:
    url = await serve.url()
    host, _, port = url.removeprefix("ws://").partition(":")
    async with WireStation(url, "A2") as control, raw_client((host, int(port))) as client:
        client.writer.write(head)
        client.writer.write_eof()
        await asyncio.wait_for(client.wait_gone(), 30)
        await control.boot()
