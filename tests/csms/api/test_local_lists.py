"""Wanted local lists over REST, down to what a station is sent."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from tests.csms.bench import FakeConnection, Workbench
from tests.csms.commands.asking import next_call

URL = "/api/v1/stations/A1/local-list"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
LINES = {"Content-Type": "application/x-ndjson"}


async def answer_calls(connection: FakeConnection, sent: list[Any], answers: dict[str, Any]) -> None:
    """Answer each CALL that the CSMS sends, with what belongs to its action."""
    answered = 0
    while True:
        await connection.has_spoken.wait()
        connection.has_spoken.clear()
        for message in connection.sent[answered:]:
            if message[0] == 2:
                sent.append(message[2:])
                connection.deliver([3, message[1], answers[message[2]]])
        answered = len(connection.sent)


@pytest.fixture
async def station(bench: Workbench) -> Any:
    """A1, accepted, without a list yet; what it was sent."""
    connection = await bench.connect("A1")
    await bench.exchange(connection, "BootNotification", BOOT)
    sent: list[Any] = []
    answers = {
        "GetConfiguration": {"configurationKey": [{"key": "SendLocalListMaxLength", "readonly": True, "value": "2"}]},
        "GetLocalListVersion": {"listVersion": 0},
        "SendLocalList": {"status": "Accepted"},
    }
    task = asyncio.create_task(answer_calls(connection, sent, answers))
    yield sent
    task.cancel()


async def ended(client: httpx.AsyncClient) -> Any:
    """What the station has when nothing is sent any more."""
    async with asyncio.timeout(20):
        while (shown := (await client.get(URL)).json())["progress"] is not None:  # noqa: ASYNC110  # as `ctl` asks
            await asyncio.sleep(0.01)
    return shown


async def synced(client: httpx.AsyncClient) -> Any:
    """What the station has when syncing ended."""
    begun = await client.post(f"{URL}/sync")
    assert begun.status_code == 202, begun.text
    return await ended(client)


async def test_syncing_is_answered_at_once_and_its_progress_is_shown(
    client: httpx.AsyncClient, bench: Workbench
) -> None:
    connection = await bench.connect("A1")
    await bench.exchange(connection, "BootNotification", BOOT)
    await client.put(URL, json={"entries": [{"idTag": f"T{number}"} for number in range(60)]})
    begun = await client.post(f"{URL}/sync")
    assert (begun.status_code, begun.json()["progress"]) == (202, {"entriesAccepted": 0, "entriesToSend": 0})
    for answer in ({}, {"listVersion": 0}, {"status": "Accepted"}):
        call = await asyncio.wait_for(next_call(connection), 10)
        connection.deliver([3, call[1], answer])
    last = await asyncio.wait_for(next_call(connection), 10)
    shown = (await client.get(URL)).json()
    assert (shown["state"], shown["progress"]) == ("sending", {"entriesAccepted": 50, "entriesToSend": 60})
    connection.deliver([3, last[1], {"status": "Accepted"}])
    assert (await ended(client))["state"] == "in-step"


async def test_a_wanted_list_is_put_read_sent_and_removed(client: httpx.AsyncClient, station: list[Any]) -> None:
    entries = [{"idTag": "tag"}, {"idTag": "B", "status": "Blocked"}, {"idTag": "C", "parentIdTag": "P"}]
    put = await client.put(URL, json={"selection": "recently-used", "entries": entries})
    assert put.status_code == 200, put.text
    assert put.json()["wanted"] | {"changedAt": "", "version": 0} == {
        "wantedBy": "station",
        "version": 0,
        "entries": 3,
        "selection": "recently-used",
        "complete": True,
        "changedAt": "",
    }
    listed = (await client.get(f"{URL}/entries")).json()["items"]
    assert [(one["idTag"], one["status"], one["follows"]) for one in listed] == [
        ("tag", "Accepted", True),
        ("B", "Blocked", False),
        ("C", "Accepted", False),
    ]
    end = await synced(client)
    assert (end["state"], end["entries"], end["listVersion"]) == ("in-step", 3, 2)
    lists = [payload for action, payload in station if action == "SendLocalList"]
    assert [(one["updateType"], len(one["localAuthorizationList"])) for one in lists] == [
        ("Full", 2),
        ("Differential", 1),
    ]
    assert (await client.delete(URL)).status_code == 204
    after = (await client.get(URL)).json()
    assert (after["wanted"], after["state"], after["entries"]) == (None, "in-step", 3)
    assert (await client.get(f"{URL}/entries")).status_code == 404


async def test_lines_are_taken_as_well(client: httpx.AsyncClient) -> None:
    lines = "\n".join(json.dumps({"idTag": f"T{number}"}) for number in range(2_500)) + "\n\n"
    put = await client.put(URL, content=lines, headers=LINES)
    assert (put.status_code, put.json()["wanted"]["entries"]) == (200, 2_500)
    page = (await client.get(f"{URL}/entries", params={"limit": 2})).json()
    assert [one["idTag"] for one in page["items"]] == ["T0", "T1"]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ('{"idTag":"A"}\n{"idTag":"a"}', "entries.1.idTag"),
        ('{"idTag":"A"}\n{"idTag":"B","status":"Fine"}', "entries.1.status"),
        ('{"idTag":""}', "entries.0.idTag"),
        ('{"idTag":"A","expiresAt":"tomorrow"}', "entries.0.expiresAt"),
        ('{"idTag":"A","colour":"red"}', "entries.0"),
        ('{"idTag":"A"', "entries.0"),
        ('{"idTag":"' + "A" * 2_000 + '"}', "entries.0"),
    ],
)
async def test_the_first_wrong_entry_is_named_and_nothing_is_written(
    lines: str, field: str, client: httpx.AsyncClient
) -> None:
    put = await client.put(URL, content=lines, headers=LINES)
    assert (put.status_code, put.json()["errors"][0]["field"]) == (422, field), put.text
    assert (await client.get(URL)).json()["wanted"] is None


async def test_a_json_document_beyond_its_bound_is_refused(client: httpx.AsyncClient) -> None:
    entries = [{"idTag": f"TAG{number}"} for number in range(100_000)]
    put = await client.put(URL, json={"entries": entries})
    assert (put.status_code, "x-ndjson" in put.json()["detail"]) == (413, True)


async def test_a_group_s_list_is_that_of_its_stations(client: httpx.AsyncClient, station: list[Any]) -> None:
    await client.post("/api/v1/groups", json={"name": "yard"})
    for identity in ("A1", "A2"):
        await client.put(f"/api/v1/groups/yard/stations/{identity}")
    group = "/api/v1/groups/yard/local-list"
    put = (await client.put(group, json={"entries": [{"idTag": "A"}]})).json()
    assert put["stations"] == {"unknown": 2}
    assert (await client.get(URL)).json()["wanted"]["wantedBy"] == "yard"
    assert (await synced(client))["state"] == "in-step"
    assert (await client.get(group)).json()["stations"] == {"in-step": 1, "unknown": 1}
    assert (await client.get(f"{group}/entries")).json()["items"][0]["idTag"] == "A"
    assert (await client.delete(group, params={"empty": "true"})).status_code == 204
    assert (await synced(client))["entries"] == 0


async def test_what_cannot_be_synced_is_told(client: httpx.AsyncClient) -> None:
    nothing = await client.post(f"{URL}/sync")
    assert (nothing.status_code, "No local list" in nothing.json()["detail"]) == (409, True)
    await client.put(URL, json={"entries": []})
    offline = await client.post(f"{URL}/sync")
    assert (offline.status_code, "not connected" in offline.json()["detail"]) == (409, True)


async def test_a_list_sent_by_hand_is_warned_of(client: httpx.AsyncClient, station: list[Any]) -> None:
    await client.put(URL, json={"entries": []})
    await synced(client)
    by_hand = {
        "listVersion": 0,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "A"}, {"idTag": "a"}, {"idTag": "B"}],
    }
    command = "/api/v1/stations/A1/commands/SendLocalList"
    odd = await client.post(command, json=by_hand)
    assert odd.status_code == 422
    told = " ".join(odd.json()["warnings"])
    for words in ("a list with 0 entries is wanted", "listVersion 0", "twice", "no idTagInfo", "takes 2 in a message"):
        assert words in told
    assert (await client.post(command, json=by_hand, params={"force": "true"})).json() == {"status": "Accepted"}
    assert (await client.get(URL)).json()["state"] == "unknown"
