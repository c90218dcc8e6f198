""" "It does not connect": what the installer sees, and the click that mends it."""

from typing import Any

import httpx
import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import PASSWORD, WireStation
from websockets.exceptions import InvalidStatus

from chargewright.csms.app import Csms
from chargewright.csms.attempts import Cause

URL = "/api/v1/stations/attempts"
TOKEN = "a-bearer-key"


@pytest.fixture
async def server(start_csms: Any) -> Csms:
    made: Csms = await start_csms(bootstrap_token=TOKEN)
    return made


@pytest.fixture
def rest(server: Csms) -> httpx.AsyncClient:
    """Asks the server of real sockets, without one."""
    transport = httpx.ASGITransport(server.api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://csms", headers={"Authorization": f"Bearer {TOKEN}"})


async def try_to_connect(server: Csms, identity: str, password: str | None = PASSWORD) -> int:
    try:
        async with WireStation(f"ws://{server.addresses.ocpp[0]}", identity, password):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_an_unknown_station_is_registered_by_one_click(server: Csms, rest: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert await try_to_connect(server, "SHY") == 404
    (attempt,) = (await rest.get(URL)).json()["items"]
    assert (attempt["identity"], attempt["cause"], attempt["count"]) == ("SHY", "unknown identity", 2)
    assert attempt["address"].startswith("127.0.0.1:")
    assert (await rest.get(f"{URL}/{attempt['id']}")).json() == attempt
    registered = await rest.post(f"{URL}/{attempt['id']}/register")
    assert registered.status_code == 201
    assert registered.headers["Location"] == "/api/v1/stations/SHY"
    assert await try_to_connect(server, "SHY", registered.json()["password"]) == 101
    assert (await rest.get(URL)).json() == {"items": [], "next": None}
    assert (await rest.post(f"{URL}/{attempt['id']}/register")).status_code == 404


async def test_the_password_that_it_has_already_can_be_given(server: Csms, rest: httpx.AsyncClient) -> None:
    await try_to_connect(server, "SHY")
    (attempt,) = (await rest.get(URL)).json()["items"]
    wrong = await rest.post(f"{URL}/{attempt['id']}/register", json={"password": "x"})
    assert wrong.status_code == 422
    registered = await rest.post(f"{URL}/{attempt['id']}/register", json={"password": PASSWORD})
    assert registered.json()["password"] is None
    assert await try_to_connect(server, "SHY") == 101


async def test_what_is_registered_or_no_identity_cannot_be(server: Csms, rest: httpx.AsyncClient) -> None:
    assert await try_to_connect(server, "A1", "00" * 16) == 401
    assert await try_to_connect(server, "") == 404
    found = {item["cause"]: item for item in (await rest.get(URL)).json()["items"]}
    for cause in ("wrong credentials", "malformed identity"):
        answer = await rest.post(f"{URL}/{found[cause]['id']}/register")
        assert answer.status_code == 409, cause
    assert (await rest.get(f"{URL}/unknown")).status_code == 404


async def test_they_are_listed_page_by_page_the_last_first(bench: Workbench, client: httpx.AsyncClient) -> None:
    for number in range(7):
        bench.csms.attempts.record(Cause.UNKNOWN_IDENTITY, identity=f"S{number}")
        if number % 3:  # two of three at the same time
            bench.clock.advance(1)
    found: list[str] = []
    pages, cursor = 0, {}
    while True:
        page = (await client.get(URL, params={"limit": 2} | cursor)).json()
        assert len(page["items"]) <= 2
        found += [one["identity"] for one in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == 4
    assert sorted(found) == [f"S{number}" for number in range(7)]
    everything = (await client.get(URL, params={"limit": 500})).json()
    assert [one["identity"] for one in everything["items"]] == found and everything["next"] is None
    assert (await client.get(URL, params={"limit": 501})).status_code == 422
