"""`chargewright ctl configurations`."""

import json
from pathlib import Path

from tests.cli.ctl.conftest import Ctl, json_of
from tests.cli.ctl.listing_station import listing_station

from chargewright.csms.app import Csms


async def test_what_is_wanted_can_be_set_dropped_and_read_from_a_file(ctl: Ctl, tmp_path: Path) -> None:
    want = ("configurations", "want", "A1", "--json")
    one = json_of(await ctl(*want, "--set", "heartbeatinterval=600", "--set", "VendorLamp=a=b"))
    assert one == {"values": {"HeartbeatInterval": "600", "VendorLamp": "a=b"}}
    two = json_of(await ctl(*want, "--set", "HEARTBEATINTERVAL=700", "--drop", "vendorlamp"))
    assert two == {"values": {"HeartbeatInterval": "700"}}
    file = tmp_path / "wanted.json"
    file.write_text(json.dumps({"VendorLamp": "dim"}))
    assert json_of(await ctl(*want, "--file", str(file))) == {"values": {"VendorLamp": "dim"}}
    assert json_of(await ctl("configurations", "wanted", "A1", "--json")) == {"values": {"VendorLamp": "dim"}}
    shown = await ctl("configurations", "show", "A1", "--drift")
    assert "VendorLamp" in shown.stdout and "dim" in shown.stdout and "unknown" not in shown.stdout.splitlines()[0]


async def test_a_group_wants_too(ctl: Ctl) -> None:
    assert (await ctl("groups", "add", "yard")).exit_code == 0
    done = json_of(await ctl("configurations", "want", "--group", "yard", "--set", "VendorLamp=on", "--json"))
    assert done == {"values": {"VendorLamp": "on"}}
    assert json_of(await ctl("configurations", "wanted", "--group", "yard", "--json")) == done


async def test_what_a_station_does_not_take_is_a_failure(ctl: Ctl, server: Csms) -> None:
    async with listing_station(f"ws://{server.addresses.ocpp[0]}", "A1"):
        assert (await ctl("configurations", "apply", "A1")).exit_code == 0
        wanted = ("want", "A1", "--set", "LocalAuthListEnabled=false")
        assert (await ctl("configurations", *wanted, "--force")).exit_code == 0
        refused = await ctl("configurations", "apply", "A1", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["state"] == "refused"


async def test_what_is_wrong_is_said(ctl: Ctl, tmp_path: Path) -> None:
    wrong = await ctl("configurations", "want", "A1", "--set", "HeartbeatInterval=-1")
    assert wrong.exit_code == 2 and "at least 0 s" in wrong.stderr
    assert (await ctl("configurations", "want", "A1", "--set", "HeartbeatInterval=-1", "--force")).exit_code == 0
    for arguments in (
        ("want", "A1", "--set", "nothing"),
        ("want",),
        ("want", "A1", "--group", "yard"),
        ("want", "A1", "--file", str(tmp_path / "none.json")),
    ):
        assert (await ctl("configurations", *arguments)).exit_code == 2
    assert (await ctl("configurations", "show", "none")).exit_code == 4
    offline = await ctl("configurations", "read", "A1")
    assert offline.exit_code == 5 and "not connected" in offline.stderr
    assert (await ctl("configurations", "apply", "A1")).exit_code == 5
