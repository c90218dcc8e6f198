"""`chargewright ctl connectors`."""

from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.wire import WireStation

from chargewright.csms.app import Csms


async def test_connectors_and_what_they_reported(ctl: Ctl, server: Csms) -> None:
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
        for status in ("Available", "Preparing"):
            await station.call("StatusNotification", connectorId=1, status=status, errorCode="NoError")
    (connector,) = json_of(await ctl("connectors", "list", "A1", "--json"))["items"]
    assert connector["status"] == "Preparing"
    assert json_of(await ctl("connectors", "show", "A1", "1", "--json")) == connector
    statuses = json_of(await ctl("connectors", "list-statuses", "A1", "1", "--json"))["items"]
    assert [item["status"] for item in statuses] == ["Preparing", "Available"]
    assert "Preparing" in (await ctl("connectors", "list", "A1")).stdout
    assert (await ctl("connectors", "show", "A1", "9")).exit_code == 4
    assert (await ctl("connectors", "list", "nobody")).exit_code == 4
