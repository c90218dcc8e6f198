"""Which CALLs are made and answered, and under which ids."""

import asyncio
import itertools
from random import Random
from typing import Any

import pytest

from chargewright.protocol.v16.core import (
    ClearCacheRequest,
    ClearCacheResponse,
    ClearCacheStatus,
    HeartbeatRequest,
    HeartbeatResponse,
)
from chargewright.station.boot import Permission
from chargewright.station.calls import Calls
from chargewright.station.context import Answer, CallFailed, CallFailure
from chargewright.station.store import StationStore


class Desk:
    """Calls with a given permission; `sent` is what was let through, `changes` counts what was served."""

    def __init__(self, permission: Permission = Permission.EVERYTHING) -> None:
        self.store = StationStore(":memory:", Random(1))
        self.sent: list[tuple[Any, float]] = []
        self.changes = 0
        self.calls = Calls(self.store, frozenset(), self._send, lambda: permission, lambda: 25.0, self._changed)

    async def _send(self, request: Any, response: Any, timeout_seconds: float) -> Any:
        self.sent.append((request, timeout_seconds))
        return response(current_time=None)

    def _changed(self) -> None:
        self.changes += 1


@pytest.mark.parametrize(("permission", "is_triggered"), list(itertools.product(Permission, [False, True])))
def test_what_may_be_sent(permission: Permission, is_triggered: bool) -> None:
    desk = Desk(permission)
    call = desk.calls.call(HeartbeatRequest(), HeartbeatResponse, is_triggered=is_triggered)
    if permission is Permission.EVERYTHING or (permission is Permission.WHEN_ASKED and is_triggered):
        assert isinstance(asyncio.run(call), HeartbeatResponse)
        assert desk.sent == [(HeartbeatRequest(), 25.0)]
    else:
        with pytest.raises(CallFailed, match="Heartbeat") as caught:
            asyncio.run(call)
        assert (caught.value.failure, desk.sent) == (CallFailure.OFFLINE, [])
    desk.sent.clear()
    asyncio.run(desk.calls.call_anyway(HeartbeatRequest(), HeartbeatResponse))
    assert len(desk.sent) == 1


@pytest.mark.parametrize("permission", Permission)
def test_what_is_answered(permission: Permission) -> None:
    desk = Desk(permission)
    accepted = Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))
    desk.calls.serve({"ClearCache": lambda request: accepted})
    is_silent = permission is Permission.SILENCE
    assert desk.calls.commands["ClearCache"](ClearCacheRequest()) is (None if is_silent else accepted)
    assert desk.changes == (0 if is_silent else 1)


def test_no_id_comes_twice_over_connections_and_boots() -> None:
    desk = Desk()
    ids = []
    for _ in range(3):
        desk.calls.count_boot()
        for _ in range(2):
            rpc = desk.calls.new_rpc()
            ids.append(rpc.call(HeartbeatRequest(), 0.0, 30.0))
    assert len(set(ids)) == 6


def test_after_the_end_nothing_is_served() -> None:
    desk = Desk()
    desk.calls.serve({"ClearCache": lambda request: Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))})
    desk.calls.stop()
    assert desk.calls.commands["ClearCache"](ClearCacheRequest()) is None
    assert desk.changes == 0
