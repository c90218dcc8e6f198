"""`chargewright station do`, `show` and `watch`: as processes, and each way in which they can fail."""

import asyncio
import json
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from tests.station.csms_process import central_system
from typer.testing import CliRunner, Result

from chargewright.cli.station import station_app
from chargewright.cli.station_do import TOKEN_VARIABLE, URL_VARIABLE
from chargewright.station.deeds import DEEDS


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chargewright.cli.main", "station", *arguments), stdout=PIPE, stderr=PIPE
    )


async def finish(*arguments: str) -> tuple[int | None, str, str]:
    process = await start(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def invoke(*arguments: str, **environment: str) -> Result:
    """The same in this process, beside the loop."""
    return await asyncio.to_thread(CliRunner().invoke, station_app, list(arguments), env=environment)


async def test_a_charge_by_hand_from_other_processes(tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    notice = tmp_path / "CW%201.control.json"
    async with central_system() as csms:
        running = await start(
            *("run", "minimal", "--csms", csms.url, "--id", "CW 1", *where, "--control", "127.0.0.1:0", "--json")
        )
        try:
            await csms.expect("StatusNotification")
            assert stat.S_IMODE(notice.stat().st_mode) == 0o600
            told = json.loads(notice.read_bytes())

            watching = await start("watch", "CW 1", *where)
            assert watching.stdout is not None
            first = await asyncio.wait_for(watching.stdout.readline(), 60)
            assert first.startswith(b"CW 1: online") and b"connector 1: Available" in first

            code, out, err = await finish("do", "CW 1", "plug-in", "--connector", "1", "--soc-percent", "50", *where)
            assert (code, err) == (0, ""), err
            assert "connector 1: Preparing, vehicle at 50.0 %" in out
            shown = await invoke("do", "CW 1", "present-tag", "--id-tag", "MY-CARD", "--json", *where)
            assert shown.exit_code == 0 and json.loads(shown.stdout)["station_id"] == "CW 1"
            await csms.expect("StartTransaction")
            while b"transaction 1" not in await asyncio.wait_for(watching.stdout.readline(), 60):
                assert watching.returncode is None

            held = await invoke("do", "CW 1", "unplug", "--connector", "1", "--side", "station", *where)
            assert held.exit_code == 1 and "CW 1, connector 1: unplug is not possible" in held.stderr
            wrong = await invoke("do", "CW 1", "change-vehicle", "--connector", "1", "--phases", "7", *where)
            assert wrong.exit_code == 2 and "phases: 7 is not right; expected a whole number, at most 3" in wrong.stderr
            assert (await invoke("do", "CW 1", "unplug", "--connector", "9", *where)).exit_code == 4
            other = await invoke("show", "CW 2", "--url", told["url"], **{TOKEN_VARIABLE: told["token"]})
            assert other.exit_code == 4 and "there are: CW 1" in other.stderr
            refused = await invoke("show", "CW 1", **{URL_VARIABLE: told["url"], TOKEN_VARIABLE: "wrong"})
            assert refused.exit_code == 3 and "Bearer" in refused.stderr

            assert (await invoke("do", "CW 1", "cut-power", *where)).exit_code == 0
            assert "CW 1: no power" in (await invoke("show", "CW 1", *where)).stdout
            assert (await invoke("do", "CW 1", "return-power", *where)).exit_code == 0
            assert (await csms.expect("StopTransaction"))["reason"] == "PowerLoss"
        finally:
            running.send_signal(signal.SIGTERM)
            out, err = await asyncio.wait_for(running.communicate(), 60)
        assert running.returncode == 0, err
        assert json.loads(out)["transactions_completed"] == 1, "a power cut is no new run"
        assert told["token"] not in err.decode(), "the token is in its file only"
        assert await asyncio.wait_for(watching.wait(), 60) == 0
        assert not notice.exists()
    gone = await invoke("show", "CW 1", *where)
    assert gone.exit_code == 3 and "--control" in gone.stderr and "--data" in gone.stderr


async def test_drivers_do_not_come_where_somebody_is_at_work(tmp_path: Path) -> None:
    arguments = ("run", "minimal", "--csms", "ws://127.0.0.1:1", "--id", "A", "--data", str(tmp_path))
    code, _, err = await finish(*arguments, "--control", "127.0.0.1:0", "--driver", "auto")
    assert code == 2 and "--driver" in err and "alone at the station" in err


async def test_targets_that_cannot_be(tmp_path: Path) -> None:
    nobody = await invoke("show", "A", "--url", "http://127.0.0.1:1", **{TOKEN_VARIABLE: "some-token"})
    assert nobody.exit_code == 3 and "nobody answers at http://127.0.0.1:1" in nobody.stderr
    without = await invoke("show", "A", "--url", "http://127.0.0.1:1", **{TOKEN_VARIABLE: ""})
    assert without.exit_code == 2 and TOKEN_VARIABLE in without.stderr
    file = tmp_path / "token"
    missing = await invoke("show", "A", "--url", "http://127.0.0.1:1", "--token-file", str(file))
    assert missing.exit_code == 2 and str(file) in missing.stderr
    file.write_text("a-token-of-its-own\n")
    for url in ("nonsense", "ftp://127.0.0.1", "http://[::1"):
        wrong = await invoke("show", "A", "--url", url, "--token-file", str(file))
        assert wrong.exit_code == 2 and "--url http://HOST:PORT" in wrong.stderr, url
    (tmp_path / "A.control.json").write_text("{}")
    broken = await invoke("show", "A", "--data", str(tmp_path))
    assert broken.exit_code == 3 and "start the station again" in broken.stderr


@pytest.mark.parametrize("word", DEEDS)
async def test_every_deed_has_a_command_with_its_fields(word: str) -> None:
    helped = await invoke("do", "A", word, "--help", COLUMNS="200")
    assert helped.exit_code == 0
    for name in DEEDS[word].__struct_fields__:
        assert f"--{name.replace('_', '-')}" in helped.stdout
