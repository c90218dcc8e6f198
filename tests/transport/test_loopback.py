"""The network without sockets: the same contract, faults from dice, the same run from the same seed."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from chargewright.clock import LoopClock
from chargewright.errors import ConnectionLost
from chargewright.simulation import simulate
from chargewright.transport.basic_auth import password_from_header
from chargewright.transport.connection import (
    Admission,
    CloseInfo,
    Connection,
    Limits,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused
from chargewright.transport.loopback import Faults, LoopbackConnection, LoopbackNetwork, loopback_pair


class End:
    """The owner of one end: notes what happens, and when."""

    def __init__(self, connection: Connection | None = None) -> None:
        self.log: list[tuple[float, object]] = []
        self.connection = connection
        if connection is not None:
            self.own(connection)

    def own(self, connection: Connection) -> None:
        self.connection = connection
        connection.on_message = self.note
        connection.on_close = self.note

    def note(self, what: object) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 6), what))

    @property
    def seen(self) -> list[object]:
        return [what for _, what in self.log]


def run(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def main(clock: LoopClock) -> None:
        await script()

    simulate(main)


def pair(**settings: Any) -> tuple[LoopbackConnection, LoopbackConnection, End, End]:
    station, csms = loopback_pair(**settings)
    return station, csms, End(station), End(csms)


def test_text_goes_both_ways_through_the_loop() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair()
        station.send(b"1")
        station.send(b"2")
        csms.send(b"3")
        assert at_csms.log == []
        await asyncio.sleep(0.001)
        assert at_csms.log == [(0, b"1"), (0, b"2")]
        assert at_station.log == [(0, b"3")]
        assert (station.peer.address, csms.peer.address) == ("csms", "station")

    run(script)


@pytest.mark.parametrize("delay", [(0.0, 0.0), (2.0, 2.0), (0.0, 3.0)])
def test_order_is_kept_whatever_the_delay(delay: tuple[float, float]) -> None:
    async def script() -> None:
        station, _, _, at_csms = pair(faults=Faults(delay_seconds=delay), dice=random.Random(7))
        sent = [f"{index}".encode() for index in range(100)]
        for message in sent:
            station.send(message)
        station.close(1001, "done")
        await asyncio.sleep(20)
        assert at_csms.seen == [*sent, CloseInfo(1001, "done")]
        assert all(delay[0] <= when <= delay[1] for when, _ in at_csms.log)

    run(script)


def test_the_closing_handshake_takes_both_ways() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair(faults=Faults(delay_seconds=(1, 1)))
        station.close(4001, "own")
        station.close(1000)
        assert not station.is_open
        with pytest.raises(ConnectionLost):
            station.send(b"late")
        csms.send(b"crosses the close frame and is not delivered")
        await asyncio.sleep(10)
        assert at_csms.log == [(1, CloseInfo(4001, "own"))]
        assert at_station.log == [(2, CloseInfo(4001, "own", by_peer=False))]
        assert not csms.is_open
        csms.close()
        csms.abort()
        csms.resume()

    run(script)


def test_both_may_close_at_once() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair()
        station.close(1000)
        csms.close(1001)
        await asyncio.sleep(1)
        assert at_station.seen == [CloseInfo(1000, by_peer=False)]
        assert at_csms.seen == [CloseInfo(1001, by_peer=False)]

    run(script)


def test_a_peer_that_does_not_read_the_close_is_dropped() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair(limits=Limits(close_seconds=5))
        csms.pause()
        station.close(1001)
        await asyncio.sleep(10)
        assert at_station.log == [(5, CloseInfo(1001, by_peer=False))]
        # It had been sent the close frame, and reports that rather than a lost socket.
        assert at_csms.log == [(5, CloseInfo(1001))]

    run(script)


def test_an_abort_arrives_behind_what_was_sent_and_loses_what_comes() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair(faults=Faults(delay_seconds=(1, 1)))
        station.send(b"first")
        await asyncio.sleep(0.5)
        station.send(b"second")
        csms.send(b"nobody is there to take this")
        station.abort()
        station.abort()
        await asyncio.sleep(10)
        assert at_station.log == [(0.5, CloseInfo(1006, "aborted", by_peer=False))]
        assert at_csms.log == [(1, b"first"), (1.5, b"second"), (1.5, CloseInfo(1006))]

    run(script)


def test_a_cut_is_1006_at_both_ends() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair()
        station.cut()
        assert not station.is_open
        assert not csms.is_open
        await asyncio.sleep(1)
        assert at_station.seen == at_csms.seen == [CloseInfo(1006)]

    run(script)


def test_pause_holds_back_and_resume_delivers() -> None:
    async def script() -> None:
        station, csms, _, at_csms = pair()
        csms.pause()
        for index in range(3):
            station.send(f"{index}".encode())
        station.close()
        await asyncio.sleep(1)
        assert at_csms.log == []

        def pause_again(message: bytes) -> None:
            at_csms.note(message)
            csms.pause()
            asyncio.get_running_loop().call_later(1, csms.resume)

        csms.on_message = pause_again
        csms.resume()
        await asyncio.sleep(3.5)
        assert at_csms.log == [(1, b"0"), (2, b"1"), (3, b"2"), (4, CloseInfo(1000))]

    run(script)


def test_close_while_paused_still_finishes() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair()
        csms.pause()
        station.send(b"not delivered any more")
        await asyncio.sleep(1)
        csms.close(1013)
        await asyncio.sleep(1)
        assert at_csms.log == [(1, CloseInfo(1013, by_peer=False))]
        assert at_station.log == [(1, CloseInfo(1013))]

    run(script)


def test_bounds_hold() -> None:
    async def script() -> None:
        station, csms, at_station, at_csms = pair(limits=Limits(message_bytes=10, write_buffer_bytes=10))
        station.send(b"x" * 10)
        await asyncio.sleep(1)
        station.send(b"x" * 11)
        await asyncio.sleep(1)
        assert at_csms.seen[0] == b"x" * 10
        assert [info.code for info in (at_csms.seen[1], at_station.seen[0])] == [1009, 1009]  # type: ignore[attr-defined]
        station, csms, at_station, at_csms = pair(limits=Limits(message_bytes=10, write_buffer_bytes=10))
        csms.pause()
        for _ in range(4):
            station.send(b"x" * 10)
        with pytest.raises(ConnectionLost):
            station.send(b"x")
        await asyncio.sleep(1)
        assert [type(what) for what in at_csms.seen] == [CloseInfo]

    run(script)


def test_a_fault_of_the_owner_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    def fail(what: object) -> None:
        raise RuntimeError("a bug of the owner")

    async def script() -> None:
        station, csms, at_station, _ = pair()
        csms.on_message = fail
        csms.on_close = fail
        station.send(b"x")
        await asyncio.sleep(1)
        assert at_station.seen == [CloseInfo(1011)]

    run(script)
    assert caplog.text.count("RuntimeError: a bug of the owner") == 2


def faulty_run(seed: int) -> list[tuple[float, object]]:
    logs: list[tuple[float, object]] = []

    async def script() -> None:
        faults = Faults(delay_seconds=(0.1, 2), cut_chance=0.02, loss_chance=0.2)
        dice = random.Random(seed)
        for _ in range(5):
            station, _, at_station, at_csms = pair(faults=faults, dice=dice)
            for index in range(40):
                if station.is_open:
                    station.send(f"{index}".encode())
                    await asyncio.sleep(0.3)
            station.close()
            await asyncio.sleep(20)
            logs.extend([*at_station.log, *at_csms.log])

    run(script)
    return logs


def test_one_seed_gives_one_run() -> None:
    first = faulty_run(1)
    assert faulty_run(1) == first
    assert faulty_run(2) != first
    messages = [what for _, what in first if isinstance(what, bytes)]
    assert 0 < len(messages) < 200
    assert CloseInfo(1006) in [what for _, what in first]


def test_chance_needs_dice() -> None:
    for faults in (Faults(loss_chance=0.1), Faults(cut_chance=0.1), Faults(delay_seconds=(0, 1))):
        with pytest.raises(ValueError, match="dice"):
            LoopbackNetwork(faults=faults)
        with pytest.raises(ValueError, match="dice"):
            loopback_pair(faults=faults)


# The network.


def test_a_station_connects_by_name() -> None:
    async def script() -> None:
        network = LoopbackNetwork(faults=Faults(delay_seconds=(0.5, 0.5)))
        requests: list[UpgradeRequest] = []
        at_csms, at_station = End(), End()

        def admit(request: UpgradeRequest) -> Admission:
            requests.append(request)
            return Admission("ocpp1.6", at_csms.own)

        listener = await network.listen(admit, "csms")
        with pytest.raises(OSError, match="csms"):
            await network.listen(admit, "csms")
        connection = await network.connect(
            "wss://csms/ocpp?x=1",
            identity="AL 1",
            password=b"\x00\xff",
            on_message=at_station.note,
            on_close=at_station.note,
        )
        assert asyncio.get_running_loop().time() == 1
        assert requests[0].path == "/ocpp/AL%201?x=1"
        assert password_from_header(requests[0].headers["authorization"], "AL 1") == b"\x00\xff"
        assert connection.peer.is_encrypted
        assert at_csms.connection is not None
        assert at_csms.connection.peer.address == "AL 1"
        connection.send(b"hello")
        await asyncio.sleep(1)
        assert at_csms.seen == [b"hello"]
        listener.close()
        listener.close()
        waiting = asyncio.ensure_future(listener.wait_closed())
        with pytest.raises(ConnectionLost):
            await network.connect("ws://csms/", identity="B", on_message=print, on_close=print)
        assert not waiting.done()
        network.cut()
        await waiting
        assert at_station.seen == [CloseInfo(1006)]
        assert at_csms.seen == [b"hello", CloseInfo(1006)]

    run(script)


def test_refusals_and_missing_listeners() -> None:
    async def script() -> None:
        network = LoopbackNetwork()
        at_csms = End()
        answers: dict[str, Admission | Refusal] = {
            "/unknown": Refusal(404, "?", {"X-Why": "unknown"}),
            "/none": Admission(None, at_csms.own),
        }
        listener = await network.listen(lambda request: answers[request.path], "csms")

        async def connect(identity: str, host: str = "csms") -> Connection:
            return await network.connect(f"ws://{host}/", identity=identity, on_message=print, on_close=print)

        with pytest.raises(UpgradeRefused) as caught:
            await connect("unknown")
        assert (caught.value.status, caught.value.headers) == (404, {"x-why": "unknown"})
        with pytest.raises(SubprotocolNotAgreed):
            await connect("none")
        await asyncio.sleep(1)
        assert at_csms.seen == [CloseInfo(1006)]
        with pytest.raises(UpgradeRefused, match="500"):
            await connect("a-fault-in-admit")
        with pytest.raises(ConnectionLost):
            await connect("none", host="elsewhere")
        network.is_reachable = False
        with pytest.raises(ConnectionLost):
            await connect("unknown")
        network.faults = Faults(delay_seconds=(20, 20))
        with pytest.raises(ConnectionLost, match="no answer in 30"):
            await connect("unknown")
        listener.close()
        await listener.wait_closed()

    run(script)
