"""Id tags: who may charge. What a tag says is personal data and never part of a URL; its id there is an opaque text."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from chargewright.csms.api.models import ID_TAG_PATTERN, Body, Instant, InstantIn, View, row_id
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import NotFound
from chargewright.csms.services.id_tags import KIND
from chargewright.csms.storage.base import IdTagRow

__all__ = ["id_tags"]

# CiString20 of the specification (§7.28), printable.
NOTE_CHARACTERS: Final = 200

_Text = Annotated[str, Field(pattern=ID_TAG_PATTERN, description="1 to 20 printable ASCII characters (§7.28)")]
_MaxActive = Annotated[
    int | None, Field(ge=0, le=1000, description="0: any number; null: as the server's settings say")
]
_Note = Annotated[str | None, Field(max_length=NOTE_CHARACTERS)]


class IdTag(View):
    """A registered id tag."""

    id: str
    id_tag: str
    parent_id_tag: str | None
    expires_at: Instant | None
    blocked: bool
    max_active_transactions: int | None
    """How many transactions may be under way with it; 0: any number, null: as the server's settings say."""
    note: str | None


class NewIdTag(Body):
    """An id tag to be registered."""

    id_tag: _Text
    parent_id_tag: _Text | None = None
    expires_at: InstantIn | None = None
    blocked: bool = False
    max_active_transactions: _MaxActive = None
    note: _Note = None


class IdTagChange(Body):
    """What is to be different; what is not named stays."""

    parent_id_tag: _Text | None = None
    expires_at: InstantIn | None = None
    blocked: bool = False
    max_active_transactions: _MaxActive = None
    note: _Note = None


class IdTagQuestion(Body):
    """Which tag is looked for."""

    id_tag: _Text


def show(row: IdTagRow) -> IdTag:
    """A row as it is answered."""
    return IdTag(
        id=str(row.id),
        id_tag=row.id_tag,
        parent_id_tag=row.parent_id_tag,
        expires_at=row.expires_at,
        blocked=row.blocked,
        max_active_transactions=row.max_active_transactions,
        note=row.note,
    )


def id_tags(parts: ApiParts) -> APIRouter:
    """Routes `/id-tags`."""
    router = APIRouter(prefix="/id-tags", tags=["id-tags"])
    service = parts.services.id_tags

    @router.get("", summary="List id tags")
    async def list_id_tags(
        asked: PageQuery, blocked: Annotated[bool | None, Query(description="Only those blocked, or not")] = None
    ) -> PageOf[IdTag]:
        """In the order in which they were registered."""
        where = {} if blocked is None else {"blocked": blocked}
        return await read_page("id-tags", asked, parts.storage, IdTagRow, where, show)

    @router.post("", summary="Register an id tag", status_code=HTTPStatus.CREATED)
    async def register_id_tag(body: NewIdTag, response: Response) -> IdTag:
        """409 where it is registered already, in whatever case."""
        row = await service.add(IdTagRow(id=0, **body.model_dump()))
        response.headers["Location"] = f"/api/v1/id-tags/{row.id}"
        return show(row)

    @router.post("/lookup", summary="Find an id tag by what it says")
    async def look_up_id_tag(body: IdTagQuestion) -> IdTag:
        """404 where nobody registered it."""
        row = service.find(body.id_tag)
        if row is None:
            raise NotFound(KIND, body.id_tag)
        return show(row)

    @router.get("/{id}", summary="Read an id tag")
    async def read_id_tag(id: str) -> IdTag:
        return show(await service.get(row_id(KIND, id)))

    @router.patch("/{id}", summary="Change an id tag")
    async def change_id_tag(id: str, body: IdTagChange) -> IdTag:
        """What the body names is changed; `null` takes a value away."""
        return show(await service.change(row_id(KIND, id), body.model_dump(exclude_unset=True)))

    @router.delete("/{id}", summary="Remove an id tag", status_code=HTTPStatus.NO_CONTENT)
    async def remove_id_tag(id: str) -> None:
        """From now on it is one that nobody registered; its transactions stay."""
        await service.remove(row_id(KIND, id))

    return router
