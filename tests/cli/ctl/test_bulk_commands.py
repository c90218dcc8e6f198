"""`chargewright ctl bulk-commands`."""

from tests.cli.ctl.conftest import Ctl, json_of


async def test_a_bulk_command_is_sent_shown_and_taken_back(ctl: Ctl) -> None:
    later = ("--keep-until", "2036-01-01T00:00:00Z", "--json")
    bulk = json_of(await ctl("bulk-commands", "send", "ClearCache", "--station", "A1", "--station", "A2", *later))
    assert bulk["stations"] == 2
    assert json_of(await ctl("bulk-commands", "list", "--json"))["items"] == [bulk]
    assert json_of(await ctl("bulk-commands", "show", bulk["id"], "--json"))["unfinished"] == 2
    results = json_of(await ctl("bulk-commands", "list-results", bulk["id"], "--state", "waiting", "--json"))["items"]
    assert [item["station"] for item in results] == ["A1", "A2"]
    assert json_of(await ctl("bulk-commands", "cancel", bulk["id"], "--json")) == {"cancelled": 2}
    assert "cancelled" in (await ctl("bulk-commands", "list-results", bulk["id"])).stdout


async def test_all_stations_and_none(ctl: Ctl) -> None:
    everybody = json_of(await ctl("bulk-commands", "send", "ClearCache", "{}", "--all-stations", "--json"))
    assert everybody["stations"] == 3
    assert (await ctl("bulk-commands", "send", "ClearCache")).exit_code == 2
    assert (await ctl("bulk-commands", "send", "ClearCache", "--station", "nobody")).exit_code == 4
    assert (await ctl("bulk-commands", "send", "ClearCache", "--group", "nowhere")).exit_code == 4
    assert (await ctl("bulk-commands", "show", "nothing")).exit_code == 4
