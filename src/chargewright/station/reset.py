"""Reset: answer, end the transactions, start anew (§5.14; errata v4.0 §3.36)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from chargewright.protocol.v16.core import Reason, ResetRequest, ResetResponse, ResetStatus, ResetType
from chargewright.station.context import Answer, ConnectorPort, Context

__all__ = ["Reset"]

# How long a soft reset waits for its StopTransactions to be answered; they stay queued in any case.
SETTLE_SECONDS: Final = 10.0


class Reset:
    """`settled` returns when all transaction messages are answered; `restart` boots the station anew."""

    def __init__(
        self,
        context: Context,
        connectors: Sequence[ConnectorPort],
        settled: Callable[[], Awaitable[None]],
        restart: Callable[[], None],
    ) -> None:
        self._context = context
        self._connectors = connectors
        self._settled = settled
        self._restart = restart
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
            reason = Reason.SOFT_RESET if kind is ResetType.SOFT else Reason.HARD_RESET
            for connector in self._connectors:
                user = connector.user
                connector.stop(reason, user.id_tag if user is not None else None)
                connector.withdraw()
            if kind is ResetType.SOFT:
                try:
                    await asyncio.wait_for(self._settled(), SETTLE_SECONDS)
                except TimeoutError:
                    self._context.log.info("reset: transaction messages stay queued")
        finally:
            self._is_under_way = False
        self._restart()
