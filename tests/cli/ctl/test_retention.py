"""`chargewright ctl retention`."""

from tests.cli.ctl.conftest import Ctl, json_of

from chargewright.csms.storage.ageing import AGEING


async def test_kinds_are_listed_and_old_data_is_removed_at_once(ctl: Ctl) -> None:
    listed = json_of(await ctl("retention", "list", "--json"))["items"]
    assert [each["kind"] for each in listed] == list(AGEING)
    shown = await ctl("retention", "list")
    assert "for ever" in shown.stdout and "365" in shown.stdout
    ran = json_of(await ctl("retention", "run", "--json"))["items"]
    assert all(each["lookedAt"] is not None for each in ran if each["days"] > 0)
