"""One command for many stations: asked for once, with progress and a result for each."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import FailFast, Field

from chargewright.csms.api.commands import (
    Force,
    KeepUntil,
    KeptCommand,
    TimeoutSeconds,
    check_instant,
    queue_full,
    refuse_oddities,
    show,
)
from chargewright.csms.api.models import Body, Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.commands.bulk import Selection
from chargewright.csms.commands.states import CommandState
from chargewright.csms.outcomes import QueueFull
from chargewright.csms.storage.rows.commands import BulkCommandRow, CommandRow

__all__ = ["bulk_commands"]

# Identities or groups that one request may name; `all` and the filters select more.
NAMES: Final = 20_000

_Word = Annotated[str | None, Field(max_length=100)]


class StationSelection(Body):
    """Those named, those of the groups named, or all; of these the ones with that vendor, model and firmware."""

    identities: Annotated[list[str], FailFast(), Field(max_length=NAMES, default_factory=list)]
    groups: Annotated[list[str], FailFast(), Field(max_length=NAMES, default_factory=list)]
    all: bool = False
    vendor: _Word = None
    model: _Word = None
    firmware_version: _Word = None


class NewBulkCommand(Body):
    """A command and its stations."""

    action: Annotated[str, Field(max_length=50)]
    payload: dict[str, Any]
    """Of the OCPP request, as on the wire."""
    selection: StationSelection


class BulkCommand(View):
    """A bulk command as it was asked for."""

    id: str
    action: str
    payload: dict[str, Any]
    selection: dict[str, Any]
    stations: int
    created_at: Instant


class BulkCommandProgress(BulkCommand):
    """A bulk command and how far it is."""

    states: dict[str, int]
    """How many stations there are for each state of their command."""
    unfinished: int
    """Stations where something may still happen."""


class Cancelled(View):
    """How many commands were taken back."""

    cancelled: int


def _fields(row: BulkCommandRow) -> dict[str, Any]:
    return {
        "id": row.bulk_id,
        "action": row.action,
        "payload": msgspec.json.decode(row.payload),
        "selection": msgspec.json.decode(row.selection),
        "stations": row.stations,
        "created_at": row.created_at,
    }


def bulk_commands(parts: ApiParts) -> APIRouter:
    """Routes `/bulk-commands`."""
    router = APIRouter(prefix="/bulk-commands", tags=["commands"])
    desk = parts.desk

    @router.post("", summary="Send a command to many stations", status_code=HTTPStatus.ACCEPTED)
    async def send_bulk_command(
        body: NewBulkCommand,
        response: Response,
        timeout_seconds: TimeoutSeconds = None,
        keep_until: KeepUntil = None,
        force: Force = False,
    ) -> BulkCommand:
        """Without `keep_until`, stations that are offline are not sent it. 422 where the schema forbids it, nothing is
        selected, or it is odd for a station and not forced."""
        request = desk.check(body.action, body.payload)
        check_instant(parts, "keep_until", keep_until)
        selection = Selection(**{name: _frozen(value) for name, value in body.selection.model_dump().items()})
        stations = await desk.select(selection)
        if not force:
            refuse_oddities(await desk.bulk_warnings(stations, request))
        try:
            row = await desk.bulk(stations, selection, request, keep_until=keep_until, timeout_seconds=timeout_seconds)
        except QueueFull as error:
            raise queue_full(error) from error
        response.headers["Location"] = f"/api/v1/bulk-commands/{row.bulk_id}"
        return BulkCommand(**_fields(row))

    @router.get("", summary="List bulk commands")
    async def list_bulk_commands(asked: PageQuery) -> PageOf[BulkCommand]:
        """The newest first."""
        return await read_page(
            "bulk-commands",
            asked,
            parts.storage,
            BulkCommandRow,
            {},
            lambda row: BulkCommand(**_fields(row)),
            descending=True,
        )

    @router.get("/{id}", summary="Read a bulk command and its progress")
    async def read_bulk_command(id: str) -> BulkCommandProgress:
        progress = await desk.bulk_progress(id)
        return BulkCommandProgress(
            **_fields(progress.row), states=dict(progress.states), unfinished=progress.unfinished
        )

    @router.get("/{id}/commands", summary="List what became of a bulk command, station by station")
    async def list_results(
        id: str, asked: PageQuery, state: Annotated[CommandState | None, Query()] = None
    ) -> PageOf[KeptCommand]:
        """In the order of the stations' registration."""
        await desk.bulk_progress(id)
        where: dict[str, Any] = {"bulk_id": id} | ({} if state is None else {"state": state.value})
        name = f"bulk-commands/{id}"
        return await read_page(name, asked, parts.storage, CommandRow, where, lambda row: show(parts, row))

    @router.delete("/{id}", summary="Take back what has not left of a bulk command")
    async def cancel_bulk_command(id: str) -> Cancelled:
        return Cancelled(cancelled=await desk.cancel_bulk(id))

    return router


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
