"""Attempts to connect that came to nothing, and registering the station of one: "it does not connect"."""

from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import APIRouter, Response

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
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


class Attempts(PageOf[Attempt]):
    """One page of them."""


class _Listed(NamedTuple):
    """One of a list in the order of (`last_at`, `id` of the attempt), as pages go on by numbers."""

    row: AttemptRow

    @property
    def id(self) -> int:
        return self.row.last_at

    @property
    def attempt(self) -> str:
        return self.row.id


def _show(row: AttemptRow) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in Attempt.model_fields})


def attempts(parts: ApiParts) -> APIRouter:
    """Routes `/stations/attempts`."""
    router = APIRouter(prefix="/stations/attempts", tags=["stations"])
    service = parts.services.attempts

    @router.get("", summary="List attempts to connect that came to nothing")
    async def list_attempts(asked: PageQuery) -> Attempts:
        """The last first. One that comes again while its pages are read moves to the first."""

        async def read(after: tuple[Any, int] | None, limit: int) -> list[_Listed]:
            rows = sorted(service.entries(), key=lambda row: (row.last_at, row.id), reverse=True)
            if after is not None:
                rows = [row for row in rows if (row.last_at, row.id) < (after[1], str(after[0]))]
            return [_Listed(row) for row in rows[:limit]]

        page = await page_of("attempts", asked, read, lambda one: _show(one.row), order="attempt", is_text=True)
        return Attempts.model_construct(items=page.items, next=page.next)

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
