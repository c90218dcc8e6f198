"""Attempts to connect that came to nothing, and registering the station of one: "it does not connect"."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.stations import RegisteredStation, StationChoices, register
from chargewright.csms.attempts import AttemptRow

__all__ = ["attempts"]


class Attempt(View):
    """Attempts alike: of one identity or path, from one address, that failed for one cause."""

    id: str
    cause: str
    identity: str | None
    address: str | None
    path: str
    subprotocols: str | None
    detail: str
    count: int
    first_at: Instant
    last_at: Instant


class Attempts(View):
    """All of them: there are never more than a thousand."""

    items: list[Attempt]
    next: None = None


def _show(row: AttemptRow) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in Attempt.model_fields})


def attempts(parts: ApiParts) -> APIRouter:
    """Routes `/stations/attempts`."""
    router = APIRouter(prefix="/stations/attempts", tags=["stations"])
    service = parts.services.attempts

    @router.get("", summary="List attempts to connect that came to nothing")
    async def list_attempts() -> Attempts:
        """The last first."""
        return Attempts(items=[_show(row) for row in service.entries()])

    @router.get("/{id}", summary="Read an attempt")
    async def read_attempt(id: str) -> Attempt:
        return _show(service.get(id))

    @router.post("/{id}/register", summary="Register the station of an attempt", status_code=HTTPStatus.CREATED)
    async def register_attempt(id: str, response: Response, body: StationChoices | None = None) -> RegisteredStation:
        """As `POST /stations` with the identity that it came with; without a body, with a new password. 409 where it
        named none, or is registered."""
        identity = service.identity(id)
        registered = await register(parts, identity, body or StationChoices())
        response.headers["Location"] = f"/api/v1/stations/{identity}"
        return registered

    return router
