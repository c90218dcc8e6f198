"""The control API over real HTTP, with a station that really lives."""

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import structlog
from tests.station.scripted_csms import ScriptedCsms
from tests.station.world import DC_CABLE, SOCKET, product
from tools.station_openapi import DOCUMENT, document, text_of

from chargewright.clock import SystemClock
from chargewright.errors import ConfigurationError
from chargewright.station import control as control_module
from chargewright.station.control import MOST_READERS, Control, control_file, serving
from chargewright.station.deeds import DEEDS
from chargewright.station.hands import StationHands
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation


@asynccontextmanager
async def station(identity: str) -> AsyncIterator[StationHands]:
    clock = SystemClock()
    csms = ScriptedCsms(clock.now)
    made = product(SOCKET, DC_CABLE)
    with StationStore(":memory:", Random(1)) as store:
        virtual = VirtualStation(
            identity,
            "ws://memory",
            made,
            store,
            connect=csms.connect,
            clock=clock,
            random=Random(1),
            delay_seconds=lambda attempt, random: 0.05,
        )
        life = asyncio.create_task(virtual.run())
        try:
            await csms.expect("StatusNotification", 3)
            yield StationHands(virtual, made, identity)
        finally:
            await virtual.close()
            await life


@asynccontextmanager
async def control(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, StationHands]]]:
    async with station("CW 1") as one, station("CW 2") as two:
        stations = {"CW 2": two, "CW 1": one}
        notice = control_file(folder, "CW 1")
        async with serving(stations, "127.0.0.1:0", notice) as url:
            told = json.loads(notice.read_bytes())
            assert told["url"] == url and stat.S_IMODE(notice.stat().st_mode) == 0o600
            headers = {"Authorization": f"Bearer {told['token']}"}
            async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers) as client:
                yield client, stations
        assert not notice.exists(), "a token that opens nothing any more is not left behind"


async def test_a_driver_charges_over_http(tmp_path: Path) -> None:
    async with control(tmp_path) as (client, stations):
        listed = (await client.get("/stations")).json()
        assert [item["station_id"] for item in listed["items"]] == ["CW 1", "CW 2"] and listed["next"] is None
        page = (await client.get("/stations", params={"limit": 1})).json()
        assert page["next"] == "CW 1"
        page = (await client.get("/stations", params={"limit": 1, "after": page["next"]})).json()
        assert [item["station_id"] for item in page["items"]] == ["CW 2"] and page["next"] is None
        plugged = await client.post("/stations/CW 1/plug-in", json={"connector": 1, "soc_percent": 50})
        assert plugged.status_code == 200
        assert plugged.json()["connectors"][0]["vehicle"]["soc_percent"] == 50
        await client.post("/stations/CW 1/present-tag", json={"id_tag": "MY-SECRET-CARD"})
        assert await stations["CW 1"].virtual.wait_until(lambda: stations["CW 1"].virtual.look(1).power_w > 0, 10)
        shown = await client.get("/stations/CW 1")
        assert shown.json()["connectors"][0]["status"] == "Charging" and "SECRET" not in shown.text
        dark = (await client.post("/stations/CW 1/cut-power")).json()
        assert dark["has_power"] is False
        assert (await client.post("/stations/CW 1/return-power", json={})).json()["has_power"] is True


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/stations/CW 3/plug-in", {"connector": 1}, 404, "No station 'CW 3' runs here; there are: CW 1, CW 2."),
        ("/stations/CW 1/dance", {}, 404, "plug-in, change-vehicle"),
        ("/stations/CW 1/plug-in", {"connector": 3}, 404, "it has connectors 1 to 2"),
        (
            "/stations/CW 1/plug-in",
            {"connector": 0},
            422,
            "connector: 0 is not right; expected a whole number, 1 or more",
        ),
        ("/stations/CW 1/plug-in", {}, 422, "connector is missing; expected a value"),
        ("/stations/CW 1/plug-in", {"connector": 1, "do": "unplug"}, 422, "stands in the path"),
        ("/stations/CW 1/plug-in", [], 422, "no JSON object"),
        ("/stations/CW 1/unplug", {"connector": 1}, 409, "nothing is plugged in; plug a vehicle in first"),
        ("/stations/CW 1/tamper", {}, 409, "security extension"),
    ],
)
async def test_what_cannot_be_is_a_problem(path: str, body: Any, status: int, sentence: str, tmp_path: Path) -> None:
    async with control(tmp_path) as (client, _):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert sentence in answer.json()["detail"]


async def test_members_of_problems_are_for_programs(tmp_path: Path) -> None:
    async with control(tmp_path) as (client, _):
        refused = (await client.post("/stations/CW 1/unplug", json={"connector": 2})).json()
        assert refused["station"] == "CW 1" and refused["connector"] == 2
        assert refused["what_now"] == "plug a vehicle in first"
        wrong = (await client.post("/stations/CW 1/plug-in", json={"connector": 1, "phases": 9})).json()
        assert (wrong["field"], wrong["value"], wrong["expected"]) == ("phases", 9, "a whole number, at most 3")
        assert (await client.post("/stations/CW 1/plug-in", content=b"{")).status_code == 400
        assert (await client.get("/stations", params={"limit": "many"})).status_code == 422
        assert (await client.delete("/stations")).status_code == 405
        assert (await client.get("/stations", headers={"Authorization": "Bearer no"})).status_code == 401


