"""Lists in pages, by cursor."""

import base64

import httpx
import msgspec
import pytest

from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import View
from chargewright.csms.api.paging import PageAsked, page_of
from chargewright.csms.storage.base import IdTagRow

ROWS = [IdTagRow(id=number, id_tag=f"T{number % 3}") for number in range(1, 8)]


class Shown(View):
    id: str


def show(row: IdTagRow) -> Shown:
    return Shown(id=str(row.id))


async def read(after: tuple[object, int] | None, limit: int) -> list[IdTagRow]:
    """By text and id, as the storage does it."""
    ordered = sorted(ROWS, key=lambda row: (row.id_tag, row.id))
    return [row for row in ordered if after is None or (row.id_tag, row.id) > after][:limit]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
async def test_pages_put_together_are_the_list(limit: int) -> None:
    found: list[str] = []
    cursor, pages = None, 0
    while True:
        page = await page_of("list", PageAsked(limit, cursor), read, show, order="id_tag", is_text=True)
        assert len(page.items) <= limit
        found += [item.id for item in page.items]
        pages, cursor = pages + 1, page.next
        if cursor is None:
            break
    assert found == ["3", "6", "1", "4", "7", "2", "5"]
    assert pages == -(-len(ROWS) // limit)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "=", encoded("[]"), encoded('[1,1,"00000000"]'), encoded('[[],1,"x"]'), encoded("{}"), "A" * 400],
)
async def test_what_is_no_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        PageAsked(1, cursor).after("list")
    assert caught.value.status == 422
    assert caught.value.errors and caught.value.errors[0]["field"] == "cursor"


async def test_a_cursor_belongs_to_its_list() -> None:
    page = await page_of("list", PageAsked(1), read, show, order="id_tag", is_text=True)
    assert PageAsked(1, page.next).after("list") == ("T0", 3)
    with pytest.raises(Problem):
        PageAsked(1, page.next).after("another list")


async def test_the_bounds_of_a_page(client: httpx.AsyncClient) -> None:
    for limit in range(120):
        await client.post("/api/v1/id-tags", json={"idTag": f"TAG-{limit}"})
    page = (await client.get("/api/v1/id-tags")).json()
    assert len(page["items"]) == 100
    rest = (await client.get("/api/v1/id-tags", params={"cursor": page["next"]})).json()
    assert (len(rest["items"]), rest["next"]) == (21, None)
    assert len((await client.get("/api/v1/id-tags?limit=500")).json()["items"]) == 121
    for wrong in (0, 501, -1, 10**30, "x"):
        answer = await client.get(f"/api/v1/id-tags?limit={wrong}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(("order", "is_text", "value"), [("id", False, "text"), ("id_tag", True, 7)])
async def test_a_made_up_cursor_with_a_value_of_another_type_is_refused(
    order: str, is_text: bool, value: object
) -> None:
    page = await page_of("list", PageAsked(2), read, show, order=order, is_text=is_text)
    assert page.next is not None
    made = msgspec.json.decode(base64.urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4)))
    forged = base64.urlsafe_b64encode(msgspec.json.encode([value, *made[1:]])).rstrip(b"=").decode()
    with pytest.raises(Problem) as caught:
        await page_of("list", PageAsked(2, forged), read, show, order=order, is_text=is_text)
    assert caught.value.status == 422
