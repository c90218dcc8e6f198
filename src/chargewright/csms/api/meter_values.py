"""Meter values as they are answered, and those of a station whatever transaction they name."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.storage.base import NO_TRANSACTION, UNKNOWN_CONNECTOR, MeterValueRow

__all__ = ["MeterValue", "SampledValue", "meter_values", "show_meter_value"]


class SampledValue(View):
    """One SampledValue (§7.43), byte for byte as the station sent its value; absent members were not sent."""

    value: str
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


class MeterValue(View):
    """All samples of one instant (§7.33)."""

    id: str
    timestamp: Instant
    timestamp_as_sent: str
    received_at: Instant
    connector_id: int | None
    """Null where it cannot be told."""
    transaction_id: int | None
    """As sent; null where none was sent."""
    stop: str | None
    """The stop whose transactionData brought it."""
    energy_wh: float | None
    """Energy.Active.Import.Register of the whole connector."""
    power_w: float | None
    """Power.Active.Import of the whole connector."""
    soc_percent: float | None
    sampled_value: list[SampledValue]


_samples: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode


def show_meter_value(row: MeterValueRow) -> MeterValue:
    """A row as it is answered."""
    return MeterValue(
        id=str(row.id),
        timestamp=row.instant,
        timestamp_as_sent=row.station_time,
        received_at=row.received_at,
        connector_id=None if row.connector_id == UNKNOWN_CONNECTOR else row.connector_id,
        transaction_id=None if row.transaction_id == NO_TRANSACTION else row.transaction_id,
        stop=None if row.transaction_stop_id is None else str(row.transaction_stop_id),
        energy_wh=row.energy_wh,
        power_w=row.power_w,
        soc_percent=row.soc_percent,
        sampled_value=[SampledValue.model_validate(sample) for sample in _samples(row.samples)],
    )


def meter_values(parts: ApiParts) -> APIRouter:
    """Route `/stations/{identity}/meter-values`."""
    router = APIRouter(prefix="/stations/{identity}", tags=["transactions"])

    @router.get("/meter-values", summary="List the meter values of a station")
    async def list_meter_values(
        identity: str,
        asked: PageQuery,
        transaction_id: Annotated[
            int | None,
            Query(ge=-(2**63) + 1, le=2**63 - 1, description="As the station sent it"),
        ] = None,
        without_transaction: Annotated[bool, Query(description="Only those sent without transactionId")] = False,
        connector_id: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="0: the whole station")] = None,
    ) -> PageOf[MeterValue]:
        """In the order of their instants: all that the station sent, whether or not a transaction is known."""
        station = parts.services.station_admin.known(identity)
        wanted = NO_TRANSACTION if without_transaction else transaction_id

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[MeterValueRow]:
            return await parts.storage.meter_values(
                station.id, transaction_id=wanted, connector_id=connector_id, after=after, limit=limit
            )

        return await page_of(f"meter values of station {station.id}", asked, read, show_meter_value, order="instant")

    return router
