"""`chargewright ctl stations`."""

import pytest
from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.wire import PASSWORD, WireStation
from websockets.exceptions import InvalidStatus

from chargewright.cli.ctl import stations
from chargewright.csms.app import Csms


async def test_a_station_from_registration_to_removal(ctl: Ctl, server: Csms, monkeypatch: pytest.MonkeyPatch) -> None:
    made = json_of(await ctl("stations", "register", "NEW", "--time-zone", "Europe/Vienna", "--json"))
    assert len(made["password"]) == 40
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "NEW", made["password"]) as station:
        await station.boot()
        connected = json_of(await ctl("stations", "list", "--connected", "--json"))
        assert [item["identity"] for item in connected["items"]] == ["NEW"]
    monkeypatch.setenv("STATION_PASSWORD", PASSWORD)
    options = ("--registration", "Pending", "--password-env", "STATION_PASSWORD", "--maximum-power", "22000")
    changed = json_of(await ctl("stations", "change", "NEW", *options, "--json"))
    assert (changed["registration"], changed["maximumPowerW"]) == ("Pending", 22000)
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "NEW") as station:
        assert (await station.boot())["status"] == "Pending"
    without = json_of(await ctl("stations", "change", "NEW", "--without", "maximum-power", "--json"))
    assert without["maximumPowerW"] is None
    assert json_of(await ctl("stations", "show", "NEW", "--json"))["vendor"] == "Wire"
    assert len(json_of(await ctl("stations", "make-password", "NEW", "--json"))["password"]) == 40
    assert (await ctl("stations", "remove", "NEW")).exit_code == 0
    assert (await ctl("stations", "show", "NEW")).exit_code == 4


async def test_an_attempt_is_found_and_registered(ctl: Ctl, server: Csms) -> None:
    with pytest.raises(InvalidStatus):
        async with WireStation(f"ws://{server.addresses.ocpp[0]}", "SHY"):
            raise AssertionError("it must not get in")
    (attempt,) = json_of(await ctl("stations", "list-attempts", "--json"))["items"]
    assert "SHY" in (await ctl("stations", "list-attempts")).stdout
    made = json_of(await ctl("stations", "register-attempt", attempt["id"], "--json"))
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "SHY", made["password"]) as station:
        assert (await station.boot())["status"] == "Accepted"


async def test_what_it_sent_is_listed(ctl: Ctl, server: Csms) -> None:
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
        await station.call("DataTransfer", vendorId="com.example", data="x")
        await station.call("StatusNotification", connectorId=1, status="Available", errorCode="MyOwnError")
    (sent,) = json_of(await ctl("stations", "list-data-transfers", "A1", "--json"))["items"]
    assert sent["vendorId"] == "com.example"
    (deviation,) = json_of(await ctl("stations", "list-deviations", "A1", "--json"))["items"]
    assert deviation["sample"] == "MyOwnError"
    assert "MyOwnError" in (await ctl("stations", "list-deviations", "A1")).stdout


async def test_meter_values_without_a_transaction_are_listed(ctl: Ctl, server: Csms) -> None:
    value = {"timestamp": "2026-03-01T11:10:00Z", "sampledValue": [{"value": "2000"}]}
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
        await station.call("MeterValues", connectorId=1, meterValue=[value])
    listed = json_of(await ctl("stations", "list-meter-values", "A1", "--without-transaction", "--json"))["items"]
    assert [one["energyWh"] for one in listed] == [2000.0]
    assert json_of(await ctl("stations", "list-meter-values", "A1", "--connector", "2", "--json"))["items"] == []
    assert "2000" in (await ctl("stations", "list-meter-values", "A1")).stdout


async def test_what_is_wrong_is_said_by_exit_codes(ctl: Ctl) -> None:
    assert (await ctl("stations", "register", "A1")).exit_code == 1
    assert (await ctl("stations", "register", "a/b")).exit_code == 2
    assert (await ctl("stations", "register", "B", "--password-env", "NOT_SET")).exit_code == 2
    assert (await ctl("stations", "change", "A1", "--without", "everything")).exit_code == 2
    assert (await ctl("stations", "remove", "nobody")).exit_code == 4


def test_no_clock_is_off_by_less_than_nothing() -> None:
    shown = stations.COLUMNS["clock off (s)"]
    assert callable(shown)
    assert [str(shown({"clockOffsetSeconds": seconds})) for seconds in (-0.001, -1.256, None)] == [
        "0.0",
        "-1.26",
        "None",
    ]
