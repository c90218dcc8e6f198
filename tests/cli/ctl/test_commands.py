"""`chargewright ctl commands`: every command with every end, each with its exit code."""

import json
from pathlib import Path
from typing import Any

from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.api.command_cases import PAYLOADS, library_station, response_of, statuses_of

from chargewright.csms.app import Csms

GOOD = {None, "Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"}


async def test_every_command_with_every_answer(ctl: Ctl, server: Csms) -> None:
    async def send(action: str, *options: str) -> Any:
        return await ctl("commands", "send", "A1", action, json.dumps(PAYLOADS[action]), "--force", "--json", *options)

    async with library_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        for action in PAYLOADS:
            for status in statuses_of(action):
                station.behaviour = status
                result = await send(action)
                assert result.exit_code == (0 if status in GOOD else 1), (action, status, result.output)
                assert json.loads(result.stdout) == response_of(action, status)

            station.behaviour = "error"
            result = await send(action)
            assert (result.exit_code, result.stdout) == (1, "")
            assert "CALLERROR InternalError: out of order" in result.stderr
            assert '{"part": "relay"}' in result.stderr

            station.behaviour = "malformed"
            result = await send(action)
            assert result.exit_code == 1
            assert "no answer" in result.stderr
            assert "CALLERROR" not in result.stderr

            station.behaviour = "silence"
            result = await send(action, "--timeout-seconds", "0.05")
            assert result.exit_code == 5
            assert "not known" in result.stderr
    for action in PAYLOADS:
        result = await send(action)
        assert result.exit_code == 5, action
        assert "not connected" in result.stderr


async def test_a_payload_comes_from_an_argument_a_file_or_standard_input(
    ctl: Ctl, server: Csms, tmp_path: Path
) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"type": "Soft"}')
    async with library_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        station.behaviour = "Accepted"
        for argument, stdin in (('{"type": "Soft"}', None), (f"@{file}", None), ("-", '{"type": "Soft"}')):
            result = await ctl("commands", "send", "A1", "Reset", argument, "--json", stdin=stdin)
            assert json_of(result) == {"status": "Accepted"}
    for wrong in ("{", "@/nowhere"):
        assert (await ctl("commands", "send", "A1", "Reset", wrong)).exit_code == 2


async def test_what_is_wrong_odd_or_unknown(ctl: Ctl) -> None:
    wrong = await ctl("commands", "send", "A1", "Reset", '{"type": "Gently"}')
    assert wrong.exit_code == 2
    assert "type" in wrong.stderr
    odd = await ctl("commands", "send", "A1", "UnlockConnector", '{"connectorId": -1}')
    assert odd.exit_code == 2
    assert "force" in odd.stderr
    assert (await ctl("commands", "send", "nobody", "Reset", '{"type": "Soft"}')).exit_code == 4
    assert (await ctl("commands", "send", "A1", "Dance")).exit_code == 4


async def test_a_command_is_kept_listed_and_cancelled(ctl: Ctl) -> None:
    kept = json_of(await ctl("commands", "send", "A1", "ClearCache", "--keep-until", "2036-01-01T00:00:00Z", "--json"))
    assert kept["state"] == "waiting"
    assert json_of(await ctl("commands", "list", "--station", "A1", "--unfinished", "--json"))["items"] == [kept]
    assert json_of(await ctl("commands", "show", kept["id"], "--json")) == kept
    assert json_of(await ctl("commands", "cancel", kept["id"], "--json"))["state"] == "cancelled"
    assert (await ctl("commands", "cancel", kept["id"])).exit_code == 1
    assert kept["id"] in (await ctl("commands", "list")).stdout
