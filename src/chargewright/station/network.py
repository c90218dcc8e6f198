"""The network between one virtual station and its CSMS: it can be cut, mended, and made slow."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from chargewright.errors import ConnectionLost
from chargewright.transport.choice import Connect
from chargewright.transport.connection import CloseInfo, Connection

__all__ = ["SimulatedNetwork"]


class SimulatedNetwork:
    """Passes connections of `connect_really` on; `connect` takes its place.

    `on_message(is_sent, message)` sees every message when the station gives it away or gets it.
    """

    def __init__(self, connect_really: Connect) -> None:
        self.is_up = True
        self.delay_seconds = 0.0
        self.on_message: Callable[[bool, bytes], None] = _nobody_listens
        self._connect_really = connect_really
        self._open: set[_Way] = set()

    def cut(self) -> None:
        """No way any more: open connections are lost without a goodbye, new ones fail."""
        self.is_up = False
        for way in list(self._open):
            way.abort()

    def mend(self, delay_seconds: float = 0.0) -> None:
        """There is a way again; each message takes `delay_seconds` on it, in either direction."""
        self.is_up = True
        self.delay_seconds = delay_seconds

    async def connect(
        self, url: str, *, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None], **options: Any
    ) -> Connection:
        """As `Connect`; raises `ConnectionLost` where the network is cut, or gets cut meanwhile."""
        self._check(url)
        way = _Way(self, on_message, on_close)
        # The upgrade takes its way as well: this delay is what was asked for, no waiting for something.
        await asyncio.sleep(self.delay_seconds)
        connection = await self._connect_really(url, on_message=way.received, on_close=way.closed, **options)
        way.open(connection)
        try:
            self._check(url)
        except ConnectionLost:
            way.abort()
            raise
        return way

    def _check(self, url: str) -> None:
        if not self.is_up:
            raise ConnectionLost(f"{url}: the network is cut")

    def opened(self, way: "_Way") -> None:
        """A connection is to be lost with the network."""
        self._open.add(way)

    def closed(self, way: "_Way") -> None:
        """A connection is gone."""
        self._open.discard(way)


class _Way:
    """One connection as the station sees it. Messages keep their order, whatever the delay becomes meanwhile."""

    def __init__(
        self, network: SimulatedNetwork, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None]
    ) -> None:
        self.on_message = on_message
        self.on_close = on_close
        self._network = network
        self._connection: Connection | None = None
        self._is_over = False
        self._outgoing: list[bytes] = []
        self._incoming: list[bytes] = []

    def open(self, connection: Connection) -> None:
        """The connection below is there."""
        self._connection = connection
        self.peer = connection.peer
        if not self._is_over:
            self._network.opened(self)

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._connection is not None and self._connection.is_open

    def send(self, message: bytes) -> None:
        """Send, now or after the delay."""
        if not self.is_open:
            raise ConnectionLost("the connection is closed")
        self._network.on_message(True, message)
        self._pass(self._outgoing, message, self._send_now)

    def received(self, message: bytes) -> None:
        """A message arrived below."""
        self._pass(self._incoming, message, self._receive_now)

    def closed(self, info: CloseInfo) -> None:
        """The connection below is gone; what was on its way is lost."""
        self._is_over = True
        self._outgoing.clear()
        self._incoming.clear()
        self._network.closed(self)
        self.on_close(info)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, after what was sent before."""
        while self._outgoing:
            self._send_now(self._outgoing.pop(0))
        if self._connection is not None:
            self._connection.close(code, reason)

    def abort(self) -> None:
        """Drop it."""
        self._outgoing.clear()
        if self._connection is not None:
            self._connection.abort()

    def pause(self) -> None:
        """Stop delivering."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Deliver again."""
        if self._connection is not None:
            self._connection.resume()

    def _pass(self, waiting: list[bytes], message: bytes, deliver: Callable[[bytes], None]) -> None:
        if not waiting and self._network.delay_seconds <= 0:
            deliver(message)
            return
        waiting.append(message)
        asyncio.get_running_loop().call_later(
            self._network.delay_seconds, partial(self._deliver_next, waiting, deliver)
        )

    def _deliver_next(self, waiting: list[bytes], deliver: Callable[[bytes], None]) -> None:
        # Whoever was sent away meanwhile has taken its message along.
        if waiting and not self._is_over:
            deliver(waiting.pop(0))

    def _send_now(self, message: bytes) -> None:
        if self.is_open and self._connection is not None:
            self._connection.send(message)

    def _receive_now(self, message: bytes) -> None:
        self._network.on_message(False, message)
        self.on_message(message)


def _nobody_listens(is_sent: bool, message: bytes) -> None:
    """Until somebody sets `on_message`."""
