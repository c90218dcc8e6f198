"""Id tags over REST, down to what a station is told."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.csms.bench import Workbench

URL = "/api/v1/id-tags"


async def add(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"{URL}/{added['id']}"
    return added


async def authorized(bench: Workbench, id_tag: str) -> str:
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    answer = await bench.exchange(connection, "Authorize", {"idTag": id_tag})
    status: str = answer[2]["idTagInfo"]["status"]
    return status


async def test_a_tag_is_registered_read_changed_and_removed(bench: Workbench, client: httpx.AsyncClient) -> None:
    assert await authorized(bench, "Card-1") == "Invalid"
    added = await add(client, idTag="Card-1", parentIdTag="FLEET", expiresAt="2031-01-01T00:00:00+01:00")
    assert added == {
        "id": added["id"],
        "idTag": "Card-1",
        "parentIdTag": "FLEET",
        "expiresAt": "2030-12-31T23:00:00.000Z",
        "blocked": False,
        "maxActiveTransactions": None,
        "note": None,
    }
    one = f"{URL}/{added['id']}"
    assert (await client.get(one)).json() == added
    assert await authorized(bench, "CARD-1") == "Accepted"
    changed = (await client.patch(one, json={"blocked": True, "expiresAt": None, "note": "lost"})).json()
    assert changed == added | {"blocked": True, "expiresAt": None, "note": "lost"}
    assert await authorized(bench, "card-1") == "Blocked"
    assert (await client.delete(one)).status_code == 204
    assert (await client.get(one)).status_code == 404
    assert await authorized(bench, "card-1") == "Invalid"
    kinds = [kind for kind in await bench.event_kinds() if kind.startswith("id_tag")]
    assert kinds == ["id_tag.changed", "id_tag.changed", "id_tag.removed"]


async def test_a_tag_is_found_by_what_it_says_without_a_url_that_says_it(client: httpx.AsyncClient) -> None:
    added = await add(client, idTag="Card-2")
    assert (await client.post(f"{URL}/lookup", json={"idTag": "cARD-2"})).json() == added
    assert (await client.post(f"{URL}/lookup", json={"idTag": "nobody"})).status_code == 404


async def test_the_same_tag_in_another_case_is_there_already(client: httpx.AsyncClient) -> None:
    added = await add(client, idTag="Card-3", note="first")
    answer = await client.post(URL, json={"idTag": "CARD-3", "note": "second"})
    assert answer.status_code == 409
    assert (await client.get(f"{URL}/{added['id']}")).json()["note"] == "first"


async def test_of_two_at_once_one_is_told_so(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(URL, json={"idTag": "Card-4"}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_only_blocked_ones_are_listed(client: httpx.AsyncClient) -> None:
    blocked = await add(client, idTag="Card-5", blocked=True)
    assert (await client.get(f"{URL}?blocked=true")).json() == {"items": [blocked], "next": None}
    free = (await client.get(f"{URL}?blocked=false")).json()["items"]
    assert [item["idTag"] for item in free] == ["TAG"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "idTag"),
        ({"idTag": ""}, "idTag"),
        ({"idTag": "x" * 21}, "idTag"),
        ({"idTag": "tab\t"}, "idTag"),
        ({"idTag": "line\n"}, "idTag"),
        ({"idTag": 7}, "idTag"),
        ({"idTag": "x", "expiresAt": "2031-01-01"}, "expiresAt"),
        ({"idTag": "x", "maxActiveTransactions": -1}, "maxActiveTransactions"),
        ({"idTag": "x", "blocked": "yes"}, "blocked"),
        ({"idTag": "x", "id_tag": "x"}, "id_tag"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, Any], field: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 422
    (wrong,) = answer.json()["errors"]
    assert (wrong["place"], wrong["field"]) == ("body", field)
    assert wrong["expected"]


async def test_unknown_ids_are_not_found(client: httpx.AsyncClient) -> None:
    for unknown in ("0", "999", "x", "9" * 30):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await client.request(method, f"{URL}/{unknown}", json={} if method == "PATCH" else None)
            assert answer.status_code == 404, (method, unknown)


async def test_a_database_that_does_not_confirm_is_503_and_changes_nothing_in_memory(
    bench: Workbench, client: httpx.AsyncClient
) -> None:
    await bench.storage.journal.close()
    answer = await client.post(URL, json={"idTag": "Card-6"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert (await client.post(f"{URL}/lookup", json={"idTag": "Card-6"})).status_code == 404
