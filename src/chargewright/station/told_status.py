"""What was told last of one connector: the same is not told twice, and each change is one that §4.9 knows."""

from collections.abc import Callable
from typing import Final

from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.context import StatusReport

__all__ = ["ToldStatus"]

# What Reserved may follow (§4.9); itself, because a report may change otherwise.
_BEFORE_RESERVED: Final = frozenset(
    {ChargePointStatus.AVAILABLE, ChargePointStatus.FAULTED, ChargePointStatus.RESERVED}
)


class ToldStatus:
    """`first` counts as told; `report` gets each change."""

    def __init__(self, first: StatusReport, report: Callable[[StatusReport], None]) -> None:
        self._last = first
        self._report = report

    @property
    def status(self) -> ChargePointStatus:
        """The last one."""
        return self._last.status

    def tell(self, report: StatusReport) -> None:
        """This is true now. Idempotent."""
        if report.status is ChargePointStatus.RESERVED and self._last.status not in _BEFORE_RESERVED:
            # §4.9 leads to Reserved from Available only: whoever used it has gone.
            self._tell(StatusReport(report.connector_id, ChargePointStatus.AVAILABLE))
        self._tell(report)

    def _tell(self, report: StatusReport) -> None:
        if report != self._last:
            self._last = report
            self._report(report)
