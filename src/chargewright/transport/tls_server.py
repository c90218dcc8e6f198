"""A listening socket with TLS whose failed handshakes are told, with the peer's address and the reason.

The loop's own `create_server(ssl=…)` says nothing about a failed handshake, and keeps one context for good. Here each
handshake takes the context of its moment, so certificates can be renewed while connections live.

A handshake takes some 70 KiB until it ends, and everybody may begin one. So there is a bound on those under way, in
all and for one host; further connections wait for their turn, which takes next to nothing, and are closed where too
many wait. No host keeps the others waiting by itself.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from chargewright.tls.alerts import HANDSHAKE_SOCKET
from chargewright.transport.connection import Limits

__all__ = [
    "BACKLOG",
    "TOO_MANY",
    "HandshakeBounds",
    "HandshakeFailed",
    "ServerContext",
    "TlsServer",
    "default_bounds",
    "handshake_failure",
]

ServerContext: TypeAlias = ssl.SSLContext | Callable[[], ssl.SSLContext]
"""A context for good, or a function that gives the one for the next handshake."""

HandshakeFailed: TypeAlias = Callable[[str, str], None]
"""Told the peer's `host:port` and the reason."""

TOO_MANY: Final = "too many TLS handshakes of this host, or in all, at once"
"""The reason that is told of a connection that was closed because of the bounds."""

# How many connections may wait to be accepted: a storm of all stations of a town, if the system allows as many.
BACKLOG: Final = 4096
# As many at a time as other listeners take, so that no storm keeps the loop from its connections.
_ACCEPTS_AT_A_TIME: Final = 100
# Without file descriptors accepting is tried again after this time.
_PAUSE_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class HandshakeBounds(NamedTuple):
    """How many handshakes may be under way, and how many connections wait for theirs; in all, and for one host."""

    under_way: int = 1024
    under_way_per_host: int = 256
    waiting: int = 4096
    waiting_per_host: int = 2048


def default_bounds(files: int) -> HandshakeBounds:
    """The bounds of a process that may have so many files open (`RLIM_INFINITY`: any number): at most half of them are
    for who has not ended its handshake, and half of that for one host."""
    most = HandshakeBounds()
    if files == resource.RLIM_INFINITY:
        return most
    share = max(files // 4, 2)
    return HandshakeBounds(
        min(most.under_way, share),
        min(most.under_way_per_host, share // 2),
        min(most.waiting, share),
        min(most.waiting_per_host, share // 2),
    )


class TlsServer:
    """Accepts until it is closed; `factory` makes the protocol of each connection."""

    def __init__(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        context: ServerContext,
        limits: Limits,
        on_handshake_failed: HandshakeFailed,
        bounds: HandshakeBounds | None = None,
    ) -> None:
        self.sockets: list[socket.socket] = []
        self._factory = factory
        self._context = context
        self._limits = limits
        self._on_handshake_failed = on_handshake_failed
        self._loop = asyncio.get_running_loop()
        self._bounds = bounds or default_bounds(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._handshakes: set[asyncio.Task[None]] = set()
        self._under_way: Counter[bytes] = Counter()
        self._waiting: OrderedDict[bytes, deque[tuple[socket.socket, str]]] = OrderedDict()  # who is next comes first
        self._waiting_count = 0

    async def listen(self, host: str, port: int) -> None:
        """Bind every address of `host`; raises OSError where one cannot be had."""
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                self.sockets.append(listening)
                listening.setblocking(False)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind(address)
                listening.listen(BACKLOG)
        except OSError:
            for listening in self.sockets:
                listening.close()
            raise
        for listening in self.sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Stop accepting; who has not ended its handshake is sent away. Idempotent."""
        sockets, self.sockets = self.sockets, []
        for listening in sockets:
            self._loop.remove_reader(listening)
            listening.close()
        for waiting in self._waiting.values():
            for connection, _ in waiting:
                connection.close()
        self._waiting.clear()
        self._waiting_count = 0
        for handshake in self._handshakes:
            handshake.cancel()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_A_TIME):
            try:
                connection, name = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.error("accepting failed, and is tried again in %s s: %s", _PAUSE_SECONDS, error)
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE_SECONDS, self._accept_again, listening)
                return
            connection.setblocking(False)
            self._admit(_host(name[0]), connection, f"{name[0]}:{name[1]}")

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self.sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def _admit(self, host: bytes, connection: socket.socket, address: str) -> None:
        if host not in self._waiting and self._has_room(host):
            self._begin(host, connection, address)
            return
        ahead = self._waiting.get(host, ())
        if self._waiting_count >= self._bounds.waiting or len(ahead) >= self._bounds.waiting_per_host:
            connection.close()
            self._on_handshake_failed(address, TOO_MANY)
            return
        self._waiting.setdefault(host, deque()).append((connection, address))
        self._waiting_count += 1

    def _has_room(self, host: bytes) -> bool:
        return (
            len(self._handshakes) < self._bounds.under_way and self._under_way[host] < self._bounds.under_way_per_host
        )

    def _begin(self, host: bytes, connection: socket.socket, address: str) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._handshakes.discard(task)
            if task.cancelled():
                connection.close()  # possibly before it had any transport
            self._under_way[host] -= 1
            if not self._under_way[host]:
                del self._under_way[host]
            self._begin_next()

        self._under_way[host] += 1
        task = self._loop.create_task(self._shake_hands(connection, address), name="TLS handshake")
        self._handshakes.add(task)
        task.add_done_callback(ended)

    def _begin_next(self) -> None:
        # Host by host in turn. Only as many are passed over as have all of theirs under way: a handful.
        host = next((one for one in self._waiting if self._has_room(one)), None)
        if host is None:
            return
        waiting = self._waiting[host]
        connection, address = waiting.popleft()
        self._waiting_count -= 1
        if waiting:
            self._waiting.move_to_end(host)
        else:
            del self._waiting[host]
        self._begin(host, connection, address)

    async def _shake_hands(self, connection: socket.socket, address: str) -> None:
        context = self._context if isinstance(self._context, ssl.SSLContext) else self._context()
        HANDSHAKE_SOCKET.set(connection)
        try:
            await self._loop.connect_accepted_socket(
                self._factory,
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.close_seconds,
            )
        except OSError as error:
            self._on_handshake_failed(address, handshake_failure(error))
        except Exception:
            _log.exception("the TLS handshake with %s failed for a reason of ours", address)
            connection.close()


def _host(address: str) -> bytes:
    """What one peer has for itself: an IPv4 address, or the first half of an IPv6 one."""
    if ":" not in address:
        return address.encode()
    return socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8]


def handshake_failure(error: BaseException) -> str:
    """The reason in OpenSSL's word where it has one (`NO_SHARED_CIPHER`, `TLSV1_ALERT_UNKNOWN_CA` …)."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "the TLS handshake failed"
    if isinstance(error, ConnectionResetError):
        return "the peer went away in the middle of the TLS handshake"
    return str(error) or type(error).__name__
