"""`chargewright ctl firmware-updates`, down to a station of another library."""

from pathlib import Path

from ocpp.v16 import call
from tests.cli.ctl.conftest import Ctl, json_of
from tests.upkeep_station import upkeep_station

from chargewright.csms.app import Csms

LOCATION = "ftp://user:secret@files.example/fw.bin"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


async def test_an_update_is_ordered_and_shown(ctl: Ctl, server: Csms) -> None:
    async with upkeep_station(f"ws://{server.addresses.ocpp[0]}") as station:
        made = json_of(
            await ctl("firmware-updates", "add", "A1", LOCATION, "--retries", "2", "--retry-interval", "9", "--json")
        )
        assert (made["state"], made["retries"], made["retryInterval"]) == ("accepted", 2, 9)
        await station.call(call.FirmwareStatusNotification(status="Downloading"))
        shown = json_of(await ctl("firmware-updates", "show", made["id"], "--json"))
        assert [entry["status"] for entry in shown["history"]] == ["Downloading"]
        listed = await ctl("firmware-updates", "list", "--station", "A1", "--state", "Downloading")
        assert made["id"] in listed.stdout and "secret" not in listed.stdout


async def test_a_certificate_and_a_signature_make_it_signed(ctl: Ctl, server: Csms, tmp_path: Path) -> None:
    pem = tmp_path / "signing.pem"
    pem.write_text(CERTIFICATE)
    options = ("--signing-certificate", str(pem), "--signature", "c2ln", "--install-date", "2090-01-01T00:00:00Z")
    async with upkeep_station(f"ws://{server.addresses.ocpp[0]}") as station:
        made = json_of(await ctl("firmware-updates", "add", "A1", LOCATION, *options, "--json"))
        assert (made["signed"], made["requestId"]) == (True, station.request_id)
        station.refuses = True
        refused = await ctl("firmware-updates", "add", "A1", LOCATION, "--force")
        assert (refused.exit_code, "--signing-certificate" in refused.stderr) == (1, True)


async def test_what_is_wrong_is_said_by_exit_codes(ctl: Ctl) -> None:
    assert (await ctl("firmware-updates", "add", "A1", LOCATION)).exit_code == 5
    assert (await ctl("firmware-updates", "add", "NOBODY", LOCATION)).exit_code == 4
    assert (await ctl("firmware-updates", "add", "A1", LOCATION, "--signature", "c2ln")).exit_code == 2
    odd = await ctl("firmware-updates", "add", "A1", "gopher://h/x")
    assert (odd.exit_code, "stations know ftp" in odd.stderr) == (2, True)
    assert (await ctl("firmware-updates", "add", "A1", "gopher://h/x", "--force")).exit_code == 5
    assert (await ctl("firmware-updates", "show", "nothing")).exit_code == 4


async def test_for_an_offline_station_it_is_kept(ctl: Ctl, server: Csms) -> None:
    kept = json_of(
        await ctl("firmware-updates", "add", "A1", LOCATION, "--keep-until", "2036-01-01T00:00:00Z", "--json")
    )
    assert kept["state"] == "kept"
    listed = json_of(await ctl("commands", "list", "--station", "A1", "--unfinished", "--json"))["items"]
    assert [item["id"] for item in listed] == [kept["commandId"]]
    assert "kept" in (await ctl("firmware-updates", "list", "--state", "kept")).stdout
