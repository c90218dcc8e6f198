"""Strict reading, with the one exception that strictness must not cost a bill.

A strict station's message is refused as the schemas say. But a time stamp is never a reason to refuse Start-,
StopTransaction or MeterValues: the station would repeat the message, discard it at last, and the energy would be lost
(§3.7.1).
"""

from typing import Final

import msgspec

from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.deviations import DeviationKind
from chargewright.protocol.v16.repairs import TRANSACTION_MESSAGES
from chargewright.protocol.v16.salvage import Salvaged, salvage

__all__ = ["salvage_times"]

_TIMES: Final = frozenset({DeviationKind.TIME_UNREADABLE, DeviationKind.TIME_TOO_LONG, DeviationKind.TIME_FORM})


def salvage_times(kind: type[Message], payload: bytes | msgspec.Raw) -> Salvaged:
    """Read the payload strictly, times of transaction messages excepted; raises the failure of strict decoding."""
    if kind in TRANSACTION_MESSAGES:
        salvaged = salvage(kind, payload)
        if all(deviation.kind in _TIMES for deviation in salvaged.deviations):
            return salvaged
    return Salvaged(decode(kind, payload), ())
