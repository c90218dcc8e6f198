"""The REST API as one ASGI application."""

from collections.abc import Callable
from importlib.metadata import version

from fastapi import Depends, FastAPI

from chargewright.csms.api import errors
from chargewright.csms.api.auth import bearer_key
from chargewright.csms.api.events import events
from chargewright.csms.api.probes import probes
from chargewright.csms.event_feed import EventFeed

__all__ = ["create_api"]


def create_api(feed: EventFeed, token: str | None, not_ready: Callable[[], str | None]) -> FastAPI:
    """The application; `token` is the bearer key of every route under `/api/v1`, `not_ready` the reason of
    `/readyz`."""
    api = FastAPI(
        title="Chargewright CSMS", version=version("chargewright"), docs_url=None, redoc_url=None, openapi_url=None
    )
    errors.install(api)
    api.include_router(probes(not_ready))
    api.include_router(events(feed), prefix="/api/v1", dependencies=[Depends(bearer_key(token))])
    return api
