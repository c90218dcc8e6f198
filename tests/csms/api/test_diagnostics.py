"""Uploads over REST: diagnostics and logs, and every end of the command."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.csms.api.test_firmware_updates import next_call
from tests.csms.bench import Workbench

URL = "/api/v1/diagnostics"
BODY = {"station": "A1", "location": "ftp://user:secret@files.example/in/"}


async def order(bench: Workbench, client: httpx.AsyncClient, body: Any, *answer: Any) -> tuple[httpx.Response, Any]:
    connection = await bench.connect()
    posted = asyncio.ensure_future(client.post(URL, json=body))
    call = await next_call(connection)
    connection.deliver([answer[0], call[1], *answer[1:]])
    response = await posted
    connection.vanish()
    return response, call


async def test_diagnostics_are_asked_for_followed_and_read(bench: Workbench, client: httpx.AsyncClient) -> None:
    body = BODY | {"startTime": "2026-02-01T00:00:00Z", "stopTime": "2026-03-01T00:00:00Z", "retries": 1}
    response, call = await order(bench, client, body, 3, {"fileName": "a.zip"})
    assert response.status_code == 201, response.text
    assert call[2] == "GetDiagnostics"
    assert call[3]["startTime"] == "2026-02-01T00:00:00.000Z" and call[3]["location"] == BODY["location"]
    upload = response.json()
    assert (upload["state"], upload["fileName"], upload["kind"]) == ("accepted", "a.zip", "Diagnostics")
    assert upload["location"] == "ftp://user:***@files.example/in/"
    assert upload["stopTime"] == "2026-03-01T00:00:00.000Z"
    connection = await bench.connect()
    for status in ("Uploading", "Uploaded"):
        assert (await bench.exchange(connection, "DiagnosticsStatusNotification", {"status": status}))[2] == {}
    read = (await client.get(response.headers["Location"])).json()
    assert read["state"] == "Uploaded"
    assert [entry["status"] for entry in read["history"]] == ["Uploading", "Uploaded"]
    assert [item["id"] for item in (await client.get(f"{URL}?state=Uploaded")).json()["items"]] == [upload["id"]]


async def test_nothing_to_upload_is_no_failure(bench: Workbench, client: httpx.AsyncClient) -> None:
    response, _ = await order(bench, client, BODY, 3, {})
    assert (response.status_code, response.json()["state"]) == (201, "nothing")
    assert response.json()["finishedAt"] is not None


@pytest.mark.parametrize("kind", ["DiagnosticsLog", "SecurityLog"])
async def test_a_log_type_makes_it_get_log(kind: str, bench: Workbench, client: httpx.AsyncClient) -> None:
    response, call = await order(bench, client, BODY | {"logType": kind}, 3, {"status": "Accepted", "filename": "l"})
    assert response.status_code == 201, response.text
    upload = response.json()
    assert (call[2], call[3]["logType"], call[3]["requestId"]) == ("GetLog", kind, upload["requestId"])
    connection = await bench.connect()
    status = {"status": "BadMessage", "requestId": upload["requestId"]}
    assert (await bench.exchange(connection, "LogStatusNotification", status))[2] == {}
    assert (await client.get(f"{URL}/{upload['id']}")).json()["state"] == "BadMessage"


@pytest.mark.parametrize(
    ("change", "answer", "status", "state"),
    [
        ({}, (4, "NotImplemented", "", {}), 502, "refused"),
        ({"logType": "SecurityLog"}, (3, {"status": "Rejected"}), 409, "refused"),
        ({"logType": "SecurityLog"}, (3, {"status": "Perhaps"}), 502, "unanswered"),
    ],
)
async def test_every_refusal_is_told_and_kept(
    change: Any, answer: Any, status: int, state: str, bench: Workbench, client: httpx.AsyncClient
) -> None:
    response, _ = await order(bench, client, BODY | change, *answer)
    assert response.status_code == status, response.text
    assert (await client.get(f"{URL}/{response.json()['id']}")).json()["state"] == state


async def test_offline_and_wrong_bodies(client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json=BODY)
    assert (response.status_code, response.json()["outcome"]) == (409, "not-sent")
    for change in ({"logType": "Everything"}, {"station": ""}, {"retryInterval": -5}, {"startTime": "x"}):
        assert (await client.post(URL, json=BODY | change)).status_code == 422, change
    assert (await client.get(f"{URL}/nothing")).status_code == 404
