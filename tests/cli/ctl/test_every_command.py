"""Every command from `chargewright ctl commands send` to our own station, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from tests.cli.ctl.conftest import Ctl
from tests.commands_catalogue import ANSWERS, PAYLOADS
from tests.csms.wire import PASSWORD

from chargewright.cli.ctl.payloads import ACCEPTED
from chargewright.clock import SystemClock
from chargewright.csms.app import Csms
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

# What restarts the station comes last.
LAST = ("Reset",)


@pytest.fixture
async def virtual(server: Csms, tmp_path: Path) -> AsyncIterator[VirtualStation]:
    """A1, accepted."""
    dice = Random("station")
    with StationStore(tmp_path / "A1.sqlite3", dice) as store:
        virtual = VirtualStation(
            "A1",
            f"ws://{server.addresses.ocpp[0]}",
            product_from("kempower_s_series"),
            store,
            connect=implementation("picows").connect,
            clock=SystemClock(),
            random=dice,
            delay_seconds=lambda attempt, random: 0.1,
            password=bytes.fromhex(PASSWORD),
        )
        life = asyncio.create_task(virtual.station.run())
        assert await virtual.wait_until(lambda: virtual.station.snapshot().was_accepted, 30)
        yield virtual
        await virtual.station.close()
        await asyncio.wait_for(life, 30)


async def test_every_command_reaches_our_station_and_its_answer_the_operator(ctl: Ctl, virtual: VirtualStation) -> None:
    answered = set()
    for action in sorted(PAYLOADS, key=lambda name: name in LAST):
        result = await ctl("commands", "send", "A1", action, json.dumps(PAYLOADS[action]), "--force", "--json")
        if result.stdout:
            answered.add(action)
            status = json.loads(result.stdout).get("status")
            assert status in [answer.get("status") for answer in ANSWERS[action]], (action, result.output)
            assert result.exit_code == (0 if status is None or status in ACCEPTED else 1), (action, result.output)
        else:
            assert result.exit_code == 1, (action, result.output)
            assert "CALLERROR NotImplemented" in result.stderr or "CALLERROR NotSupported" in result.stderr, action
    assert len(PAYLOADS) == 26
    assert {"ChangeConfiguration", "GetConfiguration", "RemoteStartTransaction", "Reset", "UnlockConnector"} <= answered
