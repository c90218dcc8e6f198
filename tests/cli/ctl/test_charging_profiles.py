"""`chargewright ctl charging-profiles`, down to a station of another library."""

import json
from pathlib import Path

import pytest
from tests.cli.ctl.charging_station import charging_station
from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.services.profile_station import profile

from chargewright.csms.app import Csms

GROUP = "charging-profiles"


async def test_a_profile_is_set_shown_and_cleared(ctl: Ctl, server: Csms, tmp_path: Path) -> None:
    file = tmp_path / "night.json"
    file.write_text(json.dumps(profile(7)))
    async with charging_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        made = json_of(await ctl(GROUP, "set", "A1", "1", f"@{file}", "--json"))
        assert (made["state"], station.installed) == ("installed", {7: 1})
        assert json_of(await ctl(GROUP, "show", made["id"], "--json")) == made
        assert json_of(await ctl(GROUP, "list", "--state", "installed", "--json"))["items"] == [made]
        table = await ctl(GROUP, "list", "--station", "A1", "--connector", "1")
        assert "TxDefaultProfile" in table.stdout
        assert (await ctl(GROUP, "clear", "A1")).exit_code == 2, "which ones is not said"
        assert (await ctl(GROUP, "clear", "A1", "--profile", "7")).exit_code == 0
        assert station.installed == {}
        again = await ctl(GROUP, "clear", "A1", "--all")
        assert (again.exit_code, "Unknown" in again.stdout) == (1, True)
        listed = json_of(await ctl(GROUP, "list", "--station", "A1", "--json"))
        assert [item["state"] for item in listed["items"]] == ["cleared"]


@pytest.mark.parametrize(
    ("mood", "exit_code", "state"),
    [
        ("Rejected", 1, "refused"),
        ("NotSupported", 1, "not-supported"),
        ("error", 1, "refused"),
        ("silence", 5, "unknown"),
    ],
)
async def test_each_way_not_to_take_it_is_told(mood: str, exit_code: int, state: str, ctl: Ctl, server: Csms) -> None:
    async with charging_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        station.mood = mood
        done = await ctl(GROUP, "set", "A1", "1", "-", "--timeout-seconds", "0.5", stdin=json.dumps(profile(7)))
        assert done.exit_code == exit_code, done.output
        (item,) = json_of(await ctl(GROUP, "list", "--json"))["items"]
        assert item["state"] == state
        if mood == "error":
            assert item["answer"].startswith("CALLERROR PropertyConstraintViolation")


async def test_a_station_that_is_not_there(ctl: Ctl) -> None:
    assert (await ctl(GROUP, "set", "A1", "1", json.dumps(profile(7)))).exit_code == 5
    assert json_of(await ctl(GROUP, "list", "--json"))["items"] == []


async def test_what_is_odd_needs_force(ctl: Ctl, server: Csms) -> None:
    async with charging_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        odd = ("set", "A1", "1", json.dumps(profile(7, "TxProfile")))
        refused = await ctl(GROUP, *odd)
        assert (refused.exit_code, "no transaction is open there" in refused.stderr) == (2, True)
        assert (await ctl(GROUP, *odd, "--force")).exit_code == 0
        assert station.installed == {7: 1}


async def test_a_composite_schedule_is_asked_for_and_remembered(ctl: Ctl, server: Csms) -> None:
    async with charging_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        ask = (GROUP, "composite-schedule", "A1", "1", "--duration", "600", "--unit", "A", "--json")
        told = json_of(await ctl(*ask))
        assert told["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16.1}]
        (kept,) = json_of(await ctl(GROUP, "composite-schedule", "A1", "--json"))["items"]
        assert (kept["schedule"], kept["duration"], kept["chargingRateUnit"]) == (told, 600, "A")
        station.mood = "Rejected"
        assert (await ctl(*ask)).exit_code == 1
