"""`chargewright ctl id-tags`."""

import httpx
from tests.cli.ctl.conftest import TOKEN, Ctl, json_of

from chargewright.csms.app import Csms


async def test_a_tag_from_registration_to_removal(ctl: Ctl) -> None:
    added = json_of(
        await ctl("id-tags", "add", "Card", "--parent", "FLEET", "--expires", "2031-01-01T00:00:00Z", "--json")
    )
    assert (added["idTag"], added["parentIdTag"], added["expiresAt"]) == ("Card", "FLEET", "2031-01-01T00:00:00.000Z")
    changed = json_of(await ctl("id-tags", "change", "CARD", "--blocked", "--without", "expires", "--json"))
    assert changed == added | {"blocked": True, "expiresAt": None}
    assert json_of(await ctl("id-tags", "show", "card", "--json")) == changed
    assert json_of(await ctl("id-tags", "list", "--blocked", "--json")) == {"items": [changed], "next": None}
    assert (await ctl("id-tags", "remove", "card")).exit_code == 0
    gone = await ctl("id-tags", "show", "card")
    assert gone.exit_code == 4
    assert "There is no id tag 'card'. (404)" in gone.stderr


async def test_a_table_for_people_shows_what_there_is(ctl: Ctl) -> None:
    shown = await ctl("id-tags", "list")
    assert shown.exit_code == 0
    head, row = shown.stdout.splitlines()
    assert head.split()[:3] == ["id", "id", "tag"]
    assert row.split()[:3] == ["1", "TAG", "-"]


async def test_json_is_that_of_the_api(ctl: Ctl, server: Csms) -> None:
    async with httpx.AsyncClient(base_url=f"http://{server.addresses.http[0]}") as client:
        answer = await client.get("/api/v1/id-tags", headers={"Authorization": f"Bearer {TOKEN}"})
    assert json_of(await ctl("id-tags", "list", "--json")) == answer.json()


async def test_what_is_wrong_is_said_by_exit_codes(ctl: Ctl) -> None:
    assert (await ctl("id-tags", "add", "TAG")).exit_code == 1
    wrong = await ctl("id-tags", "add", "x" * 21)
    assert wrong.exit_code == 2
    assert "idTag" in wrong.stderr
    assert wrong.stdout == ""
    assert (await ctl("id-tags", "change", "TAG", "--without", "everything")).exit_code == 2
