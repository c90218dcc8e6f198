"""Commands to stations: one now, one that is kept until the station is there, and what became of those kept."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response

from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import Instant, InstantIn, View, instant_text
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.commands.redaction import shown_text
from chargewright.csms.errors import InvalidValue
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, QueueFull, Refused, Unanswered
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.protocol.v16.coding import encode

__all__ = [
    "Force",
    "KeepUntil",
    "KeptCommand",
    "TimeoutSeconds",
    "check_instant",
    "commands",
    "refuse_oddities",
    "show",
]

TimeoutSeconds = Annotated[
    float | None, Query(gt=0, le=3600, description="How long the answer may take; absent: the server's setting")
]
KeepUntil = Annotated[
    InstantIn | None, Query(description="Keep it until then, to be sent when the station is there; with a zone")
]
Force = Annotated[bool, Query(description="Send it although it is odd: what the warnings say")]

_RETRY: Final = {"Retry-After": "5"}
_PAYLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The payload of the OCPP request, as on the wire",
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
    }
}


class KeptCommand(View):
    """A command that was written down, and what became of it."""

    id: str
    bulk_id: str | None
    station: str
    action: str
    payload: dict[str, Any]
    """Passwords and secrets of URLs in it are hidden."""
    state: str
    timeout_seconds: float
    created_at: Instant
    keep_until: Instant | None
    sent_at: Instant | None
    finished_at: Instant | None
    outcome: dict[str, Any] | None
    """How it ended: `outcome` is answered, refused, malformed, unanswered or not-sent."""


def show(parts: ApiParts, row: CommandRow) -> KeptCommand:
    """A row as it is answered."""
    return KeptCommand(
        id=row.command_id,
        bulk_id=row.bulk_id,
        station=parts.services.station_admin.identity(row.station_id),
        action=row.action,
        payload=shown_text(row.payload),
        state=row.state,
        timeout_seconds=row.timeout_seconds,
        created_at=row.created_at,
        keep_until=row.keep_until,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
        outcome=None if row.outcome is None else msgspec.json.decode(row.outcome),
    )


def check_instant(parts: ApiParts, field: str, instant: int | None) -> None:
    """Raise `InvalidValue` for an instant that is over."""
    if instant is not None and instant <= parts.clock.now_microseconds():
        raise InvalidValue(field, instant_text(instant), "a time that is still to come")


def refuse_oddities(warnings: list[str]) -> None:
    """Raise a 422 `Problem` with the warnings, where there are any."""
    if warnings:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"It is odd: {warnings[0]}. Send it with force=true if it is meant so.",
            members={"warnings": warnings},
        )


def queue_full(error: QueueFull) -> Problem:
    """What is answered where too many commands wait already."""
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{error}.", _RETRY, members={"outcome": "queue-full"})


def commands(parts: ApiParts) -> APIRouter:
    """Routes `/stations/{identity}/commands/{action}` and `/commands`."""
    router = APIRouter(tags=["commands"])
    admin, desk = parts.services.station_admin, parts.desk

    @router.post(
        "/stations/{identity}/commands/{action}",
        summary="Send a command to a station",
        openapi_extra=_PAYLOAD,
        response_model=None,
        responses={
            200: {
                "description": "The payload of the station's response, whatever its status",
                "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
            },
            202: {"description": "Kept; see Location", "model": KeptCommand},
        },
    )
    async def send_command(
        identity: str,
        action: str,
        request: Request,
        timeout_seconds: TimeoutSeconds = None,
        keep_until: KeepUntil = None,
        force: Force = False,
    ) -> Response:
        """Answers when the station has: 200 with its response, 502 where it sent CALLERROR or something that is no
        answer, 504 where nothing came in time, 409 where it is offline, 429 where too many commands wait for it, 422
        where the schema forbids it or it is odd and not forced. With `keep_until` 202 at once."""
        station = admin.known(identity)
        message = desk.check(action, await request.body())
        check_instant(parts, "keep_until", keep_until)
        if not force:
            refuse_oddities(await desk.warnings(station, message))
        try:
            if keep_until is not None:
                row = await desk.keep(station, message, keep_until=keep_until, timeout_seconds=timeout_seconds)
                return Response(
                    show(parts, row).model_dump_json(by_alias=True),
                    HTTPStatus.ACCEPTED,
                    {"Location": f"/api/v1/commands/{row.command_id}"},
                    "application/json",
                )
            outcome = await desk.send(station, message, timeout_seconds=timeout_seconds)
        except QueueFull as error:
            raise queue_full(error) from error
        return _answer(outcome)

    @router.get("/commands", summary="List commands that were written down")
    async def list_commands(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of a station")] = None,
        unfinished: Annotated[bool, Query(description="Only those where something may still happen")] = False,
    ) -> PageOf[KeptCommand]:
        """The newest first."""
        where: dict[str, Any] = {}
        if station is not None:
            where["station_id"] = admin.known(station).id
        if unfinished:
            where["finished_at"] = None
        return await read_page(
            "commands", asked, parts.storage, CommandRow, where, lambda row: show(parts, row), descending=True
        )

    @router.get("/commands/{id}", summary="Read a command")
    async def read_command(id: str) -> KeptCommand:
        return show(parts, await desk.get(id))

    @router.delete("/commands/{id}", summary="Take a command back")
    async def cancel_command(id: str) -> KeptCommand:
        """409 where it has left or has ended."""
        return show(parts, await desk.cancel(id))

    return router


def _answer(outcome: Outcome) -> Response:
    match outcome:
        case Answered():
            return Response(encode(outcome.response), HTTPStatus.OK, media_type="application/json")
        case Refused():
            said = f": {outcome.description}" if outcome.description else ""
            raise Problem(
                HTTPStatus.BAD_GATEWAY,
                f"The station refused with CALLERROR {outcome.code}{said}",
                members={
                    "outcome": "refused",
                    "code": outcome.code,
                    "description": outcome.description,
                    "details": outcome.details,
                },
            )
        case Malformed():
            detail = f"The station answered something that is no answer: {outcome.reason}"
            raise _failed(HTTPStatus.BAD_GATEWAY, detail, {"outcome": "malformed"})
        case Unanswered():
            detail = f"No answer: {outcome.reason}. Whether the station did it is not known."
            raise _failed(HTTPStatus.GATEWAY_TIMEOUT, detail, {"outcome": "unanswered"})
        case NotSent():
            detail = f"It was not sent: {outcome.reason}."
            raise _failed(HTTPStatus.CONFLICT, detail, {"outcome": "not-sent"})


def _failed(status: int, detail: str, members: Mapping[str, Any]) -> Problem:
    return Problem(status, detail, members=members)
