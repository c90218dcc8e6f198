"""Personal data of one id tag: all of it in one answer, and a pseudonym in its place. The tag stands in the body,
never in a URL."""

from typing import Any

import msgspec
from fastapi import APIRouter

from chargewright.csms.api.id_tags import IdTag, IdTagQuestion, show
from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.services.personal_data import PersonalData
from chargewright.csms.storage.rows.base import Row

__all__ = ["personal_data"]


class PersonalDataView(View):
    """Everything that is stored under one id tag. Rows are shown as they are kept: instants in microseconds since
    1970-01-01 UTC."""

    id_tag: str
    also_written_as: list[str]
    exported_at: Instant
    registration: IdTag | None
    transactions: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    reservations: list[dict[str, Any]]
    local_list_entries: list[dict[str, Any]]


class PseudonymisedView(View):
    """What stands in the place of the tag now."""

    pseudonym: str
    changed: dict[str, int]
    """How many values changed, by table and column."""
    remaining: int
    """Entries that were taken off local lists and are kept until every station has been told."""


def personal_data(parts: ApiParts) -> APIRouter:
    """Routes `/personal-data`."""
    router = APIRouter(prefix="/personal-data", tags=["personal-data"])
    service = parts.services.personal_data

    @router.post("/export", summary="Everything that is stored of an id tag")
    async def export_personal_data(body: IdTagQuestion) -> PersonalDataView:
        """404 where nothing is stored of it."""
        return _show(await service.export(body.id_tag), body.id_tag, parts.clock.now_microseconds())

    @router.post("/pseudonymise", summary="Put a pseudonym in the place of an id tag")
    async def pseudonymise_personal_data(body: IdTagQuestion) -> PseudonymisedView:
        """Energy, times and ids stay as they are. 409 while the tag is charging, reserved or on a wanted local list."""
        done = await service.pseudonymise(body.id_tag)
        return PseudonymisedView(pseudonym=done.pseudonym, changed=dict(done.changed), remaining=done.remaining)

    return router


def _show(data: PersonalData, id_tag: str, at: int) -> PersonalDataView:
    return PersonalDataView(
        id_tag=id_tag,
        also_written_as=[text for text in data.texts if text != id_tag],
        exported_at=at,
        registration=None if data.registration is None else show(data.registration),
        transactions=_rows(data.transactions),
        stops=_rows(data.stops),
        reservations=_rows(data.reservations),
        local_list_entries=_rows(data.local_list_entries),
    )


def _rows(rows: list[Any]) -> list[dict[str, Any]]:
    return [_row(row) for row in rows]


def _row(row: Row) -> dict[str, Any]:
    # Our own row ids and folded keys tell nobody anything.
    hidden = ("id", "id_tag_key")
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in hidden}
