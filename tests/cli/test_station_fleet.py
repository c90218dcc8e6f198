"""`chargewright station fleet` as a process, against `chargewright serve` as another one: both sides count."""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.station.csms_process import central_system as every_action_answered
from typer.testing import CliRunner
from websockets.asyncio.server import serve
from websockets.http11 import Request, Response

from chargewright.cli.station import station_app

MASTER_KEY = "a master key that is long enough"


async def chargewright(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "chargewright.cli.main"),
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "CHARGEWRIGHT_BOOTSTRAP_TOKEN": "0123456789abcdef0123456789abcdef", **environment},
    )


async def fleet(*arguments: str, **environment: str) -> Process:
    return await chargewright("station", "fleet", *arguments, **environment)


async def ended(process: Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def central_system(seed: Path, data: Path) -> AsyncIterator[str]:
    """A `chargewright serve` on SQLite; yields its URL for stations."""
    process = await chargewright(
        *("serve", "--data", str(data), "--seed", str(seed), "--log-level", "error", "--json"),
        *("--ocpp", "127.0.0.1:0", "--http", "off"),
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, (await process.communicate())[1].decode()
        yield f"ws://{json.loads(line)['ocpp'][0]}"
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 60)


async def test_a_fleet_loses_nothing_and_both_sides_count_the_same(tmp_path: Path) -> None:
    seed = tmp_path / "seed.toml"
    common = ("--count", "50", "--behaviour", "storm", "--master-key-env", "MASTER")
    code, _, err = await ended(await fleet(*common, "--write-seed", str(seed), MASTER=MASTER_KEY))
    assert code == 0 and "chargewright serve --seed" in err
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    async with central_system(seed, tmp_path / "csms") as url:
        code, out, err = await ended(
            await fleet(
                *(*common, "--csms", url, "--pics", "minimal,kempower_s_series", "--data", str(tmp_path / "fleet")),
                *("--for", "3", "--speed", "100", "--seed", "3", "--json"),
                MASTER=MASTER_KEY,
            )
        )
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    assert (told["stations"], told["accepted"], told["lost"], told["waiting"]) == (50, 50, 0, 0)
    assert told["transactions_completed"] == told["transactions_started"] > 10
    assert told["transactions_running"] == 0
    assert told["answered"] == told["queued_messages"]
    assert told["network_drops"] > 0 and told["power_cuts"] > 0, "nothing went wrong that could have lost a message"
    assert 0 < told["p50_milliseconds"] <= told["p99_milliseconds"]
    lines = [line for line in err.splitlines() if " connected, " in line]
    assert len(lines) >= 3 and all(" of 50 connected, " in line for line in lines)
    with sqlite3.connect(tmp_path / "csms" / "chargewright.sqlite3") as database:
        rows = database.execute("SELECT count(*), count(meter_stop) FROM charging_transaction").fetchone()
        quarantined = database.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    assert rows == (told["transactions_started"], told["transactions_completed"])
    assert quarantined == 0
    assert MASTER_KEY not in out + err


async def test_what_waits_is_lost_when_the_memory_is_thrown_away(tmp_path: Path) -> None:
    """A central system that answers no StartTransaction."""

    def answer(message: str) -> str | None:
        call = json.loads(message)
        answers = {
            "BootNotification": {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300},
            "Authorize": {"idTagInfo": {"status": "Accepted"}},
            "StatusNotification": {},
        }
        return json.dumps([3, call[1], answers[call[2]]]) if call[2] in answers else None

    async def hold(connection: Any) -> None:
        async for message in connection:
            text = answer(message)
            if text is not None:
                await connection.send(text)

    arguments = ("--count", "2", "--behaviour", "storm", "--speed", "2000", "--for", "1.5", "--drain", "0.5", "--json")
    async with serve(hold, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]  # a NewType
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        without, kept = await asyncio.gather(
            *(fleet(*arguments, "--csms", url, *data) for data in ((), ("--data", str(tmp_path))))
        )
        (code, out, err), of_kept = await asyncio.gather(ended(without), ended(kept))
        told = json.loads(out)
        assert code == 1 and told["lost"] > 0 and told["transactions_completed"] == 0, err
        assert "were lost (without --data" in err
        code, out, err = of_kept
        told = json.loads(out)
        assert code == 0 and told["lost"] == 0, err
        assert told["waiting"] == told["queued_messages"] > 0


async def test_a_central_system_that_takes_nobody(tmp_path: Path) -> None:
    def refuse(connection: Any, request: Request) -> Response:
        response: Response = connection.respond(404, "who are you?")
        return response

    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        code, out, err = await ended(await fleet("--count", "3", "--csms", url, "--for", "1"))
    assert code == 5 and "accepted no station" in err
    assert "3 stations, 0 accepted" in out
    why = (
        "accepted no station: 3 of 3: the upgrade was refused with HTTP 404: who are you?; the central system does not"
    )
    assert why in err and "not accepted: 3 of 3: " in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--count", "0"), "--count: 0"),
        (("--count", "3", "--prefix", "a/b"), "--prefix: 'a/b'"),
        (("--count", "3", "--speed", "0"), "--speed: 0.0"),
        (("--count", "3", "--drain", "0"), "--drain: 0.0"),
        (("--count", "3", "--control", "127.0.0.1:0"), "--control-token-file with a token of yours"),
        (("--count", "3", "--control", "here", "--data", "{data}"), "--control: 'here'"),
        (("--count", "3", "--timing", "certificate"), "the measured times of a certificate"),
        (("--count", "3", "--hardware-delay", "soul=1"), "--hardware-delay: 'soul=1'"),
        (("--count", "3", "--for", "nan"), "--for: nan"),
        (("--count", "3", "--behaviour", "nowhere"), "depot, nobody, public, storm"),
        (("--count", "3", "--pics", ","), "--pics"),
        (("--count", "3", "--pics", "nowhere"), "nowhere"),
        (("--count", "3", "--log-level", "loud"), "--log-level"),
        (("--count", "3", "--password-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("--count", "3", "--password-env", "SHORT"), "32 to 40 hexadecimal digits"),
        (("--count", "3", "--master-key-env", "SHORT"), "16 characters or more"),
        (("--count", "3", "--master-key-env", "SHORT", "--master-key-file", "x"), "only one of --master-key-env"),
    ],
)
def test_a_wrong_setting_is_named(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    command = ["fleet", *(text.format(data=tmp_path) for text in arguments), "--csms", "ws://127.0.0.1:1"]
    told = CliRunner().invoke(station_app, command, env={"SHORT": "top-secret"})
    assert told.exit_code == 2
    assert named in told.stderr and "top-secret" not in told.output


def test_a_central_system_must_be_named() -> None:
    told = CliRunner().invoke(station_app, ["fleet", "--count", "3"])
    assert told.exit_code == 2 and "--csms" in told.stderr


async def test_an_impossible_url_ends_the_fleet_at_once() -> None:
    code, _, err = await ended(await fleet("--count", "3", "--csms", "http://a"))
    assert code == 2 and "--csms" in err


async def test_too_few_open_files_are_told_with_the_numbers() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "chargewright.cli.main", "station", "fleet", "--count", "1000", "--csms", "ws://127.0.0.1:1"),
        stdout=PIPE,
        stderr=PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 256)),
    )
    code, _, err = await ended(process)
    assert code == 2
    assert "1000 stations need 1064 open files" in err and "may have 256" in err and "at most 192" in err


