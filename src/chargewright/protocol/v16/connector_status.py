"""Which status of a connector may follow which (§4.9, with B6 of errata v4.0 §3.20)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chargewright.protocol.v16.core import ChargePointStatus

__all__ = ["CONNECTOR_ZERO_STATUSES", "CONNECTOR_ZERO_TRANSITIONS", "TRANSITIONS", "transition"]

_COLUMNS: Final = (
    ChargePointStatus.AVAILABLE,
    ChargePointStatus.PREPARING,
    ChargePointStatus.CHARGING,
    ChargePointStatus.SUSPENDED_EV,
    ChargePointStatus.SUSPENDED_EVSE,
    ChargePointStatus.FINISHING,
    ChargePointStatus.RESERVED,
    ChargePointStatus.UNAVAILABLE,
    ChargePointStatus.FAULTED,
)

# One row per status left, one column per status entered, both in the order above; "–" is no transition.
_MATRIX: Final = """
    –  A2 A3 A4 A5 –  A7 A8 A9
    B1 –  B3 B4 B5 B6 –  –  B9
    C1 –  –  C4 C5 C6 –  C8 C9
    D1 –  D3 –  D5 D6 –  D8 D9
    E1 –  E3 E4 –  E6 –  E8 E9
    F1 F2 –  –  –  –  –  F8 F9
    G1 G2 –  –  –  –  –  G8 G9
    H1 H2 H3 H4 H5 –  –  –  H9
    I1 I2 I3 I4 I5 I6 I7 I8 –
"""


def _table() -> Mapping[ChargePointStatus, Mapping[ChargePointStatus, str]]:
    rows = [line.split() for line in _MATRIX.strip().splitlines()]
    return MappingProxyType(
        {
            origin: MappingProxyType({to: cell for to, cell in zip(_COLUMNS, row, strict=True) if cell != "–"})
            for origin, row in zip(_COLUMNS, rows, strict=True)
        }
    )


# From → {to: name of the cell}, for connectors above 0.
TRANSITIONS: Final[Mapping[ChargePointStatus, Mapping[ChargePointStatus, str]]] = _table()

# Connector 0 is the station itself; its status does not follow from those of the connectors (§4.9).
CONNECTOR_ZERO_STATUSES: Final = frozenset(
    {ChargePointStatus.AVAILABLE, ChargePointStatus.UNAVAILABLE, ChargePointStatus.FAULTED}
)
CONNECTOR_ZERO_TRANSITIONS: Final[Mapping[ChargePointStatus, Mapping[ChargePointStatus, str]]] = MappingProxyType(
    {
        origin: MappingProxyType({to: cell for to, cell in row.items() if to in CONNECTOR_ZERO_STATUSES})
        for origin, row in TRANSITIONS.items()
        if origin in CONNECTOR_ZERO_STATUSES
    }
)


def transition(connector_id: int, origin: ChargePointStatus, to: ChargePointStatus) -> str | None:
    """The name of the cell that leads from one status to the other, as in the specification; None where none does."""
    table = CONNECTOR_ZERO_TRANSITIONS if connector_id == 0 else TRANSITIONS
    return table.get(origin, {}).get(to)
