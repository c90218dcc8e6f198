"""One command for many stations over REST."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.csms.api.command_cases import library_station

from chargewright.csms.app import Csms

URL = "/api/v1/bulk-commands"
TOKEN = "a-bearer-key"


@pytest.fixture
async def server(start_csms: Any) -> Csms:
    made: Csms = await start_csms(bootstrap_token=TOKEN, settle_seconds=0.05)
    return made


@pytest.fixture
def rest(server: Csms) -> httpx.AsyncClient:
    """Asks the server of real sockets, without one."""
    transport = httpx.ASGITransport(server.api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://csms", headers={"Authorization": f"Bearer {TOKEN}"})


def wanted(**selection: Any) -> dict[str, Any]:
    return {"action": "ClearCache", "payload": {}, "selection": selection}


async def finished(rest: httpx.AsyncClient, bulk_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            progress: dict[str, Any] = (await rest.get(f"{URL}/{bulk_id}")).json()
            if progress["unfinished"] == 0:
                return progress
            await asyncio.sleep(0.05)


async def test_each_station_has_its_own_result(server: Csms, rest: httpx.AsyncClient) -> None:
    url = f"ws://{server.addresses.ocpp[0]}"
    async with library_station(url, "A1") as first, library_station(url, "A2") as second:
        first.behaviour, second.behaviour = "Accepted", "error"
        answer = await rest.post(URL, json=wanted(all=True))
        assert answer.status_code == 202
        bulk = answer.json()
        assert answer.headers["Location"] == f"{URL}/{bulk['id']}"
        assert (bulk["action"], bulk["stations"]) == ("ClearCache", 3)
        progress = await finished(rest, bulk["id"])
    assert progress["states"] == {"answered": 1, "refused": 1, "not-sent": 1}
    page = (await rest.get(f"{URL}/{bulk['id']}/commands", params={"limit": 2})).json()
    rest_of_it = (await rest.get(f"{URL}/{bulk['id']}/commands", params={"cursor": page["next"]})).json()
    results = {item["station"]: item["outcome"] for item in page["items"] + rest_of_it["items"]}
    assert results["A1"]["response"] == {"status": "Accepted"}
    assert (results["A2"]["outcome"], results["A2"]["code"]) == ("refused", "InternalError")
    assert results["A3"]["outcome"] == "not-sent"
    only = (await rest.get(f"{URL}/{bulk['id']}/commands", params={"state": "refused"})).json()["items"]
    assert [item["station"] for item in only] == ["A2"]
    assert [item["id"] for item in (await rest.get(URL)).json()["items"]] == [bulk["id"]]


async def test_what_has_not_left_is_taken_back(rest: httpx.AsyncClient) -> None:
    later = {"keep_until": "2036-01-01T00:00:00Z"}
    bulk = (await rest.post(URL, json=wanted(identities=["A1", "A2"]), params=later)).json()
    assert (await rest.get(f"{URL}/{bulk['id']}")).json()["unfinished"] == 2
    assert (await rest.delete(f"{URL}/{bulk['id']}")).json() == {"cancelled": 2}
    assert (await rest.get(f"{URL}/{bulk['id']}")).json()["states"] == {"cancelled": 2}


async def test_what_is_wrong_is_told_before_anything_is_sent(rest: httpx.AsyncClient) -> None:
    for body, status in (
        (wanted(), 422),
        (wanted(identities=["nobody"]), 404),
        (wanted(groups=["nowhere"]), 404),
        (wanted(everything=True), 422),
        (wanted(all=True) | {"action": "Dance"}, 404),
        (wanted(all=True) | {"action": "Reset"}, 422),
        (wanted(all=True) | {"action": "UnlockConnector", "payload": {"connectorId": -1}}, 422),
    ):
        answer = await rest.post(URL, json=body)
        assert answer.status_code == status, (body, answer.text)
    assert (await rest.get(f"{URL}/nothing")).status_code == 404
    assert (await rest.get(f"{URL}/nothing/commands")).status_code == 404
    assert (await rest.delete(f"{URL}/nothing")).status_code == 404
    assert (await rest.get(URL)).json()["items"] == []
