"""What listeners share, without a socket."""

import asyncio
from typing import Any

import pytest

from chargewright.transport.connection import DEFAULT_LIMITS, INTERNAL_ERROR, Admission, Peer, Refusal, UpgradeRequest
from chargewright.transport.listener import FAILED, AdmittingListener

REQUEST = UpgradeRequest("/AL1000", {})


class BareConnection:
    def __init__(self) -> None:
        self.peer = Peer("fake", None)
        self.closed_with: list[int] = []

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed_with.append(code)


async def test_admit_decides_until_close() -> None:
    refusal = Refusal(404, "?")
    listener = AdmittingListener(lambda request: refusal, DEFAULT_LIMITS)
    assert listener.decide(REQUEST) is refusal
    listener.close()
    late = listener.decide(REQUEST)
    assert isinstance(late, Refusal)
    assert late.status == 503


async def test_a_fault_in_admit_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def admit(request: UpgradeRequest) -> Refusal:
        raise RuntimeError("the secret is 42")

    assert AdmittingListener(admit, DEFAULT_LIMITS).decide(REQUEST) is FAILED
    assert "the secret is 42" in caplog.text
    assert "42" not in FAILED.text


async def test_wait_closed_waits_for_the_last_connection(caplog: pytest.LogCaptureFixture) -> None:
    listener = AdmittingListener(lambda request: Refusal(404, ""), DEFAULT_LIMITS)
    good, bad = BareConnection(), BareConnection()
    handed_over: list[Any] = []

    def fail(connection: Any) -> None:
        raise RuntimeError("no room")

    listener.connection_opened(good, Admission(None, handed_over.append))  # type: ignore[arg-type]  # a stand-in
    listener.connection_opened(bad, Admission(None, fail))  # type: ignore[arg-type]
    assert handed_over == [good]
    assert bad.closed_with == [INTERNAL_ERROR]
    assert "no room" in caplog.text
    waiting = asyncio.ensure_future(listener.wait_closed())
    listener.connection_lost()
    await asyncio.sleep(0)
    assert not waiting.done()
    listener.connection_lost()
    await waiting
