"""Reset: answer, end the transactions, start anew (§5.14; errata v4.0 §3.36)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from chargewright.protocol.v16.core import (
    ChargePointErrorCode,
    Reason,
    ResetRequest,
    ResetResponse,
    ResetStatus,
    ResetType,
)
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.context import Answer, Closure, ConnectorPort, Context
from chargewright.station.hardware.interface import RestartKind

__all__ = ["Reset"]

# How long a soft reset waits for its StopTransactions to be answered; they stay queued in any case.
SETTLE_SECONDS: Final = 10.0
# Between two tries of a reset that failed.
RETRY_SECONDS: Final = 10.0

_KINDS: Final = {ResetType.SOFT: RestartKind.SOFTWARE, ResetType.HARD: RestartKind.HARDWARE}


class Reset:
    """`settled` returns when all transaction messages are answered; `restart` boots the station anew, or returns False.

    Nobody is let in meanwhile. A restart that fails is tried again as often as ResetRetries says; after that the
    station goes on with the warning ResetFailure (§7.6), which `warn` tells, until a later reset works.
    """

    def __init__(
        self,
        context: Context,
        connectors: Sequence[ConnectorPort],
        settled: Callable[[], Awaitable[None]],
        restart: Callable[[RestartKind], bool],
        warn: Callable[[ChargePointErrorCode], None],
    ) -> None:
        self._context = context
        self._connectors = connectors
        self._settled = settled
        self._restart = restart
        self._warn = warn
        self._is_under_way = False

    def reset(self, request: ResetRequest) -> Answer:
        """§5.14: Rejected only while another reset is under way."""
        if self._is_under_way:
            return Answer(ResetResponse(status=ResetStatus.REJECTED))
        self._is_under_way = True
        return Answer(
            ResetResponse(status=ResetStatus.ACCEPTED), then=lambda: self._context.spawn(self._reset(request.type))
        )

    async def _reset(self, kind: ResetType) -> None:
        self._context.log.info("reset", kind=kind.value)
        try:
            for connector in self._connectors:
                connector.closures.add(Closure.RESET)
            self._end_all(kind)
            if kind is ResetType.SOFT:
                try:
                    await asyncio.wait_for(self._settled(), SETTLE_SECONDS)
                except TimeoutError:
                    self._context.log.info("reset: transaction messages stay queued")
            self._context.note_security_event(SecurityEvent.RESET_OR_REBOOT, f"Reset {kind.value} by the CSMS")
            await self._try(kind)
        finally:
            self._is_under_way = False
            for connector in self._connectors:
                connector.closures.discard(Closure.RESET)

    def _end_all(self, kind: ResetType) -> None:
        reason = Reason.SOFT_RESET if kind is ResetType.SOFT else Reason.HARD_RESET
        for connector in self._connectors:
            connector.stop(reason, connector.user.id_tag if connector.user is not None else None)
            connector.withdraw()

    async def _try(self, kind: ResetType) -> None:
        tries = 1 + self._context.configuration.integer("ResetRetries")
        for number in range(1, tries + 1):
            if number > 1:
                # Nothing happens in between that could be awaited: the hardware is given time.
                await asyncio.sleep(RETRY_SECONDS)
            # Whatever could not be ended at first: nothing may outlive the restart.
            self._end_all(kind)
            if self._restart(_KINDS[kind]):
                # Told with the statuses after the boot, at the latest.
                self._warn(ChargePointErrorCode.NO_ERROR)
                return
            self._context.log.warning("a reset failed", kind=kind.value, attempt=number, of=tries)
        self._warn(ChargePointErrorCode.RESET_FAILURE)
