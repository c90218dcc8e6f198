"""Is it alive, is it ready? For load balancers and supervisors; without authentication."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, Response

from chargewright.csms.api.errors import Problem

__all__ = ["probes"]


def probes(not_ready: Callable[[], str | None]) -> APIRouter:
    """Routes `/healthz` and `/readyz`; `not_ready` gives the reason why no station should be sent here, None when one
    may."""
    router = APIRouter(tags=["probes"])

    @router.get("/healthz", summary="Whether the process answers")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @router.get("/readyz", summary="Whether stations may come")
    async def readyz() -> Response:
        reason = not_ready()
        if reason is not None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        return Response("ready\n", media_type="text/plain")

    return router
