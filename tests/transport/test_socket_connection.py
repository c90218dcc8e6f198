"""Deadlines in virtual time, with a socket that does what the test says."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from chargewright.clock import LoopClock
from chargewright.errors import ConnectionLost
from chargewright.simulation import simulate
from chargewright.transport.connection import CloseInfo, Keepalive, Limits, Peer
from chargewright.transport.socket_connection import SLOTS, SocketConnection


class FakeSocket(SocketConnection):
    __slots__ = (*SLOTS, "is_library_closing", "log", "unsent")

    def __init__(self, limits: Limits, keepalive: Keepalive) -> None:
        self._begin(limits, keepalive)
        self.peer = Peer("fake", "ocpp1.6")
        self.log: list[str] = []
        self.unsent = 0
        self.is_library_closing = False
        self._watch()

    def _note(self, what: str) -> None:
        self.log.append(f"{asyncio.get_running_loop().time():g} {what}")

    def _write_text(self, message: bytes) -> None:
        self._note(f"text {len(message)}")
        self.unsent += len(message)

    def _write_ping(self) -> None:
        self._note("ping")

    def _write_close(self, code: int, reason: str) -> None:
        self._note(f"close {code} {reason}".strip())

    def _unsent(self) -> int:
        return self.unsent

    def _finish(self) -> None:
        self._note("finish")

    def _drop(self) -> None:
        self._note("drop")
        self._lost()

    def _stop_reading(self) -> None:
        self._note("stop reading")

    def _start_reading(self) -> None:
        self._note("start reading")

    def _is_failing(self) -> bool:
        return self.is_library_closing


Script = Callable[[FakeSocket], Coroutine[Any, Any, None]]


def run(script: Script, *, keepalive: Keepalive | None = None) -> tuple[list[str], CloseInfo | None]:
    limits = Limits(write_buffer_bytes=1000, write_stalled_seconds=8, close_seconds=5, message_bytes=100)

    async def main(clock: LoopClock) -> tuple[list[str], CloseInfo | None]:
        fake = FakeSocket(limits, keepalive or Keepalive())
        infos: list[CloseInfo] = []
        fake.on_close = infos.append
        await script(fake)
        assert len(infos) <= 1
        return fake.log, infos[0] if infos else None

    return simulate(main)


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.parametrize(
    ("interval", "timeout", "log"),
    [
        (10, 4, ["10 ping", "14 drop"]),
        (10, 10, ["10 ping", "20 drop"]),
        (10, 25, ["10 ping", "20 ping", "30 ping", "35 drop"]),
        (0, 4, []),
    ],
)
def test_a_silent_peer(interval: float, timeout: float, log: list[str]) -> None:
    assert run(lambda fake: wait(100), keepalive=Keepalive(interval, timeout))[0] == log


@pytest.mark.parametrize(("interval", "timeout"), [(10, 4), (4, 10)])
def test_a_peer_that_says_anything_lives(interval: float, timeout: float) -> None:
    async def script(fake: FakeSocket) -> None:
        for _ in range(50):
            await asyncio.sleep(2)
            fake._has_heard = True

    log, info = run(script, keepalive=Keepalive(interval, timeout))
    assert info is None
    assert log == [f"{when} ping" for when in range(int(interval), 101, int(interval))]


def test_stalled_writing_is_dropped_after_the_limit() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.send(b"x" * 2000)
        fake._block_writing()
        await asyncio.sleep(100)

    log, info = run(script)
    assert log == ["0 text 2000", "8 drop"]
    assert info == CloseInfo(1006, "2000 bytes waited 8 s without one being taken", by_peer=False)


def test_any_progress_starts_the_limit_anew_even_while_more_is_sent() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.send(b"x" * 2000)
        fake._block_writing()
        for _ in range(40):
            await asyncio.sleep(1)
            fake.send(b"x" * 20)
            fake.unsent -= 10
            if fake.unsent > 2350:
                break
        await asyncio.sleep(100)

    log, info = run(script)
    # The last byte was taken at 36 s, which the check at 36 or 38 s saw.
    assert info is not None
    assert 44 <= float(log[-1].split()[0]) <= 48


def test_the_hard_bound() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.send(b"x" * 3999)
        fake._block_writing()
        fake.send(b"x")
        with pytest.raises(ConnectionLost):
            fake.send(b"x")
        with pytest.raises(ConnectionLost):
            fake.send(b"x")

    assert run(script)[0] == ["0 text 3999", "0 text 1", "0 drop"]


def test_a_close_that_is_not_answered() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.close(1001, "going")
        await asyncio.sleep(100)

    assert run(script) == (["0 close 1001 going", "5 drop"], CloseInfo(1001, "going", by_peer=False))


def test_a_close_by_the_library_is_found_and_bounded() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.is_library_closing = True
        await asyncio.sleep(100)

    # Seen at the unhurried check, then given the time of any other close.
    assert run(script)[0] == ["35 drop"]


def test_a_close_while_the_peers_close_is_held() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.pause()
        fake._deliver(b"x")
        fake._peer_closes(1000, "")
        fake.close(1001)

    assert run(script)[0] == ["0 stop reading", "0 close 1001", "0 finish"]


def test_a_socket_lost_while_paused_is_reported_at_once() -> None:
    async def script(fake: FakeSocket) -> None:
        fake.pause()
        fake._deliver(b"x")
        fake._lost()
        fake._lost()
        fake.resume()
        await asyncio.sleep(1)

    assert run(script) == (["0 stop reading"], CloseInfo(1006))


def test_held_messages_come_in_order_and_reading_starts_after_the_last() -> None:
    seen: list[bytes] = []

    async def script(fake: FakeSocket) -> None:
        fake.on_message = seen.append
        fake.pause()
        fake._deliver(b"1")
        fake._deliver(b"2")
        fake.resume()
        fake.pause()
        fake.resume()
        assert seen == []
        await asyncio.sleep(1)
        fake._deliver(b"3")

    assert run(script)[0] == ["0 stop reading", "0 start reading"]
    assert seen == [b"1", b"2", b"3"]


def test_the_base_alone_is_no_connection() -> None:
    bare = SocketConnection.__new__(SocketConnection)
    for name in ("_unsent", "_finish", "_drop", "_stop_reading", "_start_reading", "_is_failing", "_write_ping"):
        with pytest.raises(NotImplementedError):
            getattr(bare, name)()