async def lines_of(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_changes_are_told_as_they_happen_and_the_stream_ends_with_the_server(tmp_path: Path) -> None:
    seen: list[str] = []
    async with station("CW 1") as one:
        context = serving({"CW 1": one}, "127.0.0.1:0", control_file(tmp_path, "CW 1"))
        url = await context.__aenter__()
        token = json.loads(control_file(tmp_path, "CW 1").read_bytes())["token"]

        async def follow() -> None:
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                httpx.AsyncClient(headers=headers) as client,
                client.stream("GET", f"{url}/api/v1/stations/CW%201/events") as response,
            ):
                assert response.headers["content-type"].startswith("text/event-stream")
                async for state in lines_of(response):
                    seen.append(state["connectors"][1]["status"])
                    if len(seen) == 1:
                        told.set()
                    if seen[-1] == "Preparing":
                        prepared.set()

        told, prepared = asyncio.Event(), asyncio.Event()
        following = asyncio.create_task(follow())
        await asyncio.wait_for(told.wait(), 10)
        assert seen == ["Available"]
        one.do(DEEDS["plug-in"](connector=2))
        await asyncio.wait_for(prepared.wait(), 10)
        await context.__aexit__(None, None, None)
        await asyncio.wait_for(following, 10)


async def test_a_charge_under_way_is_not_told_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargewright.station.control.KEEP_ALIVE_SECONDS", 0.2)
    async with control(tmp_path) as (client, stations):
        hands = stations["CW 1"]
        hands.do(DEEDS["plug-in"](connector=1))
        hands.do(DEEDS["present-tag"](id_tag="CARD", connector=1))
        assert await hands.virtual.wait_until(lambda: hands.virtual.look(1).power_w > 0, 10)
        began = asyncio.get_running_loop().time()
        energies = []
        async with client.stream("GET", "/stations/CW 1/events") as response:
            async for state in lines_of(response):
                energies.append(state["connectors"][0]["vehicle"]["soc_percent"])
                if len(energies) == 5:
                    break
        assert energies == sorted(set(energies)), "each tells something new"
        # At once, once more for what the start changes, then by and by: not as fast as the loop turns.
        assert asyncio.get_running_loop().time() - began >= 0.3


async def test_too_many_readers_are_turned_away_and_places_come_back(tmp_path: Path) -> None:
    async with control(tmp_path) as (client, _):
        streams = [client.stream("GET", "/stations/CW 1/events") for _ in range(MOST_READERS)]
        client._transport._pool._max_connections = 100  # type: ignore[attr-defined]  # httpx: 100 is its default
        for stream in streams:
            assert (await stream.__aenter__()).status_code == 200
        refused = await client.get("/stations/CW 2/events")
        assert refused.status_code == 503 and "32 readers" in refused.json()["detail"]
        for stream in streams:
            await stream.__aexit__(None, None, None)
        async with asyncio.timeout(10):
            while True:  # the server learns of each departure in its own time
                async with client.stream("GET", "/stations/CW 2/events") as again:
                    if again.status_code == 200:
                        break


async def test_a_reader_that_takes_nothing_loses_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "SEND_SECONDS", 0.05)
    async with station("CW 1") as hands:
        made = Control({"CW 1": hands}, "0123456789abcdef")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "method": "GET",
            "path": "/api/v1/stations/CW 1/events",
            "raw_path": b"/api/v1/stations/CW%201/events",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"authorization", b"Bearer 0123456789abcdef")],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()  # its socket takes no more

        async with asyncio.timeout(10):
            await made.api(scope, receive, send)
        assert made._followed == []


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, True), (0o604, True)])
async def test_a_token_that_others_can_read_is_told_of(mode: int, is_told: bool, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef\n")
    file.chmod(mode)
    with structlog.testing.capture_logs() as entries:
        async with serving({}, "127.0.0.1:0", tmp_path / "notice", token_file=file):
            told = [entry for entry in entries if "others can read" in entry["event"]]
    assert bool(told) == is_told and "0123456789abcdef" not in str(entries)


async def test_a_token_of_ones_own(tmp_path: Path) -> None:
    file, notice = tmp_path / "token", tmp_path / "notice"
    file.write_text("0123456789abcdef\n")
    notice.write_text("left by a run that was killed")
    async with serving({}, "127.0.0.1:0", notice, token_file=file) as url, httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/api/v1/stations", headers={"Authorization": "Bearer 0123456789abcdef"})
        assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("address", "token", "named"),
    [
        ("here", None, "HOST:PORT"),
        ("127.0.0.1:0", "short", "16 or more"),
        ("127.0.0.1:0", "with spaces in between", "16 or more"),
        ("192.0.2.1:0", None, "an address that can be had"),
    ],
)
async def test_wrong_settings_are_refused_and_no_token_is_shown(
    address: str, token: str | None, named: str, tmp_path: Path
) -> None:
    file = None
    if token is not None:
        file = tmp_path / "token"
        file.write_text(token)
    with pytest.raises(ConfigurationError) as caught:
        async with serving({}, address, tmp_path / "notice", token_file=file):
            raise AssertionError("it must not serve")
    assert named in str(caught.value) and (token is None or token not in str(caught.value))
    with pytest.raises(ConfigurationError, match="nonesuch"):
        async with serving({}, "127.0.0.1:0", tmp_path / "notice", token_file=tmp_path / "nonesuch"):
            raise AssertionError("it must not serve")


def test_the_document_is_what_the_code_makes() -> None:
    made = document()
    assert DOCUMENT.read_text() == text_of(made), "run python -m tools.station_openapi --write"
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["security"] == [{"bearerToken": []}], (method, path)
    assert {path.rpartition("/")[2] for path, methods in made["paths"].items() if "post" in methods} == set(DEEDS)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text_of(made)))
    assert named <= set(made["components"]["schemas"]), "every schema that is referred to is there"
