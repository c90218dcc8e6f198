"""The promises of the CSMS, each over real sockets and a real database."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.csms.wire import WireStation, eventually, seed_text
from tests.serving import ServeProcess, data_arguments
from websockets.exceptions import InvalidStatus

from chargewright.csms.app import Csms


def rows(tmp_path: Path, statement: str) -> list[Any]:
    """What another process sees in the database file."""
    database = sqlite3.connect(f"file:{tmp_path / 'data' / 'chargewright.sqlite3'}?mode=ro", uri=True)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


SAMPLES = [{"value": "1500"}, {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}]


async def test_promise_01_what_is_answered_is_in_the_database(url: str, tmp_path: Path) -> None:
    async with WireStation(url, "A1") as station:
        assert (await station.boot())["status"] == "Accepted"
        assert rows(tmp_path, "SELECT vendor, booted FROM station WHERE identity = 'A1'") == [("Wire", 1)]
        started = await station.start()
        number = started["transactionId"]
        assert rows(tmp_path, "SELECT transaction_id, stop_instant FROM charging_transaction") == [(number, None)]
        meter_value = [{"timestamp": "2026-01-01T00:15:00Z", "sampledValue": SAMPLES}]
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=meter_value)
        assert rows(tmp_path, "SELECT energy_wh, power_w FROM meter_value") == [(1500.0, 7200.0)]
        await station.stop(number, idTag="TAG", reason="Local")
        assert rows(tmp_path, "SELECT meter_stop, stop_reason FROM charging_transaction") == [(1000, "Local")]


SAME_START = [
    {},
    {"idTag": "tag"},
    {"timestamp": "2026-01-01T00:00:00.000Z"},
    {"timestamp": "2026-01-01T01:00:00+01:00"},
    {"timestamp": "2026-01-01T02:00:00+02"},
]

OTHER_START = [{"meterStart": 1}, {"connectorId": 2}, {"idTag": "OTHER"}, {"timestamp": "2026-01-01T00:00:01Z"}]


async def test_promise_02_a_start_that_is_sent_again_gets_the_first_id(url: str, tmp_path: Path) -> None:
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        for again in SAME_START:
            assert (await station.start(**again))["transactionId"] == number
        for different in (
            {"meterStart": 1},
            {"connectorId": 2},
            {"idTag": "OTHER"},
            {"timestamp": "2026-01-01T00:00:01Z"},
        ):
            assert (await station.start(**different))["transactionId"] != number
    async with WireStation(url, "A1") as station:
        assert (await station.start())["transactionId"] == number
        await station.stop(number)
        afterwards = (await station.start())["transactionId"]
    assert afterwards != number
    found = rows(tmp_path, f"SELECT flags FROM charging_transaction WHERE transaction_id = {afterwards}")
    assert found == [("same-content-after-stop",)]


async def test_promise_02_another_stations_start_is_another_transaction(url: str) -> None:
    async with WireStation(url, "A1") as one, WireStation(url, "A2") as other:
        assert (await one.start())["transactionId"] != (await other.start())["transactionId"]


async def test_promise_03_every_start_gets_a_positive_id_and_a_row(start_csms: Any, tmp_path: Path) -> None:
    blocked = '[[id_tag]]\nid_tag = "BLOCKED"\nblocked = true'
    csms = await start_csms(seed=seed_text("A1", extra=blocked))
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        answers = [
            await station.start(idTag="STRANGER"),
            await station.start(idTag="BLOCKED"),
            await station.start(connectorId=0),
            await station.start(connectorId=-(2**63)),
            await station.start(meterStart=-5),
            await station.start(timestamp="1970-01-01T00:00:00Z"),
            await station.start(reservationId=2**63 - 1),
            await station.start(timestamp="no time at all"),
        ]
    numbers = [answer["transactionId"] for answer in answers]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number <= 2**31 - 1 for number in numbers)
    assert [answer["idTagInfo"]["status"] for answer in answers[:3]] == ["Invalid", "Blocked", "Accepted"]
    assert rows(tmp_path, "SELECT count(*) FROM charging_transaction") == [(len(numbers),)]


async def test_promise_04_no_stop_is_lost(url: str, tmp_path: Path) -> None:
    data = [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [{"value": "500"}]}]
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        await station.stop(99_999, transactionData=data)
        await station.stop(-1)
        await station.stop(-(2**63))
        await station.stop(number, transactionData=data)
        await station.stop(number, transactionData=data)  # the same once more
        await station.stop(number, meterStop=1200)  # a correction
        await station.stop(number, timestamp="?")
    found = rows(tmp_path, "SELECT relation, transaction_id, meter_stop FROM transaction_stop ORDER BY id")
    assert found == [
        ("orphan", 99_999, 1000),
        ("orphan", -1, 1000),
        ("orphan", -(2**63), 1000),
        ("stop", number, 1000),
        ("correction", number, 1200),
        ("correction", number, 1000),
    ]
    assert rows(tmp_path, "SELECT count(*) FROM meter_value") == [(2,)]
    assert rows(tmp_path, "SELECT meter_stop FROM charging_transaction") == [(1000,)]


async def test_promise_05_no_meter_value_is_lost_or_doubled(url: str, tmp_path: Path) -> None:
    signed = {"value": '{"signedMeterData":"T0NN"}', "format": "SignedData"}

    def values(minute: int, *samples: Any) -> dict[str, Any]:
        return {"timestamp": f"2026-01-01T00:{minute:02d}:00Z", "sampledValue": list(samples) or SAMPLES}

    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        ours = {"connectorId": 1, "transactionId": number}
        for _ in range(2):
            await station.call("MeterValues", **ours, meterValue=[values(30), values(15)])
            await station.call("MeterValues", connectorId=1, meterValue=[values(30)])
            await station.call("MeterValues", connectorId=0, meterValue=[values(30)])
            await station.call("MeterValues", connectorId=1, transactionId=-1, meterValue=[values(30)])
        await station.stop(number)
        await station.call("MeterValues", **ours, meterValue=[values(45, signed)])
        await station.call("MeterValues", **ours, meterValue=[values(30, {"value": "1501"})])
    assert rows(tmp_path, "SELECT count(*) FROM meter_value") == [(7,)]
    ((samples,),) = rows(tmp_path, "SELECT samples FROM meter_value WHERE samples LIKE '%Signed%'")
    assert json.loads(samples) == [signed]


async def test_promise_06_an_outage_of_the_database_never_lies(start_csms: Any, tmp_path: Path) -> None:
    csms = await start_csms(storage_grace_seconds=0.5, storage_probe_seconds=0.1)
    url = f"ws://{csms.addresses.ocpp[0]}"
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as other:
        await other.boot()
        blocker = sqlite3.connect(tmp_path / "data" / "chargewright.sqlite3", isolation_level=None)
        try:
            blocker.execute("BEGIN IMMEDIATE")  # now nobody else can write
            await station.send(json.dumps([2, "1", "StartTransaction", start]))
            assert await asyncio.wait_for(station.closed(), 30) == 1013
            assert await asyncio.wait_for(other.closed(), 30) == 1013
            assert csms.not_ready() == "the database is away"
            with pytest.raises(InvalidStatus) as caught:
                await WireStation(url, "A1").__aenter__()
            assert caught.value.response.status_code == 503
        finally:
            blocker.close()
    await eventually(lambda: csms.not_ready() is None, 30)
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
    # The unanswered one was committed in the end, and its repeat was recognised.
    assert rows(tmp_path, "SELECT transaction_id FROM charging_transaction") == [(number,)]


async def test_promise_07_the_newest_socket_wins_on_one_node(url: str, csms: Csms) -> None:
    async with WireStation(url, "A1") as first, WireStation(url, "A1") as second:
        assert await asyncio.wait_for(first.closed(), 10) == 1008
        assert (await second.start())["transactionId"] == 1
    await eventually(lambda: csms.statistics()["connections"] == 0)


async def test_promise_07_an_identity_hops_between_two_nodes(postgresql: str, start_csms: Any, tmp_path: Path) -> None:
    several = {"db": postgresql, "credential_key": "ab" * 32, "fight_evictions": 1000}
    nodes = [await start_csms(node=f"node{number}", data=tmp_path / f"node{number}", **several) for number in (0, 1)]
    urls = [f"ws://{node.addresses.ocpp[0]}" for node in nodes]
    open_ones: list[WireStation] = []
    for hop in range(200):
        station = await WireStation(urls[hop % 2], "A1").__aenter__()
        open_ones.append(station)
        # Answered, so this socket holds the newest epoch: every older one is refused from now on.
        await station.start(meterStart=hop)
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    assert (await open_ones[-1].start(meterStart=199))["transactionId"]
    assert [node.statistics()["stations_connected"] for node in nodes] == [0, 1]
    storage = nodes[0]._storage
    ((epoch,),) = await storage._fetch("SELECT epoch FROM station WHERE identity = 'A1'", [])
    assert epoch == 200
    ((count,),) = await storage._fetch("SELECT count(*) FROM charging_transaction", [])
    assert count == 200
    await open_ones[-1].__aexit__(None, None, None)


async def test_promise_07_two_devices_at_two_nodes_are_an_alarm(
    postgresql: str, start_csms: Any, tmp_path: Path
) -> None:
    several = {"db": postgresql, "credential_key": "ab" * 32, "fight_evictions": 2}
    nodes = [await start_csms(node=f"node{number}", data=tmp_path / f"node{number}", **several) for number in (0, 1)]
    urls = [f"ws://{node.addresses.ocpp[0]}" for node in nodes]
    open_ones: list[WireStation] = []
    for hop in range(4):
        open_ones.append(await WireStation(urls[hop % 2], "A1").__aenter__())
        await open_ones[-1].start(meterStart=hop)
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    # The first node has lost its station twice, and leaves the holder in peace for a while.
    async with WireStation(urls[0], "A1") as turned_away:
        assert await asyncio.wait_for(turned_away.closed(), 10) == 1013
    assert (await open_ones[-1].exchange("Heartbeat", {}))[0] == 3
    await nodes[0]._storage.journal.drain()
    found = await nodes[0]._storage._fetch("SELECT body FROM event WHERE kind = 'alarm.identity_contested'", [])
    assert [json.loads(row[0]) for row in found] == [{"evictions": 2, "node": "node1"}]
    await open_ones[-1].__aexit__(None, None, None)


async def test_promise_07_nothing_is_written_under_an_old_epoch(
    postgresql: str, start_csms: Any, tmp_path: Path
) -> None:
    nodes = [
        await start_csms(db=postgresql, node=f"node{number}", data=tmp_path / f"node{number}", credential_key="ab" * 32)
        for number in (0, 1)
    ]
    nodes[0]._storage.on_claim = lambda station_id, epoch, node: None  # it does not hear of the other's claim
    async with WireStation(f"ws://{nodes[0].addresses.ocpp[0]}", "A1") as old:
        await old.start(meterStart=1)
        async with WireStation(f"ws://{nodes[1].addresses.ocpp[0]}", "A1") as new:
            await new.start(meterStart=2)
            start = {"connectorId": 1, "idTag": "TAG", "meterStart": 3, "timestamp": "2026-01-01T00:00:00Z"}
            await old.send(json.dumps([2, "late", "StartTransaction", start]))
            assert await asyncio.wait_for(old.closed(), 10) == 1008
            assert (await new.start(meterStart=2))["transactionId"]
    found = await nodes[1]._storage._fetch("SELECT meter_start FROM charging_transaction ORDER BY 1", [])
    assert [tuple(row) for row in found] == [(1,), (2,)]


async def test_promise_07_an_identity_hops_between_two_processes(postgresql: str, tmp_path: Path) -> None:
    environment = {"CHARGEWRIGHT_CREDENTIAL_KEY": "ab" * 32, "CHARGEWRIGHT_DB": postgresql}
    environment["CHARGEWRIGHT_FIGHT_EVICTIONS"] = "1000"  # else it would have to wait after the fifth
    servers: list[ServeProcess] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        servers.append(await ServeProcess.start(*data_arguments(tmp_path / name, seed_text("A1")), **environment))
    stations: list[WireStation] = []
    for hop in range(40):
        stations.append(await WireStation(servers[hop % 2].ocpp_url, "A1").__aenter__())
        await stations[-1].start(meterStart=hop)
    for old in stations[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    assert (await stations[-1].exchange("Heartbeat", {}))[0] == 3
    assert [await server.stop() for server in servers] == [0, 0]
    assert await asyncio.wait_for(stations[-1].closed(), 10) == 1001
    connection = await asyncpg.connect(postgresql)
    try:
        assert await connection.fetchval("SELECT epoch FROM station WHERE identity = 'A1'") == 40
        assert await connection.fetchval("SELECT count(*) FROM charging_transaction") == 40
    finally:
        await connection.close()


async def test_promise_09_a_message_too_big_closes_its_socket_and_no_other(start_csms: Any, tmp_path: Path) -> None:
    csms = await start_csms(message_bytes=20_000)
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as control:
        big = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "x" * 30_000}]}]
        await station.send(json.dumps([2, "1", "MeterValues", {"connectorId": 1, "meterValue": big}]))
        assert await asyncio.wait_for(station.closed(), 10) == 1009
        await control.boot()
    await eventually(lambda: ("alarm.message_too_big",) in rows(tmp_path, "SELECT kind FROM event"))


async def test_promise_09_a_station_that_does_not_wait_is_read_no_further(start_csms: Any) -> None:
    csms = await start_csms(unanswered_calls=8)
    url = f"ws://{csms.addresses.ocpp[0]}"
    status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    async with WireStation(url, "A1") as hasty, WireStation(url, "A2") as control:
        for number in range(500):
            await hasty.send(json.dumps([2, f"{number}", "StatusNotification", status]))
        await control.boot()
        answers = [(await hasty.receive())[1] for _ in range(500)]
    assert answers == [f"{number}" for number in range(500)]
    assert csms.statistics()["largest_batch"] <= 10


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
    ("an action not served yet", '[2,"1","FirmwareStatusNotification",{"status":"Idle"}]', [4, "1", "NotSupported"]),
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
async def test_promise_10_malformed_input_is_answered_and_hurts_nobody(message: str, expected: Any, url: str) -> None:
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as control:
        await control.boot()
        await station.send(message)
        if expected is not None:
            answer = await station.receive()
            assert answer[: len(expected)] == expected
        assert (await station.exchange("Heartbeat", {}))[0] == 3
        assert (await control.start())["transactionId"]


async def test_promise_10_binary_and_broken_text_close_only_their_socket(url: str) -> None:
    async with WireStation(url, "A2") as control:
        for payload, text in ((b"\x00\x01", False), (b"\xff\xfe", True)):
            async with WireStation(url, "A1") as station:
                await station.socket.send(payload, text=text)
                assert await asyncio.wait_for(station.closed(), 10) in (1003, 1007)
        await control.boot()


@pytest.mark.parametrize(("identity", "status"), [("NOBODY", 404), ("a%2Fb", 404)])
async def test_promise_10_strangers_stay_outside(identity: str, status: int, url: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await WireStation(url, identity).__aenter__()
    assert caught.value.response.status_code == status


async def test_promise_10_a_wrong_password_stays_outside(url: str) -> None:
    for password in (None, "00" * 16):
        with pytest.raises(InvalidStatus) as caught:
            await WireStation(url, "A1", password=password).__aenter__()
        assert caught.value.response.status_code == 401


NUMBER_AS_TEXT = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 5}]}]
TOLERATED = [
    ("BootNotification", {"chargePointVendor": "V" * 40, "chargePointModel": "M"}, "too-long"),
    ("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError", "info": None}, "null"),
    ("StatusNotification", {"connectorId": 1, "status": "available", "errorCode": "NoError"}, "letter-case"),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 5}]}]},
        "number-as-text",
    ),
]


@pytest.mark.parametrize(("action", "payload", "kind"), TOLERATED)
async def test_promise_12_harmless_deviations_are_taken_and_recorded(
    action: str, payload: Any, kind: str, start_csms: Any, tmp_path: Path
) -> None:
    csms = await start_csms()
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.call(action, **payload)
    assert (kind,) in rows(tmp_path, f"SELECT kind FROM deviation WHERE action = '{action}'")
    await csms.stop()
    strict = await start_csms(strict=True)
    async with WireStation(f"ws://{strict.addresses.ocpp[0]}", "A1") as station:
        assert (await station.exchange(action, payload))[0] == 4
