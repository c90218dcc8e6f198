"""What a person sees of a station: plain values, no ways back into it."""

import msgspec

from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.context import Authorization
from chargewright.station.hardware.interface import MeterReading
from chargewright.station.presented_tag import PresentedTag
from chargewright.station.store import StoredTransaction

__all__ = ["ConnectorSnapshot", "StationSnapshot", "connector_snapshot", "masked"]


class ConnectorSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One connector. `id_tag` is masked; `transaction_id` is None until the CSMS has given it."""

    connector_id: int
    status: ChargePointStatus
    power_w: float
    register_wh: int
    soc_percent: float | None
    has_transaction: bool
    transaction_id: int | None
    transaction_energy_wh: int | None
    id_tag: str | None


class StationSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One station. Energies in Wh; `energy_completed_wh` is that of stopped transactions, from meterStart to meterStop.

    Transactions and energy are those of its memory's whole life, messages sent and received those since it was made.
    `was_accepted`: by an answer to BootNotification at some time since then. `messages_queued` are transaction messages
    not answered yet. `last_tag` is the last one held before the reader since then.
    """

    station_id: str
    is_connected: bool
    is_accepted: bool
    was_accepted: bool = False
    connectors: tuple[ConnectorSnapshot, ...]
    transactions_completed: int
    energy_completed_wh: int
    energy_running_wh: int
    messages_sent: int
    messages_received: int
    messages_queued: int
    last_tag: PresentedTag | None = None


def connector_snapshot(
    connector_id: int,
    status: ChargePointStatus,
    reading: MeterReading,
    user: Authorization | None,
    transaction: StoredTransaction | None,
) -> ConnectorSnapshot:
    """What a connector shows with this reading of its meter, and this transaction of this user."""
    return ConnectorSnapshot(
        connector_id=connector_id,
        status=status,
        power_w=reading.power_w or 0.0,
        register_wh=reading.register_wh,
        soc_percent=reading.soc_percent,
        has_transaction=transaction is not None,
        transaction_id=None if transaction is None else transaction.transaction_id,
        transaction_energy_wh=None if transaction is None else reading.register_wh - transaction.meter_start_wh,
        id_tag=None if user is None else masked(user.id_tag),
    )


def masked(id_tag: str) -> str:
    """An id tag that can be shown: the last four characters at most, and never more than half of it."""
    shown = min(4, len(id_tag) // 2)
    return "…" + id_tag[len(id_tag) - shown :] if shown else "…"
