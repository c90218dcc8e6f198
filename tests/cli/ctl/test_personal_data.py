"""`chargewright ctl personal-data`."""

import json

from tests.cli.ctl.conftest import Ctl, json_of


async def test_what_is_stored_is_printed_and_then_replaced(ctl: Ctl) -> None:
    exported = await ctl("personal-data", "export", "tag")
    assert exported.exit_code == 0
    assert json.loads(exported.stdout)["registration"]["idTag"] == "TAG"
    kept = await ctl("personal-data", "pseudonymise", "TAG", stdin="n\n")
    assert kept.exit_code == 1
    assert json_of(await ctl("id-tags", "list", "--json"))["items"] != []
    done = json_of(await ctl("personal-data", "pseudonymise", "TAG", "--yes", "--json"))
    assert done["pseudonym"].startswith("P-")
    assert json_of(await ctl("id-tags", "list", "--json"))["items"] == []
    assert (await ctl("personal-data", "export", "TAG")).exit_code == 4
