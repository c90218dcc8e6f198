"""A local list, from an operator's file to a driver who charges while the central system is gone, in processes only."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.serving import ServeProcess, data_arguments

TOKEN = "a-bearer-key"
PROGRAM = (sys.executable, "-m", "chargewright.cli.main")
SEED = '[[station]]\nidentity = "DC-01"\nsecurity_profile = 0\n'


async def station(url: str, folder: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(*PROGRAM, "station", "run", "kempower_s_series", "--csms", url, "--id", "DC-01", "--json"),
        *("--data", str(folder / "station"), "--seed", "5", *arguments),
        stdout=PIPE,
        stderr=PIPE,
    )


async def test_a_list_of_the_operator_lets_a_driver_in_when_the_central_system_is_gone(tmp_path: Path) -> None:
    server = await ServeProcess.start(
        *data_arguments(tmp_path, SEED), CHARGEWRIGHT_BOOTSTRAP_TOKEN=TOKEN, CHARGEWRIGHT_SETTLE_SECONDS="0.2"
    )
    environment = os.environ | {"CHARGEWRIGHT_URL": server.http_url, "CHARGEWRIGHT_TOKEN": TOKEN}

    async def ctl(*arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "ctl", "local-lists", *arguments, "--json", stdout=PIPE, stderr=PIPE, env=environment
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (arguments, out, err)
        return json.loads(out)

    running = await station(server.ocpp_url, tmp_path, "--driver", "none")
    tags = tmp_path / "tags.txt"
    tags.write_text("".join(f'{{"idTag": "TAG-{number}", "status": "Accepted"}}\n' for number in range(1200)))
    await ctl("put", "DC-01", str(tags))
    async with asyncio.timeout(60):
        while (shown := await ctl("show", "DC-01"))["state"] != "in-step":
            pass
    assert (shown["entries"], shown["partial"]) == (1200, False)
    running.terminate()
    await asyncio.wait_for(running.communicate(), 60)
    assert await server.stop() == 0
    alone = await station(server.ocpp_url, tmp_path, "--speed", "2000", "--for", "4", "--id-tag", "tag-1199")
    out, err = await asyncio.wait_for(alone.communicate(), 60)
    told = json.loads(out)
    assert not told["was_accepted"] and alone.returncode == 5, err
    assert told["transactions_completed"] >= 1
    assert told["messages_queued"] >= 2
