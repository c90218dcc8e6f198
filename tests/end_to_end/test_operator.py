"""An operator's day with nothing but processes: the server, a station with drivers, and `chargewright ctl`."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from tests.serving import ServeProcess

TOKEN = "a-bearer-key"
PROGRAM = (sys.executable, "-m", "chargewright.cli.main")
CARD = "MY-CARD"


class Operator:
    """Runs `chargewright ctl` against one server."""

    def __init__(self, server: ServeProcess) -> None:
        self._environment = os.environ | {"CHARGEWRIGHT_URL": server.http_url, "CHARGEWRIGHT_TOKEN": TOKEN}

    async def ctl(self, *arguments: str) -> Any:
        """What a command prints; it must end well."""
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "ctl", *arguments, "--json", stdout=PIPE, stderr=PIPE, env=self._environment
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (arguments, out, err)
        return json.loads(out)

    async def until_one(self, *arguments: str) -> Any:
        """The one item of a list, as soon as there is one."""
        async with asyncio.timeout(120):
            while not (items := (await self.ctl(*arguments))["items"]):
                pass
        (item,) = items
        return item


async def test_a_station_is_registered_charges_is_stopped_and_its_energy_is_told(tmp_path: Path) -> None:
    server = await ServeProcess.start("--data", str(tmp_path / "csms"), CHARGEWRIGHT_BOOTSTRAP_TOKEN=TOKEN)
    operator = Operator(server)
    made = await operator.ctl("stations", "register", "DC-01", "--security-profile", "1")
    await operator.ctl("id-tags", "add", CARD)
    # The first driver comes after some seconds, and would charge for minutes.
    station = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "station", "run", "kempower_s_series", "--csms", server.ocpp_url, "--id", "DC-01"),
        *("--data", str(tmp_path / "station"), "--password-env", "STATION_KEY", "--id-tag", CARD),
        *("--speed", "20", "--seed", "4", "--json"),
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"STATION_KEY": made["password"]},
    )
    try:
        running = await operator.until_one("transactions", "list", "--station", "DC-01", "--open")
        assert (running["idTag"], running["energyWh"]) == (CARD, None)
        payload = json.dumps({"transactionId": running["transactionId"]})
        stopping = await operator.ctl("commands", "send", "DC-01", "RemoteStopTransaction", payload)
        assert stopping == {"status": "Accepted"}
        ended = await operator.until_one("transactions", "list", "--station", "DC-01", "--reason", "Remote")
    finally:
        station.terminate()
        out, err = await asyncio.wait_for(station.communicate(), 60)
    assert station.returncode == 0, err
    shown = await operator.ctl("transactions", "show", ended["id"])
    assert (shown["transactionId"], shown["stop"]["reason"]) == (running["transactionId"], "Remote")
    told = json.loads(out)
    assert shown["energyWh"] > 0
    # Another driver may have come meanwhile; the station and the operator count the same.
    everything = (await operator.ctl("transactions", "list", "--station", "DC-01"))["items"]
    assert len(everything) == told["transactions_completed"]
    assert sum(each["energyWh"] for each in everything) == told["energy_completed_wh"]
    assert await server.stop() == 0
