"""Every command over REST, to a station on the `ocpp` library and to our own: each way in which it can end is told
apart."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.csms.api.command_cases import PAYLOADS, library_station, response_of, statuses_of
from tests.csms.bench import Workbench
from tests.csms.wire import PASSWORD, eventually

from chargewright.csms.app import Csms
from chargewright.csms.commands.validation import COMMANDS

TOKEN = "a-bearer-key"
FORCED = {"force": "true", "timeout_seconds": "20"}


@pytest.fixture
async def server(start_csms: Any) -> Csms:
    made: Csms = await start_csms(http="127.0.0.1:0", bootstrap_token=TOKEN, settle_seconds=0.05)
    return made


@pytest.fixture
async def rest(server: Csms) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the server over a real socket."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=f"http://{server.addresses.http[0]}/api/v1", headers=headers, timeout=30
    ) as made:
        yield made


async def send(rest: httpx.AsyncClient, identity: str, action: str, **query: str) -> httpx.Response:
    return await rest.post(f"/stations/{identity}/commands/{action}", json=PAYLOADS[action], params=FORCED | query)


def test_there_is_a_case_for_every_command() -> None:
    assert sorted(PAYLOADS) == sorted(COMMANDS)
    assert len(PAYLOADS) == 26


async def test_every_command_with_every_answer_of_a_library_station(server: Csms, rest: httpx.AsyncClient) -> None:
    async with library_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        for action in PAYLOADS:
            for status in statuses_of(action):
                station.behaviour = status
                answer = await send(rest, "A1", action)
                assert (answer.status_code, answer.json()) == (200, response_of(action, status)), action

            station.behaviour = "error"
            answer = await send(rest, "A1", action)
            problem = answer.json()
            assert answer.status_code == 502, (action, problem)
            assert answer.headers["content-type"] == "application/problem+json"
            told = {name: problem[name] for name in ("outcome", "code", "description", "details")}
            assert told == {
                "outcome": "refused",
                "code": "InternalError",
                "description": "out of order",
                "details": {"part": "relay"},
            }

            station.behaviour = "silence"
            answer = await send(rest, "A1", action, timeout_seconds="0.05")
            assert (answer.status_code, answer.json()["outcome"]) == (504, "unanswered"), (action, answer.text)

            station.behaviour = "malformed"
            answer = await send(rest, "A1", action)
            assert (answer.status_code, answer.json()["outcome"]) == (502, "malformed"), (action, answer.text)
    for action in PAYLOADS:
        answer = await send(rest, "A1", action)
        assert (answer.status_code, answer.json()["outcome"]) == (409, "not-sent"), action


async def test_every_command_to_our_own_station(server: Csms, rest: httpx.AsyncClient, tmp_path: Path) -> None:
    """It answers what it has, and says by CALLERROR what it has not."""
    arguments = ("run", "kempower_s_series", "--csms", f"ws://{server.addresses.ocpp[0]}", "--id", "A1")
    more = ("--data", str(tmp_path / "station"), "--driver", "none", "--password-env", "STATION_PASSWORD")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chargewright.cli.main", "station", *arguments, *more, "--log-level", "error"),
        env={**os.environ, "STATION_PASSWORD": PASSWORD},
    )
    try:
        directory = server._directory
        await eventually(lambda: (row := directory.station("A1")) is not None and row.booted, 30)
        for action in sorted(PAYLOADS, key=lambda name: name == "Reset"):
            answer = await send(rest, "A1", action)
            body = answer.json()
            if answer.status_code == 200:
                assert body.get("status") in statuses_of(action), (action, body)
            else:
                assert (answer.status_code, body["outcome"]) == (502, "refused"), (action, body)
                assert body["code"] in {"NotImplemented", "NotSupported"}, (action, body)
        answered = await send(rest, "A1", "Reset")
        assert answered.status_code in {200, 409, 504}
    finally:
        process.terminate()
        await process.wait()


async def test_what_the_schema_forbids_is_named(rest: httpx.AsyncClient) -> None:
    for action, payload, field in (
        ("Reset", {"type": "Gently"}, "type"),
        ("Reset", {}, "type"),
        ("ReserveNow", PAYLOADS["ReserveNow"] | {"connectorId": "one"}, "connectorId"),
        ("UnlockConnector", {"connectorId": 1, "extra": 1}, "extra"),
    ):
        answer = await rest.post(f"/stations/A1/commands/{action}", json=payload)
        assert answer.status_code == 422, answer.text
        (wrong,) = answer.json()["errors"]
        assert (wrong["place"], wrong["field"]) == ("body", field)
    for content in (b"", b"{", b"[]", b"null", b"\xff", b'"\\ud800"', b"[" * 100_000):
        assert (await rest.post("/stations/A1/commands/Reset", content=content)).status_code == 422
    assert (await rest.post("/stations/A1/commands/Heartbeat", json={})).status_code == 404
    assert (await rest.post("/stations/nobody/commands/Reset", json={"type": "Soft"})).status_code == 404


async def test_what_is_odd_is_sent_only_when_forced(server: Csms, rest: httpx.AsyncClient) -> None:
    async with library_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        station.behaviour = "Unlocked"
        url, odd = "/stations/A1/commands/UnlockConnector", {"connectorId": -1}
        warned = await rest.post(url, json=odd)
        assert warned.status_code == 422
        assert any("-1" in warning for warning in warned.json()["warnings"])
        assert (await rest.post(url, json=odd, params={"force": "true"})).json() == {"status": "Unlocked"}


async def test_a_kept_command_waits_is_sent_and_can_be_taken_back(server: Csms, rest: httpx.AsyncClient) -> None:
    url, later = "/stations/A1/commands/ClearCache", {"keep_until": "2036-01-01T00:00:00Z"}
    for wrong in ("2020-01-01T00:00:00Z", "2036-01-01", "soon"):
        assert (await rest.post(url, json={}, params={"keep_until": wrong})).status_code == 422
    kept = await rest.post(url, json={}, params=later)
    assert kept.status_code == 202
    assert kept.headers["Location"] == f"/api/v1/commands/{kept.json()['id']}"
    shown = kept.json()
    assert (shown["station"], shown["state"], shown["keepUntil"]) == ("A1", "waiting", "2036-01-01T00:00:00.000Z")
    second = (await rest.post(url, json={}, params=later)).json()
    taken_back = await rest.delete(f"/commands/{second['id']}")
    assert (taken_back.status_code, taken_back.json()["state"]) == (200, "cancelled")
    assert (await rest.delete(f"/commands/{second['id']}")).status_code == 409
    assert (await rest.get("/commands/nothing")).status_code == 404
    listed = (await rest.get("/commands", params={"station": "A1", "unfinished": "true"})).json()["items"]
    assert [item["id"] for item in listed] == [shown["id"]]
    async with library_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        station.behaviour = "Accepted"
        ended: dict[str, Any] = {}
        async with asyncio.timeout(20):
            while ended.get("finishedAt") is None:
                ended = (await rest.get(f"/commands/{shown['id']}")).json()
                await asyncio.sleep(0.05)
    assert (ended["state"], ended["outcome"]["response"]) == ("answered", {"status": "Accepted"})
    assert [item["id"] for item in (await rest.get("/commands")).json()["items"]] == [second["id"], shown["id"]]


async def test_a_full_queue_is_429(start_bench: Any) -> None:
    bench: Workbench = await start_bench(bootstrap_token=TOKEN, commands_per_station=1)
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://csms/api/v1", headers=headers) as client:
        url = "/stations/A1/commands/ClearCache"
        connection.has_spoken.clear()
        first = asyncio.create_task(client.post(url, json={}))
        await asyncio.wait_for(connection.has_spoken.wait(), 5)
        full = await client.post(url, json={})
        assert (full.status_code, full.json()["outcome"], full.headers["Retry-After"]) == (429, "queue-full", "5")
        connection.deliver([3, connection.sent[-1][1], {"status": "Accepted"}])
        assert (await asyncio.wait_for(first, 5)).json() == {"status": "Accepted"}


async def test_a_password_is_neither_kept_nor_told(server: Csms, rest: httpx.AsyncClient) -> None:
    secret = {"key": "AuthorizationKey", "value": "0123456789abcdef0123456789abcdef"}
    answer = await rest.post(
        "/stations/A1/commands/ChangeConfiguration",
        json=secret,
        params={"keep_until": "2036-01-01T00:00:00Z", "force": "true"},
    )
    assert answer.status_code == 422
    assert secret["value"] not in answer.text
    assert secret["value"] not in json.dumps((await rest.get("/events/history")).json())


async def test_a_location_that_is_too_long_when_masked_is_listed_all_the_same(client: httpx.AsyncClient) -> None:
    location = "https://u:p@h/".ljust(512, "x")
    payload = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": location}}
    later = {"keep_until": "2036-01-01T00:00:00Z", "force": True}
    kept = await client.post("/api/v1/stations/A1/commands/GetLog", json=payload, params=later)
    assert kept.status_code == 202, kept.text
    listed = await client.get("/api/v1/commands")
    assert listed.status_code == 200
    (shown,) = listed.json()["items"]
    assert len(shown["payload"]["log"]["remoteLocation"]) > 512
    cancelled = await client.delete(f"/api/v1/commands/{shown['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