async def do(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """`chargewright station …` in this process, beside the loop; its JSON where it told some."""
    told = await asyncio.to_thread(CliRunner().invoke, station_app, list(arguments))
    return told.exit_code, json.loads(told.stdout) if told.stdout.startswith("{") else {}, told.stderr


async def test_a_charge_by_hand_at_one_station_of_many(tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    arguments = ("--count", "3", "--behaviour", "nobody", *where, "--control", "127.0.0.1:0", "--json")
    async with every_action_answered() as csms:
        running = await fleet(*arguments, "--csms", csms.url, "--hardware-delay", "lock=0.01")
        try:
            # One after another, so the third has told of its connector last.
            for _ in range(3 * 2):
                await csms.expect("StatusNotification")
            notice = tmp_path / "fleet.control.json"
            assert stat.S_IMODE(notice.stat().st_mode) == 0o600
            told = json.loads(notice.read_bytes())
            code, out, err = await ended(
                await chargewright("station", "do", "CW-F-00002", "plug-in", "--connector", "1", "--json", *where)
            )
            assert (code, err) == (0, "") and json.loads(out)["connectors"][0]["status"] == "Preparing"
            assert (await do("do", "CW-F-00002", "present-tag", "--id-tag", "MY-CARD", *where))[0] == 0
            await csms.expect("StartTransaction")
            code, _, err = await do("show", "CW-F-00004", *where)
            assert code == 4 and "there are: CW-F-00001, CW-F-00002, CW-F-00003." in err
            token = tmp_path / "token"
            token.write_text(told["token"])
            for identity, has_transaction in (("CW-F-00001", False), ("CW-F-00002", True)):
                _, state, _ = await do("show", identity, "--url", told["url"], "--token-file", str(token), "--json")
                assert (state["station_id"], state["is_connected"]) == (identity, True)
                assert state["connectors"][0]["has_transaction"] is has_transaction
            headers = {"Authorization": f"Bearer {told['token']}"}
            async with httpx.AsyncClient(base_url=f"{told['url']}/api/v1", headers=headers) as client:
                page = (await client.get("/stations", params={"limit": 2})).json()
                assert [item["station_id"] for item in page["items"]] == ["CW-F-00001", "CW-F-00002"]
                rest = (await client.get("/stations", params={"after": page["next"]})).json()
                assert [item["station_id"] for item in rest["items"]] == ["CW-F-00003"] and rest["next"] is None
                async with client.stream("GET", "/stations/CW-F-00003/events") as response:
                    lines = response.aiter_lines()
                    assert await anext(lines) == "event: state" and '"has_network":true' in await anext(lines)
                    assert (await do("do", "CW-F-00003", "network-down", *where))[0] == 0
                    while '"has_network":false' not in await anext(lines):
                        assert running.returncode is None
        finally:
            running.send_signal(signal.SIGTERM)
            code, out, err = await ended(running)
    assert code == 0, err
    told_at_end = json.loads(out)
    assert (told_at_end["transactions_completed"], told_at_end["lost"]) == (1, 0)
    assert f"control API at {told['url']}, its token in {notice}" in err and told["token"] not in err
    assert not notice.exists()
    code, _, err = await do("show", "CW-F-00001", *where)
    assert code == 3 and "fleet" in err


async def test_stations_are_as_slow_as_their_certificate() -> None:
    """XCHARGE's answers took 0.25 s at least, and triggered messages 0.63 s more."""
    clock = asyncio.get_running_loop().time
    done = asyncio.Event()
    moments: dict[str, float] = {}

    async def ask(connection: Any) -> None:
        async for message in connection:
            frame = json.loads(message)
            if frame[0] == 3:
                moments["answer"] = clock()
                continue
            boot = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 3600}
            await connection.send(json.dumps([3, frame[1], boot if frame[2] == "BootNotification" else {}]))
            if frame[2] == "StatusNotification" and "asked" not in moments:
                moments["asked"] = clock()
                await connection.send('[2,"1","TriggerMessage",{"requestedMessage":"MeterValues","connectorId":1}]')
            elif frame[2] == "MeterValues":
                moments["triggered"] = clock()
                done.set()

    arguments = ("--count", "1", "--pics", "xcharge_c6", "--behaviour", "nobody", "--timing", "certificate")
    async with serve(ask, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]  # a NewType
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running = await fleet(*arguments, "--csms", url, "--master-key-env", "MASTER", MASTER=MASTER_KEY)
        try:
            await asyncio.wait_for(done.wait(), 60)
        finally:
            running.send_signal(signal.SIGTERM)
            code, _, err = await ended(running)
    assert code == 0, err
    # Computers are as slow as they like, so there is no upper bound.
    assert moments["answer"] - moments["asked"] >= 0.25
    assert moments["triggered"] - moments["answer"] >= 0.6


@asynccontextmanager
async def plain_system(refused: str = "", silent: str = "", told: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Accepts everything but the actions named; one CALLERROR is enough for it. Sets `told` at a StopTransaction."""
    answers = {
        "BootNotification": {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300},
        "StartTransaction": {"transactionId": 1, "idTagInfo": {"status": "Accepted"}},
        "Authorize": {"idTagInfo": {"status": "Accepted"}},
    }
    once = [2, "once", "ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "1"}]

    async def hold(connection: Any) -> None:
        async for message in connection:
            frame = json.loads(message)
            if frame[0] != 2:
                continue
            if frame[2] == "StopTransaction" and told is not None:
                told.set()
            if frame[2] == refused:
                await connection.send(json.dumps([4, frame[1], "InternalError", "", {}]))
            elif frame[2] != silent:
                await connection.send(json.dumps([3, frame[1], answers.get(frame[2], {})]))
            if frame[2] == "BootNotification":
                await connection.send(json.dumps(once))

    async with serve(hold, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]  # a NewType
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_the_central_system_refuses_for_good_is_lost_and_what_waited_before_is_owed(tmp_path: Path) -> None:
    storm = ("--count", "2", "--behaviour", "storm", "--speed", "2000", "--for", "1.5", "--json")
    where = ("--data", str(tmp_path / "silent"))
    async with plain_system(refused="StopTransaction") as url, plain_system(silent="StopTransaction") as other:
        refused, silent = await asyncio.gather(
            fleet(*storm, "--csms", url, "--data", str(tmp_path / "refused")),
            fleet(*storm, "--csms", other, "--drain", "0.5", *where),
        )
        (code, out, err), of_silent = await asyncio.gather(ended(refused), ended(silent))
    told = json.loads(out)
    assert code == 1, err
    assert told["lost"] == told["transactions_started"] > 0 and told["transactions_completed"] == 0
    assert f"{told['lost']} messages or transactions were lost\n" in err
    code, out, err = of_silent
    first = json.loads(out)
    assert (code, first["lost"], first["transactions_running"]) == (0, 0, 0) and first["waiting"] > 0, err
    nobody = ("--count", "2", "--behaviour", "nobody", "--for", "1", "--json")
    async with plain_system() as url:
        code, out, err = await ended(await fleet(*nobody, "--csms", url, *where))
    second = json.loads(out)
    assert code == 0, err
    assert second["queued_messages"] == second["answered"] == first["waiting"]
    assert (second["lost"], second["waiting"], second["transactions_started"]) == (0, 0, 0)
    assert second["transactions_completed"] > 0


async def test_a_second_signal_ends_the_drain_and_later_ones_change_nothing(tmp_path: Path) -> None:
    is_over = asyncio.Event()
    arguments = ("--count", "2", "--behaviour", "storm", "--speed", "2000", "--drain", "600", "--json")
    async with plain_system(silent="StopTransaction", told=is_over) as url:
        running = await fleet(*arguments, "--csms", url, "--data", str(tmp_path))
        try:
            await asyncio.wait_for(is_over.wait(), 60)
            end = asyncio.create_task(ended(running))
            while not end.done():
                # Impatience, not waiting: one after another until nobody is there any more, the last exit included.
                # Not `send_signal`: that reaps a process that has ended, and its exit code with it.
                with suppress(ProcessLookupError):
                    os.kill(running.pid, signal.SIGINT)
                    os.kill(running.pid, signal.SIGTERM)
                await asyncio.wait([end], timeout=0.003)
            code, out, err = await end
        finally:
            if running.returncode is None:
                running.kill()
    assert code == 0, err
    told = json.loads(out)
    assert told["waiting"] > 0 and told["lost"] == 0 and told["seconds"] < 60


async def test_a_full_disk_ends_with_a_result_and_its_exit_code(tmp_path: Path) -> None:
    async with plain_system() as url:
        command = ("fleet", "--count", "3", "--behaviour", "storm", "--speed", "2000", "--csms", url)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "chargewright.cli.main", "station", *command),
            *("--data", str(tmp_path), "--for", "6", "--drain", "0.5", "--json"),
            stdout=PIPE,
            stderr=PIPE,
            # No file may grow beyond this; Python ignores the signal that comes with it.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
        )
        code, out, err = await ended(process)
    told = json.loads(out)
    assert code == 4 and "does the disk have room" in err and "Traceback" not in err
    assert told["queued_messages"] >= told["answered"] > 0
    assert told["lost"] == 0
