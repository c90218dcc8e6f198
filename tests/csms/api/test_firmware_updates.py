"""Firmware updates over REST: ordering them, every end of the command, and the history."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.csms.bench import FakeConnection, Workbench

URL = "/api/v1/firmware-updates"
BODY = {"station": "A1", "location": "ftp://user:secret@files.example/fw.bin"}
SIGNED = BODY | {
    "signingCertificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "signature": "c2ln",
    "installDate": "2026-03-02T00:00:00Z",
}


async def next_call(connection: FakeConnection) -> Any:
    """The next CALL of the CSMS."""
    while True:
        for message in connection.sent:
            if message[0] == 2:
                connection.sent.remove(message)
                return message
        connection.has_spoken.clear()
        await connection.has_spoken.wait()


async def order(
    bench: Workbench, client: httpx.AsyncClient, body: Any, *answer: Any, query: str = ""
) -> tuple[httpx.Response, Any]:
    """What REST says where the station answers so (type, then the rest behind the id), and what the station got."""
    connection = await bench.connect()
    posted = asyncio.ensure_future(client.post(URL + query, json=body))
    call = await next_call(connection)
    connection.deliver([answer[0], call[1], *answer[1:]])
    response = await posted
    connection.vanish()
    return response, call


async def test_an_update_is_ordered_followed_and_read(bench: Workbench, client: httpx.AsyncClient) -> None:
    body = BODY | {"retrieveDate": "2026-03-01T13:00:00+01:00", "retries": 3, "retryInterval": 60}
    response, call = await order(bench, client, body, 3, {})
    assert response.status_code == 201, response.text
    assert call[2:] == [
        "UpdateFirmware",
        {
            "location": BODY["location"],
            "retrieveDate": "2026-03-01T12:00:00.000Z",
            "retries": 3,
            "retryInterval": 60,
        },
    ]
    update = response.json()
    assert response.headers["Location"] == f"{URL}/{update['id']}"
    assert (update["state"], update["location"]) == ("accepted", "ftp://user:***@files.example/fw.bin")
    connection = await bench.connect()
    for status in ("Downloading", "Downloaded", "Installing"):
        assert (await bench.exchange(connection, "FirmwareStatusNotification", {"status": status}))[2] == {}
    connection.vanish()
    connection = await bench.connect()
    await bench.exchange(connection, "FirmwareStatusNotification", {"status": "Installed"})
    read = (await client.get(f"{URL}/{update['id']}")).json()
    assert read["state"] == "Installed" and read["finishedAt"] is not None
    assert [entry["status"] for entry in read["history"]] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert all(entry["expected"] for entry in read["history"])
    listed = (await client.get(f"{URL}?station=A1&state=Installed")).json()["items"]
    assert [item["id"] for item in listed] == [update["id"]]
    assert (await client.get(f"{URL}?station=A2")).json()["items"] == []
    assert "secret" not in str(await bench.rows("SELECT * FROM firmware_update"))
    assert "secret" not in str(await bench.rows("SELECT body FROM event"))


async def test_signed_data_make_it_a_signed_update(bench: Workbench, client: httpx.AsyncClient) -> None:
    response, call = await order(bench, client, SIGNED, 3, {"status": "Accepted"})
    assert response.status_code == 201, response.text
    update = response.json()
    assert call[2] == "SignedUpdateFirmware"
    assert call[3]["requestId"] == update["requestId"] > 0
    assert call[3]["firmware"]["installDateTime"] == "2026-03-02T00:00:00.000Z"
    connection = await bench.connect()
    status = {"status": "DownloadScheduled", "requestId": update["requestId"]}
    assert (await bench.exchange(connection, "SignedFirmwareStatusNotification", status))[2] == {}
    assert (await client.get(f"{URL}/{update['id']}")).json()["state"] == "DownloadScheduled"


@pytest.mark.parametrize(
    ("body", "answer", "status", "detail", "state"),
    [
        (BODY, (4, "NotSupported", "", {}), 502, "or only signed one, which wants signingCertificate", "refused"),
        (BODY, (4, "InternalError", "", {}), 502, "CALLERROR InternalError", "refused"),
        (BODY, (3, [1]), 502, "no answer to this", "unanswered"),
        (SIGNED, (3, {"status": "Rejected"}), 409, "the station answered Rejected", "refused"),
        (SIGNED, (3, {"status": "InvalidCertificate"}), 409, "answered InvalidCertificate", "refused"),
    ],
)
async def test_every_refusal_is_told_and_kept(
    body: Any, answer: Any, status: int, detail: str, state: str, bench: Workbench, client: httpx.AsyncClient
) -> None:
    response, _ = await order(bench, client, body, *answer)
    assert response.status_code == status, response.text
    problem = response.json()
    assert detail in problem["detail"]
    assert (await client.get(f"{URL}/{problem['id']}")).json()["state"] == state


async def test_a_station_that_is_offline(bench: Workbench, client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json=BODY)
    assert (response.status_code, response.json()["outcome"]) == (409, "not-sent")
    assert (await client.get(f"{URL}/{response.json()['id']}")).json()["state"] == "not-sent"


async def test_what_is_odd_is_sent_only_when_forced(bench: Workbench, client: httpx.AsyncClient) -> None:
    body = BODY | {"location": "gopher://files.example/x", "retrieveDate": "2020-01-01T00:00:00Z"}
    response = await client.post(URL, json=body)
    assert response.status_code == 422
    assert len(response.json()["warnings"]) == 2
    assert (await client.get(URL)).json()["items"] == []
    response, _ = await order(bench, client, body, 3, {}, query="?force=true")
    assert response.status_code == 201


async def test_a_command_sent_as_such_is_an_update_too(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    payload = {"location": "http://files.example/fw", "retrieveDate": "2026-03-01T12:00:00Z"}
    posted = asyncio.ensure_future(client.post("/api/v1/stations/A1/commands/UpdateFirmware", json=payload))
    call = await next_call(connection)
    # A station that is quicker with its status than with its answer.
    await bench.exchange(connection, "FirmwareStatusNotification", {"status": "Downloading"})
    connection.deliver([3, call[1], {}])
    assert (await posted).status_code == 200
    (item,) = (await client.get(URL)).json()["items"]
    assert (item["state"], item["location"]) == ("Downloading", "http://files.example/fw")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"station": "NOBODY"}, 404),
        ({"signature": "c2ln"}, 422),
        ({"installDate": "2026-03-02T00:00:00Z"}, 422),
        ({"retries": -1}, 422),
        ({"location": ""}, 422),
        ({"retrieveDate": "tomorrow"}, 422),
        ({"something": "else"}, 422),
    ],
)
async def test_what_cannot_be(change: Any, status: int, client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json=BODY | change)
    assert response.status_code == status, response.text
    assert (await client.get(f"{URL}/nothing")).status_code == 404
