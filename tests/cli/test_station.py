"""`chargewright station` as a process, against a central system made of the `ocpp` library."""

import asyncio
import base64
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from tests.station.csms_process import central_system
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

KEY = "00112233445566778899aabbccddeeff"


async def station(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chargewright.cli.main",
        "station",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )


async def test_drivers_charge_and_the_result_is_told(tmp_path: Path) -> None:
    async with central_system() as csms:
        process = await station(
            *("run", "kempower_s_series", "--csms", csms.url, "--id", "DC-01", "--data", str(tmp_path)),
            *("--speed", "2000", "--seed", "4", "--for", "6", "--json", "--id-tag", "MY-CARD"),
        )
        assert (await csms.expect("StartTransaction"))["id_tag"] == "MY-CARD"
        await csms.expect("StopTransaction")
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        told = json.loads(out)
        assert told["station_id"] == "DC-01" and told["transactions_completed"] >= 1
        assert told["energy_completed_wh"] > 0 and told["was_accepted"] is True
        process = await station(
            *("run", "kempower_s_series", "--csms", csms.url, "--id", "DC-01", "--data", str(tmp_path)),
            *("--driver", "none", "--for", "1"),
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert out.decode() == "DC-01: 0 transactions completed in this run, 0.000 kWh\n", err


async def test_with_free_vending_whoever_plugs_in_charges(tmp_path: Path) -> None:
    async with central_system() as csms:
        process = await station(
            *("run", "minimal", "--csms", csms.url, "--id", "CARPORT", "--data", str(tmp_path)),
            *("--speed", "2000", "--seed", "4", "--for", "6", "--json", "--free-vending", "FREE"),
        )
        assert (await csms.expect("StartTransaction"))["id_tag"] == "FREE"
        assert (await csms.expect("StopTransaction"))["id_tag"] == "FREE"
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        assert json.loads(out)["transactions_completed"] >= 1


async def test_a_central_system_that_does_not_know_the_station(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(404, "who are you?")

    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        process = await station("run", "minimal", "--csms", url, "--id", "A", "--data", str(tmp_path), "--for", "1")
        _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 5
    assert "HTTP 404" in err.decode() and "letter case" in err.decode() and "A was not accepted" in err.decode()


async def test_a_central_system_that_never_answers_the_upgrade_does_not_hide_what_was_done(tmp_path: Path) -> None:
    arrived = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        arguments = ("--csms", url, "--id", "A", "--data", str(tmp_path), "--driver", "none", "--json")
        process = await station("run", "minimal", *arguments)
        await asyncio.wait_for(arrived.wait(), 60)
        process.send_signal(signal.SIGTERM)
        # Sooner than the upgrade would be given up, and than a station that does not end would be.
        out, err = await asyncio.wait_for(process.communicate(), 9)
    assert process.returncode == 0, err
    assert json.loads(out)["was_accepted"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    async with central_system() as csms:
        secret = tmp_path / "key"
        secret.write_text(KEY + "\n")
        process = await station(
            *("run", "minimal", "--csms", csms.url, "--id", "CW 1", "--data", str(tmp_path), "--driver", "none"),
            *("--password-file", str(secret), "--vendor", "ACME", "--model", "Box"),
        )
        boot = await csms.expect("BootNotification")
        assert (boot["charge_point_vendor"], boot["charge_point_model"]) == ("ACME", "Box")
        await csms.expect("StatusNotification")
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        assert out.decode() == "CW 1: 0 transactions completed in this run, 0.000 kWh\n"
        assert KEY not in err.decode()
        expected = base64.b64encode(b"CW 1:" + bytes.fromhex(KEY)).decode()
        assert csms.authorizations == [f"Basic {expected}"]
    assert csms.close_codes == [1001]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--password-env", "CW_NOT_SET"), "CW_NOT_SET"),
        (("--password-env", "CW_KEY", "--password-file", "x"), "only one"),
        (("--password-env", "CW_KEY"), "32 to 40"),
        (("--password-file", "/nonexistent"), "/nonexistent"),
        (("--log-level", "loud"), "loud"),
    ],
)
async def test_wrong_options_are_named_and_secrets_are_not(
    arguments: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    process = await station(
        *("run", "minimal", "--csms", "ws://127.0.0.1:1", "--id", "A", "--data", str(tmp_path), *arguments),
        CW_KEY="too short a key",
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert named in err.decode() and "too short a key" not in err.decode()


async def test_alone_it_shows_its_help() -> None:
    process = await station()
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"run" in out and b"Usage" in out


async def test_a_disk_that_was_full_for_a_moment_wedges_no_station(tmp_path: Path) -> None:
    async def do(*arguments: str) -> str:
        process = await station(*arguments, "--data", str(tmp_path))
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        return out.decode()

    async with central_system() as csms:
        running = await station(
            *("run", "minimal", "--csms", csms.url, "--id", "A", "--data", str(tmp_path), "--driver", "none"),
            *("--control", "127.0.0.1:0", "--log-level", "error", "--json"),
        )
        try:
            await csms.expect("StatusNotification")
            await do("do", "A", "plug-in", "--connector", "1")
            written = (tmp_path / "A.sqlite3-wal").stat().st_size
            # No file of that process may grow now; Python ignores the signal that comes with it.
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
            await do("do", "A", "present-tag", "--id-tag", "ALICE")
            assert running.stderr is not None
            while b"does the disk have room" not in (line := await asyncio.wait_for(running.stderr.readline(), 60)):
                assert line
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            state = json.loads(await do("show", "A", "--json"))
            assert [connector["has_transaction"] for connector in state["connectors"]] == [False]
            await do("do", "A", "present-tag", "--id-tag", "BOB")
            assert (await csms.expect("StartTransaction"))["id_tag"] == "BOB"
        finally:
            running.send_signal(signal.SIGTERM)
            out, err = await asyncio.wait_for(running.communicate(), 60)
        assert running.returncode == 0, err
        assert json.loads(out)["transactions_completed"] == 1
        assert (await csms.expect("StopTransaction"))["id_tag"] == "BOB"
