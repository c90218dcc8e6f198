"""Staying connected: connect, lose, wait, connect again (OCPP-J 3.2, 5.3; errata v1.0 §3.3)."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

import structlog

from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.station.advice import advice
from chargewright.station.flag import Flag
from chargewright.transport.connection import GOING_AWAY, NORMAL_CLOSURE, CloseInfo, Connection

__all__ = ["Line", "Open"]


class Open(Protocol):
    """Opens one connection; raises `ChargewrightError` when that does not succeed."""

    def __call__(
        self, *, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None]
    ) -> Awaitable[Connection]:
        """Both callbacks may be called before the connection is returned."""


class Line:
    """Holds one connection after another until `end`.

    `opened` gets each connection before any message of it, `received` each message, `lost` is called after each. The
    wait before the next attempt is `delay_seconds(attempt, random)`, attempts counted from 1 since the last success.
    """

    def __init__(
        self,
        open_connection: Open,
        *,
        opened: Callable[[Connection], None],
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        delay_seconds: Callable[[int, Random], float],
        random: Random,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._open_connection = open_connection
        self._opened = opened
        self._received = received
        self._lost = lost
        self._delay_seconds = delay_seconds
        self._random = random
        self._log = log
        self._connection: Connection | None = None
        self._opening: asyncio.Future[Connection] | None = None
        self._is_ending = Flag()
        self._ends_at_once = False
        self._pause_seconds: float | None = None

    async def run(self) -> None:
        """Stay connected until `end`."""
        attempt = 1
        while not self._is_ending.is_set():
            try:
                await self._hold()
            except ConfigurationError:
                # A URL that cannot be used does not get better by trying again.
                raise
            except ChargewrightError as error:
                self._log.warning("no connection", reason=str(error), attempt=attempt, advice=advice(error))
                seconds = self._delay_seconds(attempt, self._random)
                attempt += 1
            else:
                attempt = 1
                seconds = self._delay_seconds(attempt, self._random)
            if self._pause_seconds is not None:
                seconds, self._pause_seconds = self._pause_seconds, None
            await self._pause(seconds)

    def drop(self) -> None:
        """Give the present connection up at once, and connect again."""
        if self._connection is not None:
            self._connection.abort()

    def restart(self, pause_seconds: float) -> None:
        """Close the present connection and connect again after `pause_seconds`."""
        self._pause_seconds = pause_seconds
        if self._connection is not None:
            self._connection.close(NORMAL_CLOSURE)

    def end(self, *, at_once: bool = False) -> None:
        """Connect no more. The present connection is closed with 1001, or dropped `at_once`; an attempt is given up."""
        self._is_ending.set()
        self._ends_at_once = at_once
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._part(self._connection)

    async def _hold(self) -> None:
        closed = Flag()
        early: list[bytes] = []
        receive: list[Callable[[bytes], None]] = [early.append]

        def on_close(info: CloseInfo) -> None:
            self._log.info("disconnected", code=info.code, reason=info.reason)
            closed.set()
            self._lost()

        connection = await self._open(lambda message: receive[0](message), on_close)
        if connection is None or closed.is_set():
            return
        self._connection = connection
        # A restart without a connection is over with this one.
        self._pause_seconds = None
        try:
            if self._is_ending.is_set():
                self._part(connection)
            else:
                self._log.info("connected", peer=connection.peer.address)
                receive[0] = self._received
                self._opened(connection)
                for message in early:
                    self._received(message)
            await closed.wait()
        except ChargewrightError:
            # Whoever was told could not bear it, as when nothing can be written: begin anew after the wait.
            connection.abort()
            await closed.wait()
            raise
        finally:
            self._connection = None

    async def _open(
        self, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None]
    ) -> Connection | None:
        """A new connection; None where `end` came before it was there."""
        self._opening = asyncio.ensure_future(self._open_connection(on_message=on_message, on_close=on_close))
        try:
            return await self._opening
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._is_ending.is_set() or (task is not None and task.cancelling()):
                raise
            return None
        finally:
            self._opening = None

    def _part(self, connection: Connection) -> None:
        if self._ends_at_once:
            connection.abort()
        else:
            connection.close(GOING_AWAY)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._is_ending.wait(), seconds)
        except TimeoutError:
            return
