"""`chargewright station play` as a process, against a central system made of the `ocpp` library."""

import asyncio
import json
import signal
import ssl
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.station.csms_process import central_system
from typer.testing import CliRunner

from chargewright.cli.station import station_app
from chargewright.pki.authorities import make_authority


async def test_a_scenario_is_played_over_real_sockets(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(
        "[[step]]\nwait_for = { online = true }\n"
        "[[step]]\ndo = 'plug-in'\nconnector = 1\n"
        "[[step]]\ndo = 'present-tag'\nid_tag = 'CARD'\n"
        "[[step]]\nwait_for = { connector = 1, status = 'Charging', message = 'StartTransaction' }\n"
        "[[step]]\ndo = 'unplug'\nconnector = 1\nside = 'vehicle'\n"
        "[[step]]\nwait_for = { transactions_completed = 1, queue_empty = true }\n"
    )
    async with central_system() as csms:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargewright.cli.main", "station", "play", str(file)),
            *("--csms", csms.url, "--pics", "minimal", "--id", "CW 1", "--json"),
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        result = json.loads(out)
        assert result["is_done"] and result["scenario"] == "short"
        assert {step["outcome"] for step in result["steps"]} == {"done"}
        assert result["stations"][0]["transactions_completed"] == 1
        assert (await csms.expect("StopTransaction"))["reason"] == "EVDisconnected"
        assert csms.close_codes == [1001]


async def test_a_signal_ends_the_play_in_order_and_tells_what_was_done(tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    file.write_text(
        "[[step]]\nwait_for = { online = true }\n"
        "[[step]]\ndo = 'plug-in'\nconnector = 1\n"
        "[[step]]\ndo = 'present-tag'\nid_tag = 'CARD'\n"
        "[[step]]\nwait_for = { connector = 1, status = 'Charging', message = 'StartTransaction' }\n"
        "[[step]]\nwait_for = { seconds = 3600 }\n"
        "[[step]]\ndo = 'unplug'\nconnector = 1\n"
    )
    async with central_system() as csms:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargewright.cli.main", "station", "play", str(file)),
            *("--csms", csms.url, "--pics", "minimal", "--id", "CW 1", "--json"),
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stderr is not None
        told = ""
        while "status=Charging message=StartTransaction: done" not in told:
            # Each step is told when it ends, not at the end of all.
            line = await asyncio.wait_for(process.stderr.readline(), 60)
            assert line, told
            told += line.decode()
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1, err
        result = json.loads(out)
        assert [step["outcome"] for step in result["steps"]] == [*["done"] * 4, "stopped", "not-reached"]
        assert "a signal came" in result["steps"][4]["detail"] and b"a signal came" in err
        # Nobody could end it later: the memory is thrown away.
        assert (await csms.expect("StopTransaction"))["reason"] == "Local"
        assert csms.close_codes == [1001] and b"thrown away" not in err


async def test_a_play_that_ends_without_power_leaves_no_transaction_open(tmp_path: Path) -> None:
    file = tmp_path / "dark.toml"
    file.write_text(
        "[[step]]\nwait_for = { online = true }\n"
        "[[step]]\ndo = 'plug-in'\nconnector = 1\n"
        "[[step]]\ndo = 'present-tag'\nid_tag = 'CARD'\n"
        "[[step]]\nwait_for = { connector = 1, status = 'Charging', queue_empty = true }\n"
        "[[step]]\ndo = 'cut-power'\n"
    )
    async with central_system() as csms:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargewright.cli.main", "station", "play", str(file)),
            *("--csms", csms.url, "--pics", "minimal", "--id", "CW 1"),
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        assert "cut-power: done" in out.decode().splitlines()[4]
        assert (await csms.expect("StopTransaction"))["reason"] == "PowerLoss"


@pytest.mark.parametrize("command", ["play", "fleet"])
async def test_plays_and_fleets_connect_with_tls_and_a_password(command: str, tmp_path: Path) -> None:
    at = datetime.now(UTC)
    root = make_authority("Root", at)
    own = root.server(["127.0.0.1"], at, kind="RSA")
    for name, text in (
        ("ca.pem", root.pem),
        ("server.pem", own.chain_pem + own.key_pem),
        ("password", "00112233445566778899aabbccddeeff"),
        ("short.toml", "[[step]]\nwait_for = { online = true }\n"),
    ):
        (tmp_path / name).write_text(text)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The product of this PICS knows older cipher suites only.
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.load_cert_chain(tmp_path / "server.pem")
    what = {
        "play": (str(tmp_path / "short.toml"), "--id", "CW 1"),
        "fleet": ("--count", "2", "--behaviour", "nobody", "--for", "3"),
    }
    async with central_system(tls) as csms:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargewright.cli.main", "station", command, *what[command]),
            *("--csms", csms.url, "--pics", "koolsign_kcap7pg_cl5g", "--json", "--dialect", "boot-on-reconnect"),
            *("--ca", str(tmp_path / "ca.pem"), "--password-file", str(tmp_path / "password")),
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err
        assert json.loads(out)
        assert csms.authorizations and all((given or "").startswith("Basic ") for given in csms.authorizations)


def test_what_comes_along_is_listed() -> None:
    listed = CliRunner().invoke(station_app, ["play", "--list"])
    assert listed.exit_code == 0 and "first-charge: " in listed.stdout
    as_json = CliRunner().invoke(station_app, ["play", "--list", "--json"])
    told = {item["name"]: item["description"] for item in json.loads(as_json.stdout)}
    assert as_json.exit_code == 0 and f"first-charge: {told['first-charge']}\n" in listed.stdout
    assert len(told) == len(listed.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "first-charge"),
        (("first-charge",), "--csms"),
        (("first-charge", "--csms", "ws://127.0.0.1:1", "--log-level", "loud"), "loud"),
        (("first-charge", "--csms", "ws://127.0.0.1:1", "--password-env", "CW_NOT_SET"), "CW_NOT_SET"),
        (("first-charge", "--csms", "http://127.0.0.1:1", "--id", "A", "--pics", "minimal"), "--csms"),
        (("first-charge", "--csms", "ws://127.0.0.1:1", "--id", "A", "--pics", "minimal", "--dialect", "x"), "x"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], named: str) -> None:
    refused = CliRunner().invoke(station_app, ["play", *arguments])
    assert refused.exit_code == 2 and named in refused.stderr
