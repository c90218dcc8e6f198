"""Connections without sockets: for simulations and for tests of everything above the transport.

Both ends live on one event loop and in its time; nothing else is asked for the time, and the only dice are those passed
in, so one seed gives one run. Messages are handed over through the loop, never inside `send`: the order of events is
that of a network, not that of a call stack.
"""

import asyncio
import errno
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import msgspec

from chargewright.errors import ConnectionLost
from chargewright.transport.client_request import check_answered_subprotocol, client_request
from chargewright.transport.connection import (
    ABNORMAL_CLOSURE,
    DEFAULT_LIMITS,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    NO_KEEPALIVE,
    NORMAL_CLOSURE,
    Admit,
    CloseInfo,
    Connection,
    Keepalive,
    Limits,
    Peer,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused
from chargewright.transport.listener import AdmittingListener
from chargewright.transport.socket_connection import HARD_WRITE_BOUND_FACTOR
from chargewright.transport.tls_server import HandshakeFailed, ServerContext

__all__ = ["NO_FAULTS", "Faults", "LoopbackConnection", "LoopbackNetwork", "loopback_pair"]

_log = logging.getLogger(__name__)


class Faults(msgspec.Struct, frozen=True):
    """What the network does to each message: wait `delay_seconds` (least, most), cut the connection, or lose it.

    The chances are between 0 and 1. A cut drops the connection as a reset would: both ends see 1006, and what was under
    way is lost. A lost message leaves the connection open, as no TCP would, but as a station that crashed between
    reading and acting does. Order is kept whatever the delays.
    """

    delay_seconds: tuple[float, float] = (0.0, 0.0)
    cut_chance: float = 0.0
    loss_chance: float = 0.0

    @property
    def needs_dice(self) -> bool:
        """Whether anything here is left to chance."""
        return self.cut_chance > 0 or self.loss_chance > 0 or self.delay_seconds[0] != self.delay_seconds[1]

    def roll_delay_seconds(self, dice: random.Random) -> float:
        """One delay; the dice are only rolled where there is a choice."""
        least, most = self.delay_seconds
        return least if least == most else dice.uniform(least, most)


NO_FAULTS: Final = Faults()


def _ignore(_: object) -> None:
    """Takes the place of the owner's callbacks before they are set and after the last of them was called."""


class LoopbackConnection:
    """One end; see `Connection`. Made in pairs by `loopback_pair` and `LoopbackNetwork`."""

    __slots__ = (
        "_armed_for",
        "_close_info",
        "_close_timer",
        "_dice",
        "_faults",
        "_in_flight",
        "_is_lost",
        "_is_paused",
        "_limits",
        "_loop",
        "_other",
        "_waiting_bytes",
        "_when_lost",
        "is_open",
        "on_close",
        "on_message",
        "peer",
    )

    _other: "LoopbackConnection"

    def __init__(self, peer: Peer, limits: Limits, faults: Faults, dice: random.Random) -> None:
        self.peer = peer
        self.on_message: Callable[[bytes], None] = _ignore
        self.on_close: Callable[[CloseInfo], None] = _ignore
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._faults = faults
        self._dice = dice
        # What was sent to this end and has not been delivered, with the loop time it is due: text, or a close frame. A
        # queue and one timer for its head, because the loop runs timers of the same moment in any order.
        self._in_flight: deque[tuple[float, bytes | CloseInfo]] = deque()
        self._armed_for: float | None = None
        self._waiting_bytes = 0
        self._is_paused = False
        self._is_lost = False
        self._close_info: CloseInfo | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._when_lost: Callable[[], None] | None = None

    def send(self, message: bytes) -> None:
        """Queue one text message; see `Connection.send`. Of the bounds on writing only the hard one is kept."""
        if not self.is_open:
            raise ConnectionLost(f"the connection with {self.peer.address} is closed")
        if self._other._waiting_bytes >= HARD_WRITE_BOUND_FACTOR * self._limits.write_buffer_bytes:
            self.abort()
            raise ConnectionLost(f"{self.peer.address} does not take what it is sent")
        if self._faults.cut_chance and self._dice.random() < self._faults.cut_chance:
            self.cut()
        elif not self._faults.loss_chance or self._dice.random() >= self._faults.loss_chance:
            self._other._post(bytes(message))

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; see `Connection.close`."""
        if not self.is_open:
            return
        self.is_open = False
        self._close_info = CloseInfo(code, reason, by_peer=False)
        self._other._post(CloseInfo(code, reason))
        self._close_timer = self._loop.call_later(self._limits.close_seconds, self._vanish)
        # What comes from now on is read only for the answer to this close frame.
        self._is_paused = False
        self._arm()

    def abort(self) -> None:
        """Drop the connection; see `Connection.abort`."""
        if self._is_lost:
            return
        self.is_open = False
        if self._close_info is None:
            self._close_info = CloseInfo(ABNORMAL_CLOSURE, "aborted", by_peer=False)
        self._loop.call_soon(self._vanish)

    def cut(self) -> None:
        """What a broken cable does: both ends lose the connection, with 1006, and what was under way with it."""
        for end in (self, self._other):
            end.is_open = False
            end._loop.call_soon(end._lose)

    def pause(self) -> None:
        """Stop delivering; see `Connection.pause`."""
        if self.is_open:
            self._is_paused = True

    def resume(self) -> None:
        """Deliver again; see `Connection.resume`."""
        if self._is_paused:
            self._is_paused = False
            self._arm()

    def _post(self, what: bytes | CloseInfo) -> None:
        """Send `what` to this end: it is due after the delay, and never before what was sent earlier."""
        if self._is_lost:
            return
        due = self._loop.time() + self._faults.roll_delay_seconds(self._dice)
        if self._in_flight:
            due = max(due, self._in_flight[-1][0])
        self._in_flight.append((due, what))
        if isinstance(what, bytes):
            self._waiting_bytes += len(what)
        self._arm()

    def _arm(self) -> None:
        if self._in_flight and self._armed_for is None and not self._is_paused and not self._is_lost:
            due = self._in_flight[0][0]
            self._armed_for = due
            if due <= self._loop.time():
                self._loop.call_soon(self._turn)
            else:
                self._loop.call_at(due, self._turn)

    def _turn(self) -> None:
        due, self._armed_for = self._armed_for, None
        if due is not None:
            self._deliver_until(due)
        self._arm()

    def _deliver_until(self, due: float) -> None:
        while self._in_flight and self._in_flight[0][0] <= due and not self._is_paused:
            _, what = self._in_flight.popleft()
            if isinstance(what, CloseInfo):
                self._receive_close(what)
            else:
                self._waiting_bytes -= len(what)
                self._receive_text(what)

    def _receive_text(self, message: bytes) -> None:
        if not self.is_open:
            return
        if len(message) > self._limits.message_bytes:
            self.close(MESSAGE_TOO_BIG, f"the message is longer than {self._limits.message_bytes} bytes")
            return
        try:
            self.on_message(message)
        except Exception:
            _log.exception("the receiver of a message from %s failed", self.peer.address)
            self.close(INTERNAL_ERROR)

    def _receive_close(self, info: CloseInfo) -> None:
        if self._close_info is None:
            self.is_open = False
            self._close_info = info
            self._other._post(CloseInfo(info.code))
        self._loop.call_soon(self._lose)

    def _vanish(self) -> None:
        """Lose this end; the other end finds out after the delay."""
        if not self._is_lost:
            self._lose()
            other = self._other
            other._loop.call_later(self._faults.roll_delay_seconds(self._dice), other._notice_loss)

    def _notice_loss(self) -> None:
        # What was sent before and is due now came first, whichever timer the loop runs first.
        self._deliver_until(self._loop.time())
        self._lose()

    def _lose(self) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        self.is_open = False
        if self._close_timer is not None:
            self._close_timer.cancel()
        info = self._close_info
        if info is None:
            # A close frame that waited behind a pause still tells more than the lost socket.
            info = next((what for _, what in self._in_flight if isinstance(what, CloseInfo)), None)
        self._in_flight.clear()
        self._waiting_bytes = 0
        on_close = self.on_close
        self.on_message = self.on_close = _ignore
        try:
            on_close(info or CloseInfo(ABNORMAL_CLOSURE))
        except Exception:
            _log.exception("the receiver of the close of %s failed", self.peer.address)
        if self._when_lost is not None:
            self._when_lost()


def loopback_pair(
    *,
    limits: Limits = DEFAULT_LIMITS,
    subprotocol: str | None = "ocpp1.6",
    faults: Faults = NO_FAULTS,
    dice: random.Random | None = None,
    names: tuple[str, str] = ("station", "csms"),
    is_encrypted: bool = False,
) -> tuple[LoopbackConnection, LoopbackConnection]:
    """Two connections that are each other's peer, on the running loop; the one of `names[0]` first.

    `dice` is needed where `faults` leave anything to chance; ValueError without it.
    """
    if faults.needs_dice and dice is None:
        raise ValueError(f"{faults} leave something to chance: pass dice")
    dice = dice or random.Random(0)
    first = LoopbackConnection(Peer(names[1], subprotocol, is_encrypted=is_encrypted), limits, faults, dice)
    second = LoopbackConnection(Peer(names[0], subprotocol, is_encrypted=is_encrypted), limits, faults, dice)
    first._other, second._other = second, first
    return first, second


class _LoopbackListener(AdmittingListener):
    def __init__(self, admit: Admit, limits: Limits, leave: Callable[[], None]) -> None:
        super().__init__(admit, limits)
        self._leave = leave

    def close(self) -> None:
        """Stop accepting; see `Listener.close`."""
        if not self._is_closing:
            self._leave()
        super().close()


class LoopbackNetwork:
    """A network in one process: listeners by host name, and the faults of every connection made while they are set.

    `listen` and `connect` can stand wherever those of a real implementation do. Ports mean nothing here.
    """

    def __init__(self, *, faults: Faults = NO_FAULTS, dice: random.Random | None = None) -> None:
        if faults.needs_dice and dice is None:
            raise ValueError(f"{faults} leave something to chance: pass dice")
        self.faults = faults
        self.is_reachable = True
        """False: every attempt to connect fails, as it does behind a broken uplink."""
        self._dice = dice or random.Random(0)
        self._listeners: dict[str, _LoopbackListener] = {}
        # A dict, because a set has no order that two runs share.
        self._open: dict[int, LoopbackConnection] = {}

    async def listen(
        self,
        admit: Admit,
        host: str,
        port: int = 0,
        *,
        limits: Limits = DEFAULT_LIMITS,
        ssl_context: ServerContext | None = None,
        on_handshake_failed: HandshakeFailed | None = None,
    ) -> AdmittingListener:
        """Accept connections to the name `host`; OSError where another listener has it. What is about TLS is not
        used."""
        if host in self._listeners:
            raise OSError(errno.EADDRINUSE, f"another listener has the name {host}")
        listener = _LoopbackListener(admit, limits, partial(self._listeners.__delitem__, host))
        listener.addresses = [(host, port)]
        self._listeners[host] = listener
        return listener

    async def connect(
        self,
        url: str,
        *,
        identity: str | None,
        subprotocols: Sequence[str] = ("ocpp1.6",),
        password: bytes | None = None,
        on_message: Callable[[bytes], None],
        on_close: Callable[[CloseInfo], None],
        limits: Limits = DEFAULT_LIMITS,
        keepalive: Keepalive = NO_KEEPALIVE,
        ssl_context: ssl.SSLContext | None = None,
        open_timeout_seconds: float = 30.0,
        extensions: str | None = None,
    ) -> Connection:
        """Connect to the listener that the host of `url` names; see `picows_client.connect`.

        `wss:` marks the connection as encrypted, and that is all; `keepalive` and `ssl_context` are not used. The
        server's limits hold at the server's end, `limits` at this one.
        """
        request = client_request(url, identity, subprotocols, password)
        parts = urlsplit(request.url)
        headers = {"host": parts.netloc, "upgrade": "websocket", "connection": "Upgrade"}
        if extensions is not None:
            headers["sec-websocket-extensions"] = extensions
        if request.subprotocols:
            headers["sec-websocket-protocol"] = ", ".join(request.subprotocols)
        if request.authorization is not None:
            headers["authorization"] = request.authorization
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            async with asyncio.timeout(open_timeout_seconds):
                # One way for the request, one for the answer.
                await asyncio.sleep(self.faults.roll_delay_seconds(self._dice))
                await asyncio.sleep(self.faults.roll_delay_seconds(self._dice))
        except TimeoutError as error:
            raise ConnectionLost(f"{request.url}: no answer in {open_timeout_seconds} s") from error
        listener = self._listeners.get(parts.hostname or "")
        if listener is None or not self.is_reachable:
            raise ConnectionLost(f"{request.url}: nobody is there")
        decision = listener.decide(UpgradeRequest(path, headers, identity or path))
        if isinstance(decision, Refusal):
            lower = {name.lower(): value for name, value in decision.headers.items()}
            raise UpgradeRefused(decision.status, decision.text, lower)
        client, server = loopback_pair(
            limits=limits,
            subprotocol=decision.subprotocol,
            faults=self.faults,
            dice=self._dice,
            names=(identity or path, parts.netloc),
            is_encrypted=request.is_encrypted,
        )
        server._limits = listener.limits
        client.on_message, client.on_close = on_message, on_close
        self._open[id(server)] = server
        server._when_lost = partial(self._server_end_lost, listener, id(server))
        try:
            check_answered_subprotocol(request, decision.subprotocol)
        except SubprotocolNotAgreed:
            client.on_close = _ignore
            client.abort()
            raise
        finally:
            listener.connection_opened(server, decision)
        return client

    def cut(self) -> None:
        """Break every connection there is; new ones can be made."""
        for connection in list(self._open.values()):
            connection.cut()

    def _server_end_lost(self, listener: AdmittingListener, key: int) -> None:
        del self._open[key]
        listener.connection_lost()
