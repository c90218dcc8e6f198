"""`chargewright ctl diagnostics`, down to a station of another library."""

from ocpp.v16 import call
from tests.cli.ctl.conftest import Ctl, json_of
from tests.upkeep_station import upkeep_station

from chargewright.csms.app import Csms

LOCATION = "ftp://user:secret@files.example/in/"


async def test_uploads_are_asked_for_and_shown(ctl: Ctl, server: Csms) -> None:
    async with upkeep_station(f"ws://{server.addresses.ocpp[0]}") as station:
        made = json_of(
            await ctl("diagnostics", "add", "A1", LOCATION, "--start-time", "2026-01-01T00:00:00Z", "--json")
        )
        assert (made["state"], made["fileName"]) == ("accepted", "diagnostics.zip")
        for status in ("Uploading", "Uploaded"):
            await station.call(call.DiagnosticsStatusNotification(status=status))
        shown = json_of(await ctl("diagnostics", "show", made["id"], "--json"))
        assert (shown["state"], len(shown["history"])) == ("Uploaded", 2)
        log = json_of(await ctl("diagnostics", "add", "A1", LOCATION, "--log-type", "SecurityLog", "--json"))
        assert (log["kind"], log["requestId"]) == ("SecurityLog", station.request_id)
        listed = await ctl("diagnostics", "list", "--station", "A1", "--state", "Uploaded")
        assert made["id"] in listed.stdout and log["id"] not in listed.stdout and "secret" not in listed.stdout


async def test_what_is_wrong_is_said_by_exit_codes(ctl: Ctl) -> None:
    assert (await ctl("diagnostics", "add", "A1", LOCATION)).exit_code == 5
    assert (await ctl("diagnostics", "add", "A1", LOCATION, "--log-type", "Everything")).exit_code == 2
    assert (await ctl("diagnostics", "show", "nothing")).exit_code == 4


async def test_for_an_offline_station_it_is_kept(ctl: Ctl, server: Csms) -> None:
    kept = json_of(await ctl("diagnostics", "add", "A1", LOCATION, "--keep-until", "2036-01-01T00:00:00Z", "--json"))
    assert kept["state"] == "kept"
    listed = json_of(await ctl("commands", "list", "--station", "A1", "--unfinished", "--json"))["items"]
    assert [item["id"] for item in listed] == [kept["commandId"]]
    assert "kept" in (await ctl("diagnostics", "list", "--state", "kept")).stdout
