"""What a person sees of a station: plain values, no ways back into it."""

import msgspec

from chargewright.protocol.v16.core import ChargePointStatus

__all__ = ["ConnectorSnapshot", "StationSnapshot", "masked"]


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

    `messages_queued` are transaction messages not answered yet.
    """

    station_id: str
    is_connected: bool
    is_accepted: bool
    connectors: tuple[ConnectorSnapshot, ...]
    transactions_completed: int
    energy_completed_wh: int
    energy_running_wh: int
    messages_sent: int
    messages_received: int
    messages_queued: int


def masked(id_tag: str) -> str:
    """An id tag that can be shown: the last four characters at most, and never more than half of it."""
    shown = min(4, len(id_tag) // 2)
    return "…" + id_tag[len(id_tag) - shown :] if shown else "…"
