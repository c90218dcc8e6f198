"""Stations over REST, down to who is let in."""

from typing import Any

import httpx
import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import PASSWORD, WireStation, eventually
from websockets.exceptions import InvalidStatus

from chargewright.csms.app import Csms

URL = "/api/v1/stations"
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


async def connects(server: Csms, identity: str, password: str | None) -> int:
    """The HTTP status of an upgrade."""
    try:
        async with WireStation(f"ws://{server.addresses.ocpp[0]}", identity, password):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_registered_station_gets_in_with_the_password_that_was_made(
    server: Csms, rest: httpx.AsyncClient
) -> None:
    assert await connects(server, "NEW", None) == 404
    answer = await rest.post(URL, json={"identity": "NEW"})
    station = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{URL}/NEW"
    password = station.pop("password")
    assert len(password) == 40
    assert station["hasPassword"]
    assert await connects(server, "NEW", PASSWORD) == 401
    assert await connects(server, "NEW", password) == 101
    shown = await rest.get(f"{URL}/NEW")
    assert password not in shown.text
    assert "password" not in shown.json()
    again = await rest.post(URL, json={"identity": "NEW"})
    assert again.status_code == 409


async def test_a_given_password_is_taken_and_not_repeated(server: Csms, rest: httpx.AsyncClient) -> None:
    answer = await rest.post(URL, json={"identity": "NEW", "password": PASSWORD})
    assert answer.json()["password"] is None
    assert await connects(server, "NEW", PASSWORD) == 101
    made = (await rest.post(f"{URL}/NEW/password")).json()["password"]
    assert await connects(server, "NEW", PASSWORD) == 401
    assert await connects(server, "NEW", made) == 101
    await rest.patch(f"{URL}/NEW", json={"password": PASSWORD})
    assert await connects(server, "NEW", PASSWORD) == 101


async def test_a_station_taken_out_of_service_is_closed_and_unknown_until_it_comes_back(
    server: Csms, rest: httpx.AsyncClient
) -> None:
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
        started = await station.start()
        assert (await rest.delete(f"{URL}/A1")).status_code == 204
        assert await station.closed() == 1008
    assert await connects(server, "A1", PASSWORD) == 404
    for method in ("GET", "PATCH", "DELETE"):
        answer = await rest.request(method, f"{URL}/A1", json={} if method == "PATCH" else None)
        assert answer.status_code == 404, method
    assert [item["identity"] for item in (await rest.get(URL)).json()["items"]] == ["A2", "A3"]
    back = await rest.post(URL, json={"identity": "A1", "password": PASSWORD})
    assert back.status_code == 201
    assert back.json()["vendor"] == "Wire"
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        stopped = await station.stop(started["transactionId"])
        assert "currentTime" not in stopped


async def test_what_the_operator_decides_is_what_the_station_gets(server: Csms, rest: httpx.AsyncClient) -> None:
    changed = await rest.patch(
        f"{URL}/A1",
        json={"registration": "Pending", "timeZone": "Europe/Vienna", "maximumPowerW": 22000, "automatic": False},
    )
    assert changed.status_code == 200
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        assert (await station.boot())["status"] == "Pending"
        await rest.patch(f"{URL}/A1", json={"registration": "Accepted"})
        assert (await station.boot())["status"] == "Accepted"
        shown = (await rest.get(f"{URL}/A1")).json()
    assert (shown["registration"], shown["timeZone"], shown["maximumPowerW"]) == ("Accepted", "Europe/Vienna", 22000)
    assert (shown["automatic"], shown["connected"], shown["booted"]) == (False, True, True)
    assert shown["firstSeenAt"] <= shown["lastSeenAt"]
    await rest.patch(f"{URL}/A1", json={"maximumPowerW": None})
    assert (await rest.get(f"{URL}/A1")).json()["maximumPowerW"] is None
    events = (await rest.get("/api/v1/events/history")).json()["items"]
    changes = [event["body"]["changed"] for event in events if event["kind"] == "station.changed"]
    assert changes == [
        ["registration", "automatic", "timeZone", "maximumPowerW"],
        ["registration"],
        ["maximumPowerW"],
    ]


async def test_a_profile_without_password_forgets_it(server: Csms, rest: httpx.AsyncClient) -> None:
    assert (await rest.patch(f"{URL}/A1", json={"securityProfile": 0})).json()["hasPassword"] is False
    assert await connects(server, "A1", None) == 101
    refused = await rest.patch(f"{URL}/A1", json={"securityProfile": 1})
    assert refused.status_code == 422
    assert (await rest.patch(f"{URL}/A1", json={"securityProfile": 0, "password": PASSWORD})).status_code == 422
    assert (await rest.patch(f"{URL}/A1", json={"securityProfile": 1, "password": PASSWORD})).status_code == 200
    assert await connects(server, "A1", None) == 401


