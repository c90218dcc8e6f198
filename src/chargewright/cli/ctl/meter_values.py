"""Tables of meter values."""

from collections.abc import Mapping
from typing import Any

from chargewright.cli.ctl.output import Columns

__all__ = ["VALUES"]


def _registers(item: Mapping[str, Any]) -> str:
    samples = item["sampledValue"]
    return ", ".join(
        " ".join(str(sample[name]) for name in ("measurand", "phase", "value", "unit") if sample.get(name) is not None)
        for sample in samples
    )


VALUES: Columns = {
    "time": "timestamp",
    "connector": "connectorId",
    "transaction": "transactionId",
    "Wh": "energyWh",
    "values": _registers,
}
