"""One CALL at a time, every answer to whoever waits, and nobody left waiting."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from chargewright.clock import LoopClock
from chargewright.errors import ConnectionLost, LocalProtocolError
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.core import (
    AuthorizeRequest,
    AuthorizeResponse,
    ClearCacheResponse,
    ClearCacheStatus,
    HeartbeatRequest,
    HeartbeatResponse,
)
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.errors import SecurityFault
from chargewright.simulation import simulate
from chargewright.station.context import Answer, CallFailed, CallFailure
from chargewright.station.dialect import Translator
from chargewright.station.link import DELAYED_BOUND, WAITING_BOUND, Link
from chargewright.transport.connection import Peer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIME = {"currentTime": "2026-01-01T00:00:00Z"}


class Line:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.peer = Peer("test", "ocpp1.6")
        self.is_open = True
        self.is_broken = False
        self.sent: list[Any] = []
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def send(self, message: bytes) -> None:
        if self.is_broken:
            raise ConnectionLost("broken")
        self.sent.append(json.loads(message))


def with_link(
    main: Callable[[Link, Line], Any],
    commands: dict[str, Any] | None = None,
    answer_seconds: Callable[[], float] | None = None,
) -> Any:
    async def run(clock: LoopClock) -> Any:
        numbers = iter(range(1000))
        served = commands or {}
        link = Link(
            clock,
            lambda: RpcConnection(Role.STATION, ACTIONS, new_call_id=lambda: f"id-{next(numbers)}", offered=served),
            asyncio.get_running_loop().call_later,
            served,
            lambda callback: callback(),
            Translator(frozenset()),
            structlog.get_logger(),
            answer_seconds=answer_seconds,
        )
        line = Line()
        link.attach(line)  # type: ignore[arg-type]  # as much of a Connection as the link uses
        return await main(link, line)

    return simulate(run)


def answer(link: Link, frame: list[Any], payload: Any) -> None:
    link.receive(json.dumps([3, frame[1], payload]).encode())


def test_only_so_many_calls_wait() -> None:
    async def main(link: Link, line: Line) -> None:
        calls = [
            asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30)) for _ in range(WAITING_BOUND + 1)
        ]
        await asyncio.sleep(1)
        with pytest.raises(CallFailed) as caught:
            await link.call(HeartbeatRequest(), HeartbeatResponse, 30)
        assert caught.value.failure is CallFailure.OFFLINE
        assert not any(call.done() for call in calls), "those who came in time"
        link.detach()
        failed = await asyncio.gather(*calls, return_exceptions=True)
        assert {error.failure for error in failed if isinstance(error, CallFailed)} == {CallFailure.LOST}

    with_link(main)


def test_calls_wait_their_turn() -> None:
    async def main(link: Link, line: Line) -> None:
        first = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        second = asyncio.create_task(link.call(AuthorizeRequest(id_tag="A"), AuthorizeResponse, 30))
        await asyncio.sleep(1)
        assert [frame[2] for frame in line.sent] == ["Heartbeat"]
        answer(link, line.sent[0], TIME)
        assert isinstance(await first, HeartbeatResponse)
        assert [frame[2] for frame in line.sent] == ["Heartbeat", "Authorize"]
        answer(link, line.sent[1], {"idTagInfo": {"status": "Accepted"}})
        await second
        assert (link.traffic.sent, link.traffic.received) == (2, 2)

    with_link(main)


def test_each_way_to_fail_is_told_apart() -> None:
    async def main(link: Link, line: Line) -> list[CallFailure]:
        failures = []

        async def fail(react: Callable[[], None]) -> None:
            waiting = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
            await asyncio.sleep(1)
            react()
            with pytest.raises(CallFailed) as caught:
                await waiting
            failures.append(caught.value.failure)

        await fail(lambda: link.receive(json.dumps([4, line.sent[-1][1], "GenericError", "", {}]).encode()))
        await fail(lambda: answer(link, line.sent[-1], {"currentTime": 5}))
        await fail(lambda: None)
        await fail(link.detach)
        with pytest.raises(CallFailed) as caught:
            await link.call(HeartbeatRequest(), HeartbeatResponse, 30)
        return [*failures, caught.value.failure]

    assert with_link(main) == [
        CallFailure.REFUSED,
        CallFailure.MALFORMED,
        CallFailure.TIMED_OUT,
        CallFailure.LOST,
        CallFailure.OFFLINE,
    ]


def test_those_who_wait_for_their_turn_learn_of_the_loss_too() -> None:
    async def main(link: Link, line: Line) -> None:
        calls = [asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30)) for _ in range(3)]
        await asyncio.sleep(1)
        link.detach()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {result.failure for result in results if isinstance(result, CallFailed)} == {CallFailure.LOST}
        assert len(results) == 3

    with_link(main)


def test_a_request_that_cannot_be_sent_blocks_nobody() -> None:
    async def main(link: Link, line: Line) -> None:
        with pytest.raises(LocalProtocolError):
            await link.call(AuthorizeRequest(id_tag="\ud800"), AuthorizeResponse, 30)
        waiting = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        await asyncio.sleep(1)
        answer(link, line.sent[-1], TIME)
        await waiting

    with_link(main)


def test_commands_are_answered_before_they_have_effect() -> None:
    async def main(link: Link, line: Line) -> None:
        link.receive(b'[2,"c1","ClearCache",{}]')
        assert line.sent == [[3, "c1", {"status": "Rejected"}]]
        assert seen == [1]

    line_lengths: list[int] = []
    seen = line_lengths
    lines: list[Line] = []

    def clear_cache(request: Any) -> Answer:
        return Answer(
            ClearCacheResponse(status=ClearCacheStatus.REJECTED), then=lambda: seen.append(len(lines[0].sent))
        )

    async def wrapped(link: Link, line: Line) -> None:
        lines.append(line)
        await main(link, line)

    with_link(wrapped, {"ClearCache": clear_cache})


def test_refusals_silence_and_bugs() -> None:
    def refuse(request: Any) -> Answer:
        raise SecurityFault("no")

    def break_down(request: Any) -> Answer:
        raise ZeroDivisionError

    async def main(link: Link, line: Line) -> None:
        link.receive(b'[2,"c1","ClearCache",{}]')
        link.receive(b'[2,"c2","Reset",{"type":"Soft"}]')
        link.receive(b'[2,"c3","GetConfiguration",{}]')
        link.receive(b'[2,"c4","UnlockConnector",{"connectorId":1}]')
        await asyncio.sleep(1)
        assert [(frame[0], frame[1], frame[2]) for frame in line.sent] == [
            (4, "c1", "SecurityError"),
            (4, "c2", "InternalError"),
            (4, "c4", "NotSupported"),
        ]

    with_link(main, {"ClearCache": refuse, "Reset": break_down, "GetConfiguration": lambda request: None})


def test_a_line_that_breaks_while_sending_fails_the_call_when_the_loss_is_told() -> None:
    async def main(link: Link, line: Line) -> None:
        line.is_broken = True
        waiting = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        await asyncio.sleep(1)
        link.detach()
        with pytest.raises(CallFailed):
            await waiting

    with_link(main)


def test_messages_after_the_loss_are_nobodys() -> None:
    async def main(link: Link, line: Line) -> None:
        link.detach()
        link.detach()
        link.receive(b'[2,"c1","ClearCache",{}]')
        assert line.sent == []

    with_link(main, {"ClearCache": lambda request: None})


def clear_cache(call_id: str) -> bytes:
    return json.dumps([2, call_id, "ClearCache", {}]).encode()


def test_slow_answers_stay_in_their_order_and_keep_nobody_from_calling() -> None:
    seconds = iter([5.0, 1.0])

    async def main(link: Link, line: Line) -> None:
        link.receive(clear_cache("first"))
        link.receive(clear_cache("second"))
        await asyncio.sleep(1.5)
        call = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        await asyncio.sleep(0.5)
        answer(link, line.sent[0], TIME)
        assert isinstance(await call, HeartbeatResponse)
        assert len(line.sent) == 1
        await asyncio.sleep(4)
        assert [frame[1] for frame in line.sent[1:]] == ["first", "second"]

    accepted = Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))
    with_link(main, {"ClearCache": lambda request: accepted}, lambda: next(seconds))


def test_what_was_asked_on_a_lost_connection_is_not_served_on_the_next() -> None:
    served: list[object] = []

    async def main(link: Link, line: Line) -> None:
        link.receive(clear_cache("old"))
        await asyncio.sleep(0.5)
        link.detach()
        link.attach(line)  # type: ignore[arg-type]  # as much of a Connection as the link uses
        await asyncio.sleep(10)
        assert served == [] and line.sent == []

    with_link(main, {"ClearCache": served.append}, lambda: 2.0)


def test_an_effect_that_fails_makes_nobody_deaf() -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    async def main(link: Link, line: Line) -> None:
        with structlog.testing.capture_logs() as logs:
            link.receive(clear_cache("c1"))
            link.receive(clear_cache("c2"))
            await asyncio.sleep(1)
        assert [frame[:2] for frame in line.sent] == [[3, "c1"], [3, "c2"]]
        assert [entry["event"] for entry in logs] == ["what follows a command failed"] * 2
        call = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        await asyncio.sleep(1)
        answer(link, line.sent[-1], TIME)
        assert isinstance(await call, HeartbeatResponse)

    accepted = Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED), then=break_down)
    with_link(main, {"ClearCache": lambda request: accepted})


def test_nonsense_that_cannot_be_noted_makes_nobody_deaf() -> None:
    def break_down(what: str) -> None:
        raise ZeroDivisionError

    async def main(link: Link, line: Line) -> None:
        link._received_nonsense = break_down
        call = asyncio.create_task(link.call(HeartbeatRequest(), HeartbeatResponse, 30))
        await asyncio.sleep(1)
        answer(link, line.sent[-1], {"currentTime": 5})
        link.receive(b"nonsense")
        link.receive(clear_cache("c1"))
        with pytest.raises(CallFailed, match="unreadable"):
            await call
        await asyncio.sleep(1)
        assert line.sent[-1][:2] == [3, "c1"]

    accepted = Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))
    with_link(main, {"ClearCache": lambda request: accepted})


def test_an_error_while_receiving_ends_with_the_message_and_with_the_connection() -> None:
    async def main(link: Link, line: Line) -> None:
        seen: list[bytes] = []
        incoming = link._translator.incoming

        def broken(message: bytes) -> bytes:
            seen.append(message)
            if len(seen) == 1:
                raise ZeroDivisionError
            return incoming(message)

        link._translator.incoming = broken  # type: ignore[method-assign]  # what should not happen
        with pytest.raises(ZeroDivisionError):
            link.receive(clear_cache("c1"))
        link.receive(clear_cache("c2"))
        await asyncio.sleep(1)
        assert [frame[1] for frame in line.sent] == ["c2"]
        # What was not looked at goes with the connection; the next one begins anew.
        link.receive(clear_cache("c3"))
        link.receive(clear_cache("c4"))
        link.detach()
        link.attach(line)  # type: ignore[arg-type]  # as much of a Connection as the link uses
        link.receive(clear_cache("c5"))
        link.receive(clear_cache("c6"))
        await asyncio.sleep(1)
        assert [frame[1] for frame in line.sent] == ["c2", "c3", "c5", "c6"]

    accepted = Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))
    with_link(main, {"ClearCache": lambda request: accepted})


def test_who_asks_faster_than_a_slow_station_answers_has_to_wait() -> None:
    async def main(link: Link, line: Line) -> None:
        for number in range(DELAYED_BOUND):
            assert not line.is_paused
            link.receive(f'[2,"{number}","ClearCache",{{}}]'.encode())
            await asyncio.sleep(0)
        assert line.is_paused and line.sent == []
        await asyncio.sleep(2.5)
        assert not line.is_paused
        await asyncio.sleep(60)
        assert [frame[1] for frame in line.sent] == [str(number) for number in range(DELAYED_BOUND)]

    clears = {"ClearCache": lambda request: Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))}
    with_link(main, clears, answer_seconds=lambda: 2.0)


def test_a_new_connection_begins_with_nothing_delayed() -> None:
    async def main(link: Link, line: Line) -> None:
        for number in range(DELAYED_BOUND):
            link.receive(f'[2,"{number}","ClearCache",{{}}]'.encode())
            await asyncio.sleep(0)
        link.detach()
        again = Line()
        link.attach(again)  # type: ignore[arg-type]  # as much of a Connection as the link uses
        await asyncio.sleep(60)
        assert again.sent == [] and not again.is_paused

    clears = {"ClearCache": lambda request: Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))}
    with_link(main, clears, answer_seconds=lambda: 2.0)
