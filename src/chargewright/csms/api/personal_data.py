"""Personal data of one id tag: all of it in one answer, and a pseudonym in its place. The tag stands in the body,
never in a URL."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from pydantic.alias_generators import to_camel

from chargewright.csms.api.id_tags import IdTag, IdTagQuestion, show
from chargewright.csms.api.models import Instant, View, instant_text
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.services.personal_data import PersonalData
from chargewright.csms.storage.rows.base import Row
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow

__all__ = ["personal_data"]

HIDDEN: Final = frozenset({"id", "id_tag_key", "parent_id_tag_key", "charging_transaction_id", "content_hash"})
# What names of columns that hold instants, in microseconds, end with.
INSTANTS: Final = ("_at", "instant")
# What has another name in the other resources.
NAMES: Final = {
    "start_instant": "startedAt",
    "stop_instant": "stoppedAt",
    "instant": "timestamp",
    "station_time": "timestampAsSent",
    "stop_station_time": "stopTimestampAsSent",
    "end_reason": "reason",
}


class PersonalDataView(View):
    """Everything that is stored under one id tag, in the words of the other resources: times as texts in UTC, stations
    by identity."""

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
        data = await service.export(body.id_tag)
        rows: list[TransactionRow | TransactionStopRow | ReservationRow]
        rows = [*data.transactions, *data.stops, *data.reservations]
        scopes = (row.scope.partition(":") for row in data.local_list_entries)
        ids = {row.station_id for row in rows} | {int(number) for kind, _, number in scopes if kind == "station"}
        stations = await parts.services.transaction_keeping.identities(ids)
        return _show(data, body.id_tag, parts.clock.now_microseconds(), stations)

    @router.post("/pseudonymise", summary="Put a pseudonym in the place of an id tag")
    async def pseudonymise_personal_data(body: IdTagQuestion) -> PseudonymisedView:
        """Energy, times and ids stay as they are. 409 while the tag is charging, reserved or on a wanted local list."""
        done = await service.pseudonymise(body.id_tag)
        return PseudonymisedView(pseudonym=done.pseudonym, changed=dict(done.changed), remaining=done.remaining)

    return router


def _show(data: PersonalData, id_tag: str, at: int, stations: Mapping[int, str]) -> PersonalDataView:
    return PersonalDataView(
        id_tag=id_tag,
        also_written_as=[text for text in data.texts if text != id_tag],
        exported_at=at,
        registration=None if data.registration is None else show(data.registration),
        transactions=[_members(row, stations) for row in data.transactions],
        stops=[_members(row, stations) for row in data.stops],
        reservations=[_members(row, stations) for row in data.reservations],
        local_list_entries=[_members(row, stations) for row in data.local_list_entries],
    )


def _members(row: Row, stations: Mapping[int, str]) -> dict[str, Any]:
    """The columns of a row under the names of REST; our own row ids and folded keys tell nobody anything."""
    members: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(row).items():
        if name == "station_id":
            members["station"] = stations.get(value, str(value))
        elif name == "scope" and value.startswith("station:"):
            members[name] = f"station {stations.get(int(value.partition(':')[2]), value)}"
        elif name not in HIDDEN:
            is_instant = isinstance(value, int) and name.endswith(INSTANTS) and not isinstance(value, bool)
            members[NAMES.get(name) or to_camel(name)] = instant_text(value) if is_instant else value
    return members
