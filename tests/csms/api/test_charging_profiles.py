"""Charging profiles over REST: sent, listed, removed, and what stations say of them."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.csms.api.test_local_lists import BOOT, answer_calls
from tests.csms.bench import Workbench
from tests.csms.services.profile_station import profile

URL = "/api/v1/stations/A1/charging-profiles"
ALL = "/api/v1/charging-profiles"


@pytest.fixture
async def answers(bench: Workbench) -> Any:
    """What A1 answers; a test may change it."""
    connection = await bench.connect("A1")
    await bench.exchange(connection, "BootNotification", BOOT)
    given: dict[str, Any] = {
        "SetChargingProfile": {"status": "Accepted"},
        "ClearChargingProfile": {"status": "Accepted"},
        "GetCompositeSchedule": {"status": "Rejected"},
        "RemoteStartTransaction": {"status": "Accepted"},
        "GetConfiguration": {},
    }
    task = asyncio.create_task(answer_calls(connection, [], given))
    yield given
    task.cancel()


async def give(client: httpx.AsyncClient, number: int, connector_id: int = 1, **more: Any) -> httpx.Response:
    return await client.post(URL, json={"connectorId": connector_id, "profile": profile(number, **more)})


async def test_a_profile_is_sent_and_shown(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    done = await give(client, 7, level=2)
    assert done.status_code == 201, done.text
    shown = done.json()
    assert {name: shown[name] for name in ("station", "connectorId", "chargingProfileId", "stackLevel", "state")} == {
        "station": "A1",
        "connectorId": 1,
        "chargingProfileId": 7,
        "stackLevel": 2,
        "state": "installed",
    }
    assert shown["profile"] == profile(7, level=2)
    assert (await client.get(done.headers["Location"])).json() == shown
    assert (await client.get(URL)).json() == {"items": [shown], "next": None}
    assert (await client.get(f"{ALL}/nonsense")).status_code == 404


@pytest.mark.parametrize(("status", "state"), [("Rejected", "refused"), ("NotSupported", "not-supported")])
async def test_a_refusal_is_no_error(
    status: str, state: str, client: httpx.AsyncClient, answers: dict[str, Any]
) -> None:
    answers["SetChargingProfile"] = {"status": status}
    done = await give(client, 7)
    assert (done.status_code, done.json()["state"], done.json()["answer"]) == (200, state, status)


async def test_what_was_not_answered_is_told_as_for_commands(client: httpx.AsyncClient) -> None:
    offline = await give(client, 7)
    assert (offline.status_code, offline.json()["outcome"]) == (409, "not-sent")
    assert (await client.get(URL)).json()["items"] == []


async def test_a_raw_command_keeps_the_same_book(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    body = {"connectorId": 0, "csChargingProfiles": profile(3)}
    done = await client.post("/api/v1/stations/A1/commands/SetChargingProfile", json=body)
    assert done.json() == {"status": "Accepted"}
    await give(client, 3)
    items = (await client.get(URL)).json()["items"]
    assert [(item["connectorId"], item["state"]) for item in items] == [(1, "installed"), (0, "replaced")]


async def test_lists_are_filtered_and_paged(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    for number in (1, 2, 3):
        await give(client, number, connector_id=number % 2, level=number)
    await give(client, 1, connector_id=1, level=1)

    async def numbers(url: str, **query: Any) -> list[int]:
        answer = await client.get(url, params=query)
        assert answer.status_code == 200, answer.text
        return [item["chargingProfileId"] for item in answer.json()["items"]]

    assert await numbers(ALL) == [1, 3, 2, 1]
    assert await numbers(ALL, state="installed") == [1, 3, 2]
    assert await numbers(ALL, station="A1", connector=0) == [2]
    assert await numbers(ALL, station="A1", purpose="TxProfile") == []
    assert await numbers(ALL, transaction=5) == []
    assert await numbers(URL, state="replaced", connector=1) == [1]
    first = (await client.get(URL, params={"limit": 3})).json()
    assert await numbers(URL, limit=3, cursor=first["next"]) == [1]
    for query in ({"connector": 1}, {"purpose": "TxProfile"}, {"state": "nonsense"}):
        assert (await client.get(ALL, params=query)).status_code == 422
    assert (await client.get(ALL, params={"station": "none"})).status_code == 404


async def test_a_profile_of_a_transaction_ends_with_it(
    bench: Workbench, client: httpx.AsyncClient, answers: dict[str, Any]
) -> None:
    (session,) = bench.csms._sessions
    connection: Any = session.connection
    stamp = bench.clock.now().isoformat()
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": stamp}
    number = (await bench.exchange(connection, "StartTransaction", start))[2]["transactionId"]
    done = await give(client, 7, purpose="TxProfile", transactionId=number)
    assert done.json()["transactionId"] == number
    stop = {"transactionId": number, "meterStop": 1, "timestamp": stamp}
    await bench.exchange(connection, "StopTransaction", stop)
    (item,) = (await client.get(ALL, params={"transaction": number})).json()["items"]
    assert item["state"] == "ended"


async def test_clearing_one_by_its_id(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    await give(client, 7)
    cleared = await client.delete(f"{URL}/7")
    assert (cleared.status_code, cleared.json()) == (200, {"status": "Accepted"})
    assert (await client.get(URL)).json()["items"][0]["state"] == "cleared"
    answers["ClearChargingProfile"] = {"status": "Unknown"}
    assert (await client.delete(f"{URL}/-8")).json() == {"status": "Unknown"}
    assert (await client.delete(f"{URL}/x")).status_code == 404
    await give(client, 9)
    odd = await client.delete(f"{URL}/7")
    assert (odd.status_code, "matches" in odd.json()["detail"]) == (422, True)
    assert (await client.delete(f"{URL}/7", params={"force": True})).status_code == 200


async def test_composite_schedules_as_reported(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    ask = {"connectorId": 1, "duration": 300}
    url = "/api/v1/stations/A1/commands/GetCompositeSchedule"
    await client.post(url, json=ask)
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.5}]}
    answers["GetCompositeSchedule"] = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}
    await client.post(url, json=ask | {"chargingRateUnit": "W"})
    items = (await client.get("/api/v1/stations/A1/composite-schedules")).json()["items"]
    assert [(item["chargingRateUnit"], item["duration"], item["schedule"]) for item in items] == [
        (None, 300, {"status": "Rejected"}),
        ("W", 300, answers["GetCompositeSchedule"]),
    ]


async def test_what_the_schema_forbids_and_what_is_odd(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    wrong = await client.post(URL, json={"connectorId": 1, "profile": profile(7) | {"stackLevel": "high"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "csChargingProfiles.stackLevel")
    odd = {"connectorId": 1, "profile": profile(7, "ChargePointMaxProfile")}
    refused = await client.post(URL, json=odd)
    assert (refused.status_code, "connector 0 only" in refused.json()["detail"]) == (422, True)
    assert (await client.post(URL, params={"force": True}, json=odd)).status_code == 201


async def test_a_profile_may_go_with_a_remote_start(client: httpx.AsyncClient, answers: dict[str, Any]) -> None:
    body = {"idTag": "TAG", "connectorId": 1, "chargingProfile": profile(7, "TxProfile")}
    done = await client.post("/api/v1/stations/A1/commands/RemoteStartTransaction", json=body)
    assert done.json() == {"status": "Accepted"}
    (item,) = (await client.get(URL)).json()["items"]
    assert (item["state"], item["withStart"], item["transactionId"]) == ("awaiting-start", True, None)
