"""StatusNotification: every change while online, the present state after a silence (§4.9)."""

from typing import Final

from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.core import StatusNotificationRequest, StatusNotificationResponse
from chargewright.station.context import CallFailed, CallFailure, Context, StatusReport
from chargewright.station.dialect import Dialect
from chargewright.station.flag import Flag
from chargewright.station.hardware.interface import Timer

__all__ = ["StatusNotifications"]

INFO_LENGTH = 50
# A timer may fire a rounding error early.
MARGIN_SECONDS = 0.001
# So many changes of a connector wait for a CSMS that does not answer; more would be history by then.
MOST_WAITING: Final = 10
# What was not answered is told again after this time.
RETRY_SECONDS: Final = 60.0


class StatusNotifications:
    """Reports in order, one at a time. What changed while offline is told once, as it is then: no history (§4.9).

    While answers fail to come, a change and its opposite are left out together, so that what is told in the end are
    moves that §4.9 knows; a report without an answer is told again after `RETRY_SECONDS`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._current: dict[int, StatusReport] = {}
        self._told: dict[int, StatusReport] = {}
        # Told, or on its way; when the present status began; and those that have to last a while yet.
        self._said: dict[int, StatusReport] = {}
        self._since: dict[int, float] = {}
        self._lasting: dict[int, Timer] = {}
        self._waiting: list[tuple[StatusNotificationRequest, StatusReport, bool]] = []
        self._again: Timer | None = None
        self._is_idle = Flag()
        self._is_idle.set()

    async def wait_until_told(self) -> None:
        """Return when nothing is under way: told, or offline, where `online` will tell it."""
        await self._is_idle.wait()

    def report(self, report: StatusReport) -> None:
        """The status of a connector has changed, or is known for the first time."""
        known = self._current.get(report.connector_id)
        self._current[report.connector_id] = report
        if known is None or known.status is not report.status:
            self._since[report.connector_id] = self._context.clock.monotonic()
        if self._context.is_online():
            self._tell_what_lasts(report.connector_id)

    def stop(self) -> None:
        """Wait for no status to last any more. Idempotent."""
        for timer in self._lasting.values():
            timer.cancel()
        self._lasting.clear()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def booted(self) -> None:
        """The station was accepted after a boot: `online` will tell everything (errata v4.0 §3.22)."""
        self._told.clear()
        self._said.clear()

    def online(self) -> None:
        """The line is back: tell what is not known yet."""
        self._waiting.clear()
        self._said = dict(self._told)
        self._tell_what_is_untold()

    def _tell_what_is_untold(self) -> None:
        for connector_id in sorted(self._current, reverse=Dialect.STATUSES_REVERSED in self._context.spoken):
            if self._said.get(connector_id) != self._current[connector_id]:
                self._tell_what_lasts(connector_id)

    def repeat(self, connector_ids: list[int]) -> None:
        """Tell the present status again, as TriggerMessage asks (§5.17)."""
        for connector_id in connector_ids:
            self._put(self._current[connector_id], is_triggered=True)

    def _tell_what_lasts(self, connector_id: int) -> None:
        """Tell the present status, once it has lasted as long as MinimumStatusDuration says (§9.1.20)."""
        timer = self._lasting.pop(connector_id, None)
        if timer is not None:
            timer.cancel()
        report, said = self._current[connector_id], self._said.get(connector_id)
        is_limited = self._context.product.limits_status_notifications
        minimum = self._context.configuration.integer("MinimumStatusDuration") if is_limited else 0
        if minimum > 0 and report == said:
            # What it was in between has not lasted.
            return
        lasted = self._context.clock.monotonic() - self._since[connector_id]
        # After a boot everything is told at once (errata v4.0 §3.22), and news of a status that is known.
        if said is None or said.status is report.status or lasted >= minimum:
            self._put(report, is_triggered=False)
            return
        self._lasting[connector_id] = self._context.call_later(
            minimum - lasted + MARGIN_SECONDS, lambda: self._has_lasted(connector_id)
        )

    def _has_lasted(self, connector_id: int) -> None:
        self._lasting.pop(connector_id, None)
        if self._context.is_online():
            self._tell_what_lasts(connector_id)

    def _put(self, report: StatusReport, *, is_triggered: bool) -> None:
        request = StatusNotificationRequest(
            connector_id=report.connector_id,
            error_code=report.error_code,
            status=report.status,
            info=UNSET if report.info is None else report.info[:INFO_LENGTH],
            timestamp=Timestamp.of(self._context.clock.now()),
        )
        self._waiting.append((request, report, is_triggered))
        self._forget_detours(report.connector_id, is_triggered)
        self._said[report.connector_id] = report
        if self._is_idle.is_set():
            self._is_idle.clear()
            self._context.spawn(self._send())

    def _forget_detours(self, connector_id: int, is_triggered: bool) -> None:
        """Where too many reports wait, forget what came between two of the same status."""
        whose = (connector_id, is_triggered)
        waiting = [item for item in self._waiting if (item[1].connector_id, item[2]) == whose]
        if len(waiting) <= MOST_WAITING:
            return
        kept: list[tuple[StatusNotificationRequest, StatusReport, bool]] = []
        for item in waiting:
            statuses = [earlier[1].status for earlier in kept]
            if item[1].status in statuses:
                del kept[statuses.index(item[1].status) :]
            kept.append(item)
        left = {id(item) for item in kept}
        self._waiting = [item for item in self._waiting if id(item) in left or (item[1].connector_id, item[2]) != whose]

    def _tell_again(self) -> None:
        self._again = None
        if self._context.is_online():
            self._tell_what_is_untold()

    async def _send(self) -> None:
        try:
            while self._waiting:
                request, report, is_triggered = self._waiting.pop(0)
                try:
                    await self._context.call(request, StatusNotificationResponse, is_triggered=is_triggered)
                except CallFailed as failure:
                    self._context.log.info("status not told", connector=report.connector_id, reason=str(failure))
                    if failure.failure in (CallFailure.OFFLINE, CallFailure.LOST):
                        # `online` will tell what is true by then.
                        self._told.pop(report.connector_id, None)
                        continue
                    if failure.failure is CallFailure.TIMED_OUT:
                        self._told.pop(report.connector_id, None)
                        if self._said.get(report.connector_id) == report:
                            del self._said[report.connector_id]
                        if self._again is None:
                            self._again = self._context.call_later(RETRY_SECONDS, self._tell_again)
                        continue
                self._told[report.connector_id] = report
        finally:
            self._is_idle.set()