async def test_faults_and_the_clock_are_shown(server: Csms, rest: httpx.AsyncClient) -> None:
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        now = (await station.boot())["currentTime"]
        assert (await rest.get(f"{URL}/A1")).json()["clockOffsetSeconds"] is None
        fast = f"{int(now[:4]) + 1}{now[4:]}"
        status = {"connectorId": 1, "status": "Faulted", "timestamp": fast}
        await station.call("StatusNotification", **status, errorCode="GroundFailure", info="wet")
        shown = (await rest.get(f"{URL}/A1")).json()
        assert shown["clockOffsetSeconds"] > 86_400 * 364
        (fault,) = shown["faults"]
        assert (fault["connectorId"], fault["errorCode"], fault["info"]) == (1, "GroundFailure", "wet")
        await station.call("StatusNotification", connectorId=1, status="Available", errorCode="NoError")
        assert (await rest.get(f"{URL}/A1")).json()["faults"] == []
    await eventually(lambda: len(server._sessions) == 0)
    gone = (await rest.get(f"{URL}/A1")).json()
    assert (gone["connected"], gone["clockOffsetSeconds"]) == (False, None)


async def listed(client: httpx.AsyncClient, **query: str) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(URL, params={"limit": "2"} | query | cursor)).json()
        found += [item["identity"] for item in page["items"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def test_lists_are_filtered_and_paged(bench: Workbench, client: httpx.AsyncClient) -> None:
    for number in range(5):
        assert (await client.post(URL, json={"identity": f"B{number}"})).status_code == 201
    for identity, model in (("A1", "M1"), ("A2", "M2"), ("A3", "M1")):
        connection = await bench.connect(identity)
        await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": model})
        if identity == "A3":
            connection.vanish()
    await client.patch(f"{URL}/B3", json={"registration": "Rejected"})
    await bench.settle()
    assert await listed(client) == ["A1", "A2", "A3", "B0", "B1", "B2", "B3", "B4"]
    assert await listed(client, connected="true") == ["A1", "A2"]
    assert await listed(client, connected="false") == ["A3", "B0", "B1", "B2", "B3", "B4"]
    assert await listed(client, vendor="V") == ["A1", "A2", "A3"]
    assert await listed(client, vendor="V", model="M1") == ["A1", "A3"]
    assert await listed(client, vendor="V", connected="true", model="M1") == ["A1"]
    assert await listed(client, registration="Rejected") == ["B3"]
    assert await listed(client, vendor="nobody") == []
    assert (await client.get(URL, params={"group": "nowhere"})).status_code == 404
    groups = bench.csms._services
    assert groups is not None
    await groups.groups.create("depot")
    for identity in ("A1", "B4"):
        station = bench.csms._directory.station(identity)
        assert station is not None
        await groups.groups.add("depot", station.id)
    assert await listed(client, group="depot") == ["A1", "B4"]
    assert await listed(client, group="depot", connected="true") == ["A1"]
    assert (await client.get(f"{URL}/A1")).json()["groups"] == ["depot"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "identity"),
        ({"identity": ""}, "identity"),
        ({"identity": "a/b"}, "identity"),
        ({"identity": "x" * 49}, "identity"),
        ({"identity": "attempts"}, "identity"),
        ({"identity": "N", "password": "short"}, "password"),
        ({"identity": "N", "securityProfile": 3}, "securityProfile"),
        ({"identity": "N", "securityProfile": 0, "password": PASSWORD}, "securityProfile"),
        ({"identity": "N", "timeZone": "Mars/Olympus"}, "timeZone"),
        ({"identity": "N", "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"identity": "N", "registration": "Maybe"}, "registration"),
        ({"identity": "N", "maximumPowerW": 0}, "maximumPowerW"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, Any], field: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 422, answer.text
    assert [wrong["field"] for wrong in answer.json()["errors"]] == [field]
    assert "short" not in answer.text


async def test_nobody_is_let_in_without_password_from_elsewhere(start_bench: Any) -> None:
    bench: Workbench = await start_bench(bootstrap_token=TOKEN)
    admin = bench.csms._services
    assert admin is not None
    exposed = bench.csms.settings.model_copy(update={"ocpp": "0.0.0.0:9000"})
    from chargewright.csms.exposure import exposure_of

    for station in bench.csms._directory.stations():
        assert "because stations connect on 0.0.0.0:9000" in (exposure_of(exposed, station) or "")
        assert exposure_of(exposed.model_copy(update={"insecure": True}), station) is None
        assert exposure_of(bench.csms.settings, station) is None
