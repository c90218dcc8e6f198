"""`chargewright ctl groups`."""

from tests.cli.ctl.conftest import Ctl, json_of


async def test_a_group_from_its_beginning_to_its_end(ctl: Ctl) -> None:
    assert json_of(await ctl("groups", "add", "North yard", "--json")) == {"name": "North yard", "stations": 0}
    assert (await ctl("groups", "join", "North yard", "A1", "A2")).exit_code == 0
    assert (await ctl("groups", "leave", "North yard", "A1")).exit_code == 0
    members = json_of(await ctl("groups", "stations", "North yard", "--json"))
    assert members["items"] == [{"identity": "A2"}]
    assert "North yard" in (await ctl("groups", "list")).stdout
    assert json_of(await ctl("groups", "show", "North yard", "--json"))["stations"] == 1
    assert (await ctl("groups", "remove", "North yard")).exit_code == 0
    assert (await ctl("groups", "show", "North yard")).exit_code == 4
    assert (await ctl("groups", "join", "North yard", "A1")).exit_code == 4
