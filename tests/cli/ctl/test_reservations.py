"""`chargewright ctl reservations`, down to a station of another library."""

from tests.cli.ctl.conftest import Ctl, json_of
from tests.cli.ctl.listing_station import listing_station

from chargewright.csms.app import Csms

WISH = ("A1", "1", "TAG", "2090-01-01T00:00:00Z")


async def test_a_reservation_is_made_shown_and_cancelled(ctl: Ctl, server: Csms) -> None:
    async with listing_station(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        made = json_of(await ctl("reservations", "add", *WISH, "--json"))
        assert (made["state"], station.reserved) == ("active", {made["reservationId"]})
        assert json_of(await ctl("reservations", "show", made["id"], "--json")) == made
        listed = json_of(await ctl("reservations", "list", "--station", "A1", "--state", "active", "--json"))
        assert listed["items"] == [made]
        assert json_of(await ctl("reservations", "cancel", made["id"], "--json"))["state"] == "cancelled"
        again = json_of(await ctl("reservations", "add", *WISH, "--number", "77", "--parent", "P", "--json"))
        assert (again["reservationId"], again["parentIdTag"]) == (77, "P")
        station.reserved.clear()
        lost = await ctl("reservations", "cancel", again["id"])
        assert (lost.exit_code, "does not have it" in lost.stdout) == (1, True)


async def test_a_station_that_is_not_there(ctl: Ctl) -> None:
    assert (await ctl("reservations", "add", *WISH)).exit_code == 5


async def test_what_is_odd_needs_force(ctl: Ctl, server: Csms) -> None:
    async with listing_station(f"ws://{server.addresses.ocpp[0]}", "A1"):
        wish = ("A1", "1", "NOBODY", "2090-01-01T00:00:00Z")
        odd = await ctl("reservations", "add", *wish)
        assert (odd.exit_code, "nobody registered it" in odd.stderr) == (2, True)
        assert (await ctl("reservations", "add", *wish, "--force")).exit_code == 0
