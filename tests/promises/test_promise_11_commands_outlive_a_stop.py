"""SIGTERM with commands on their way: whoever asked is told how each ended, and what was kept is there afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.csms.wire import BOOT, WireStation, seed_text
from tests.databases import TestDatabase
from tests.serving import ServeProcess, data_arguments

TOKEN = "a-token-for-tests"


@asynccontextmanager
async def rest(server: ServeProcess) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=f"{server.http_url}/api/v1", headers=headers, trust_env=False, timeout=60
    ) as client:
        yield client


async def start_with_api(folder: Path, database: TestDatabase, **settings: str) -> ServeProcess:
    environment = {"CHARGEWRIGHT_DB": database.url, "CHARGEWRIGHT_BOOTSTRAP_TOKEN": TOKEN}
    arguments = data_arguments(folder, seed_text("A1", "A2"))
    return await ServeProcess.start(*arguments, CHARGEWRIGHT_SETTLE_SECONDS="0", **environment, **settings)


async def keep(api: httpx.AsyncClient, identity: str, action: str, payload: dict[str, Any]) -> str:
    """Have a command kept for a day; where it is read."""
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    path = f"/stations/{identity}/commands/{action}"
    response = await api.post(path, params={"keep_until": until}, json=payload)
    assert response.status_code == 202, response.text
    return f"/commands/{response.json()['id']}"


async def the_call(station: WireStation) -> list[Any]:
    """Id, action and payload of the one CALL that a station gets, before or after the answer to its own."""
    frames = sorted([await station.receive(), await station.receive()], key=lambda frame: int(frame[0]))
    assert [frame[0] for frame in frames] == [2, 3], frames
    return frames[0][1:]


async def ended(api: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """What is told of a kept command once it has ended."""
    async with asyncio.timeout(20):
        while True:
            command: dict[str, Any] = (await api.get(path)).json()
            if command["finishedAt"] is not None:
                return command
            await asyncio.sleep(0.02)


async def test_promise_11_commands_on_their_way_end_clearly_for_who_asked(
    database: TestDatabase, tmp_path: Path
) -> None:
    server = await start_with_api(tmp_path, database, CHARGEWRIGHT_COMMANDS_PER_STATION="2")
    async with rest(server) as api, WireStation(server.ocpp_url, "A1") as station:
        await station.boot()
        path = "/stations/A1/commands"
        sent = asyncio.create_task(api.post(f"{path}/ClearCache", json={}))
        assert (await station.receive())[2] == "ClearCache"
        # There is room for one more: when one of these two is refused, the other one waits for its turn.
        others = [asyncio.create_task(api.post(f"{path}/Reset", json={"type": kind})) for kind in ("Soft", "Hard")]
        (refused,), (waiting,) = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        assert (await refused).status_code == 429
        stopping = asyncio.create_task(server.stop())
        answers = await asyncio.gather(sent, waiting)
        assert await station.closed() == 1001
        assert await stopping == 0
    assert [(answer.status_code, answer.json()["outcome"]) for answer in answers] == [
        (504, "unanswered"),
        (409, "not-sent"),
    ]
    assert "the CSMS is stopping" in answers[0].json()["detail"]
    assert "the server is stopping" in answers[1].json()["detail"]
    kinds = await database.rows("SELECT kind FROM event WHERE kind LIKE 'command.%' ORDER BY sequence")
    assert [kind for (kind,) in kinds] == ["command.sent", "command.finished", "command.finished"]


async def test_promise_11_kept_commands_survive(database: TestDatabase, tmp_path: Path) -> None:
    server = await start_with_api(tmp_path, database)
    async with rest(server) as api:
        later = await keep(api, "A2", "Reset", {"type": "Soft"})
        async with WireStation(server.ocpp_url, "A1") as station:
            await station.boot()
            once = await keep(api, "A1", "Reset", {"type": "Hard"})
            assert (await station.receive())[2:] == ["Reset", {"type": "Hard"}]
            assert await server.stop() == 0
            assert await station.closed() == 1001
    server = await start_with_api(tmp_path, database)
    async with rest(server) as api:
        # Whether it was done nobody knows, and a second reset would be worse than none.
        command = await ended(api, once)
        assert (command["state"], command["outcome"]["outcome"]) == ("unknown", "unanswered")
        async with WireStation(server.ocpp_url, "A1") as station, WireStation(server.ocpp_url, "A2") as offline:
            await station.boot()
            await offline.send(json.dumps([2, "boot", "BootNotification", BOOT]))
            call_id, *reset = await the_call(offline)
            assert reset == ["Reset", {"type": "Soft"}]
            await offline.send(json.dumps([3, call_id, {"status": "Accepted"}]))
            assert (await ended(api, later))["state"] == "answered"
            assert (await station.exchange("Heartbeat", {}))[0] == 3, "nothing was sent to it again"
    assert await server.stop() == 0


async def test_promise_11_what_may_be_repeated_is_sent_again(database: TestDatabase, tmp_path: Path) -> None:
    server = await start_with_api(tmp_path, database)
    async with rest(server) as api, WireStation(server.ocpp_url, "A1") as station:
        await station.boot()
        kept = await keep(api, "A1", "ClearCache", {})
        assert (await station.receive())[2] == "ClearCache"
        assert await server.stop() == 0
    server = await start_with_api(tmp_path, database)
    async with rest(server) as api, WireStation(server.ocpp_url, "A1") as station:
        await station.send(json.dumps([2, "boot", "BootNotification", BOOT]))
        call_id, *clear = await the_call(station)
        assert clear == ["ClearCache", {}]
        await station.send(json.dumps([3, call_id, {"status": "Accepted"}]))
        assert (await ended(api, kept))["state"] == "answered"
    assert await server.stop() == 0
