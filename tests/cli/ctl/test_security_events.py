"""`chargewright ctl security-events`."""

from ocpp.v16 import call
from tests.cli.ctl.conftest import Ctl, json_of
from tests.upkeep_station import upkeep_station

from chargewright.csms.app import Csms


async def test_events_are_listed(ctl: Ctl, server: Csms) -> None:
    async with upkeep_station(f"ws://{server.addresses.ocpp[0]}") as station:
        for kind in ("SettingSystemTime", "VendorsOwn"):
            event = call.SecurityEventNotification(type=kind, timestamp="2026-03-01T10:00:00Z", tech_info="info")
            await station.call(event)
    everything = json_of(await ctl("security-events", "list", "--json"))["items"]
    assert [item["type"] for item in everything] == ["VendorsOwn", "SettingSystemTime"]
    critical = await ctl("security-events", "list", "--station", "A1", "--critical")
    assert "SettingSystemTime" in critical.stdout and "VendorsOwn" not in critical.stdout
    one = json_of(await ctl("security-events", "list", "--type", "VendorsOwn", "--json"))["items"]
    assert [item["station"] for item in one] == ["A1"]
    assert (await ctl("security-events", "list", "--station", "NOBODY")).exit_code == 4
