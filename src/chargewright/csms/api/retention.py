"""How long each kind of data is kept, and removing what is too old now."""

from fastapi import APIRouter

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.services.retention import Kept

__all__ = ["retention"]


class KeptView(View):
    """One kind of data."""

    kind: str
    days: float
    """For how many days it is kept, by the setting `keep_<kind>_days`; 0: for ever."""
    removed: int
    """Rows that were removed since the start."""
    looked_at: Instant | None
    problem: str | None
    """Why the database did not remove them the last time."""


class RetentionView(View):
    """Every kind of data."""

    items: list[KeptView]


def retention(parts: ApiParts) -> APIRouter:
    """Routes `/retention`."""
    router = APIRouter(prefix="/retention", tags=["retention"])
    service = parts.services.retention

    @router.get("", summary="How long each kind of data is kept")
    async def read_retention() -> RetentionView:
        return _show(service.kept())

    @router.post("/run", summary="Remove what is too old now")
    async def run_retention() -> RetentionView:
        """Returns when it is done; the same is done by itself every `retention_seconds`."""
        return _show(await service.run())

    return router


def _show(kept: list[Kept]) -> RetentionView:
    return RetentionView(
        items=[
            KeptView(
                kind=each.kind,
                days=each.days,
                removed=each.removed,
                looked_at=each.looked_at,
                problem=each.problem,
            )
            for each in kept
        ]
    )
