"""One test for all implementations: whoever listens, whoever connects, the same happens on the wire and at the owner.

Raw cases send bytes that no library would send. Where a test waits, it waits for an event; the limits are tiny.
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from tests.transport.authority import Authority
from tests.transport.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawClient,
    frame_bytes,
    raw_client,
)
from tests.transport.recording import Listen, Recorder, RecordingServer, serving

from chargewright.errors import ConnectionLost
from chargewright.transport import picows_client, picows_server, websockets_adapter
from chargewright.transport.basic_auth import CHALLENGE, password_from_header
from chargewright.transport.choice import Connect
from chargewright.transport.connection import CloseInfo, Connection, Keepalive, Limits, Refusal
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused

SERVERS: dict[str, Listen] = {"picows": picows_server.listen, "websockets": websockets_adapter.listen}
MEBIBYTE = 1024 * 1024


CLIENTS: dict[str, Connect] = {"picows": picows_client.connect, "websockets": websockets_adapter.connect}


@pytest.fixture(params=sorted(CLIENTS))
def connect(request: pytest.FixtureRequest) -> Connect:
    return CLIENTS[request.param]


@pytest.fixture(params=sorted(SERVERS))
def listen(request: pytest.FixtureRequest) -> Listen:
    return SERVERS[request.param]


async def accepted(server: RecordingServer) -> Recorder:
    return await asyncio.wait_for(server.accepted.get(), 10)


async def received(recorder: Recorder) -> bytes:
    return await asyncio.wait_for(recorder.messages.get(), 10)


async def closed(recorder: Recorder) -> CloseInfo:
    return await asyncio.wait_for(recorder.closed, 10)


# The handshake.


async def test_an_upgrade_names_what_was_asked_and_answers_the_subprotocol(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        assert await client.upgrade("/ocpp/AL%201000?x=1", {"X-Twice": "a\xe4"}) == 101
        recorder = await accepted(server)
        assert recorder.connection is not None
        name = client.writer.get_extra_info("sockname")
        assert recorder.connection.peer.address == f"{name[0]}:{name[1]}"
        assert recorder.connection.peer.subprotocol == "ocpp1.6"
        assert recorder.connection.peer.certificate_subject is None
        assert recorder.connection.is_open
    assert client.headers["sec-websocket-protocol"] == "ocpp1.6"
    (request,) = server.requests
    assert request.path == "/ocpp/AL%201000?x=1"
    assert request.headers["x-twice"] == "a\xe4"
    assert request.headers["sec-websocket-protocol"] == "ocpp1.6"


async def test_no_subprotocol_means_no_header(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        assert await client.upgrade(headers={"Sec-WebSocket-Protocol": "ocpp0.1"}) == 101
        assert "sec-websocket-protocol" not in client.headers


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(404, "Unknown station."),
        Refusal(401, "Who are you?", CHALLENGE),
        Refusal(503, "Later.", {"Retry-After": "7"}),
        Refusal(400, ""),
    ],
    ids=lambda refusal: refusal.status,
)
async def test_a_refusal_carries_status_text_and_headers(listen: Listen, refusal: Refusal) -> None:
    server = RecordingServer(refusal=refusal)
    async with serving(listen, server) as address, raw_client(address) as client:
        assert await client.upgrade() == refusal.status
        assert (await client.body()).decode() == refusal.text
        assert {client.headers[name.lower()] for name in refusal.headers} == set(refusal.headers.values())
        await client.wait_gone()


async def test_a_fault_in_admit_is_500_without_detail(listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    def admit(request: object) -> Any:
        raise RuntimeError("the secret is 42")

    listener = await listen(admit, "127.0.0.1", 0)
    async with raw_client(listener.addresses[0]) as client:
        assert await client.upgrade() == 500
        assert b"42" not in await client.body() + repr(client.headers).encode()
        await client.wait_gone()
    listener.close()
    await listener.wait_closed()
    assert "the secret is 42" in caplog.text


@pytest.mark.parametrize("connection", ["keep-alive, Upgrade", "Upgrade, keep-alive", "upgrade", "UPGRADE"])
async def test_connection_is_a_list_of_tokens(listen: Listen, connection: str) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        assert await client.upgrade(headers={"Connection": connection}) == 101


@pytest.mark.parametrize(
    "headers",
    [{"Upgrade": "h2c"}, {"Connection": "close"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Version": "12"}],
)
async def test_what_is_no_websocket_handshake_is_refused(listen: Listen, headers: dict[str, str]) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        assert await client.upgrade(headers=headers) in (400, 426)
        await client.wait_gone()
    assert server.accepted.empty()


@pytest.mark.parametrize("start", [b"", b"GET /AL1000 HTTP/1.1\r\nHost: x\r\n"])
async def test_a_slow_handshake_is_dropped(listen: Listen, start: bytes) -> None:
    server = RecordingServer()
    async with serving(listen, server, limits=Limits(handshake_seconds=0.2)) as address, raw_client(address) as client:
        client.writer.write(start)
        await asyncio.wait_for(client.wait_gone(), 10)
    assert server.accepted.empty()


async def test_an_endless_handshake_is_dropped(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        client.writer.write(b"GET /AL1000 HTTP/1.1\r\n" + b"X-Fill: " + b"x" * 1024 * 1024)
        await asyncio.wait_for(client.wait_gone(), 10)
    assert server.requests == []


async def test_after_close_upgrades_are_refused_and_connections_stay(listen: Listen) -> None:
    server = RecordingServer()
    listener = await listen(server, "127.0.0.1", 0)
    async with raw_client(listener.addresses[0]) as client, raw_client(listener.addresses[0]) as late:
        await client.upgrade()
        recorder = await accepted(server)
        listener.close()
        listener.close()
        waiting = asyncio.ensure_future(listener.wait_closed())
        try:
            assert await late.upgrade() == 503
        except (ConnectionError, asyncio.IncompleteReadError):
            assert late.status == 0
        client.send(TEXT, b"still here")
        assert await received(recorder) == b"still here"
        assert not waiting.done()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*listener.addresses[0])
        client.writer.close()
        await closed(recorder)
        await asyncio.wait_for(waiting, 10)


# Messages.


async def test_raw_text_both_ways_and_ping(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        client.send(TEXT, '[2,"ä"]'.encode())
        assert await received(recorder) == '[2,"ä"]'.encode()
        recorder.connection.send(b'[3,"1",{}]')
        assert (await client.receive()).payload == b'[3,"1",{}]'
        client.send(PING, b"are you there")
        pong = await client.receive()
        assert (pong.opcode, pong.payload) == (PONG, b"are you there")


async def test_fragments_with_a_ping_between(listen: Listen) -> None:
    server = RecordingServer()
    text = '[2,"ä€😀"]'.encode()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        client.send(TEXT, text[:1], is_final=False)
        for index in range(1, len(text)):
            client.send(CONTINUATION, text[index : index + 1], is_final=False)
        client.send(PING, b"?")
        client.send(CONTINUATION, b"")
        client.send(TEXT, b"next")
        assert (await client.receive()).opcode == PONG
        assert await received(recorder) == text
        assert await received(recorder) == b"next"


async def test_kept_messages_keep_their_bytes(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        sent = [letter * 50 for letter in (b"a", b"b", b"c", b"d")]
        for message in sent:
            client.send(TEXT, message)
        assert [await received(recorder) for _ in sent] == sent


def send_frames(client: RawClient, case: str) -> None:
    if case == "lone continuation":
        client.send(CONTINUATION, b"x")
    elif case == "text inside text":
        client.send(TEXT, b"x", is_final=False)
        client.send(TEXT, b"y")
    elif case == "RSV1":
        client.send(TEXT, b"x", reserved=4)
    elif case == "RSV1 ping":
        client.send(PING, b"x", reserved=4)
    elif case == "RSV3":
        client.send(TEXT, b"x", reserved=1)
    elif case == "unknown opcode":
        client.send(0x3, b"x")
    elif case == "fragmented ping":
        client.send(PING, b"x", is_final=False)
    elif case == "unmasked":
        client.writer.write(b"\x81\x01x")
    elif case == "binary":
        client.send(BINARY, b"x")
    elif case == "bad UTF-8":
        client.send(TEXT, b"ab\xff")
    elif case == "bad UTF-8 across frames":
        client.send(TEXT, b"\xe2\x82", is_final=False)
        client.send(CONTINUATION, b"x")
    elif case == "frame over the bound":
        # Only the head: a close frame sent to a peer that is still sending may be lost with a reset.
        client.writer.write(b"\x81\xff" + (1_000_001).to_bytes(8, "big"))
    elif case == "message over the bound":
        client.send(TEXT, b"x" * 600, is_final=False)
        client.send(CONTINUATION, b"x" * 600)
    elif case == "endless fragments":
        client.send(TEXT, b"", is_final=False)
        for _ in range(64):
            client.send(CONTINUATION, b"", is_final=False)
    elif case == "close code 1006":
        client.send(CLOSE, (1006).to_bytes(2, "big"))
    elif case == "close code of one byte":
        client.send(CLOSE, b"\x03")
    else:
        raise AssertionError(f"no such case: {case}")


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("lone continuation", 1002),
        ("text inside text", 1002),
        ("RSV1", 1002),
        ("RSV1 ping", 1002),
        ("RSV3", 1002),
        ("unknown opcode", 1002),
        ("fragmented ping", 1002),
        ("unmasked", 1002),
        ("binary", 1003),
        ("bad UTF-8", 1007),
        ("bad UTF-8 across frames", 1007),
        ("frame over the bound", 1009),
        ("message over the bound", 1009),
        ("endless fragments", 1009),
        ("close code 1006", 1002),
        ("close code of one byte", 1002),
    ],
)
async def test_a_forbidden_frame_ends_the_connection_with_its_code(listen: Listen, case: str, code: int) -> None:
    server = RecordingServer()
    limits = Limits(frame_bytes=1000, message_bytes=1000, fragments_per_message=32, close_seconds=0.2)
    async with serving(listen, server, limits=limits) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        send_frames(client, case)
        assert (await client.receive()).close_code == code
        # The client never answers the close frame: it is dropped after close_seconds.
        await asyncio.wait_for(client.wait_gone(), 10)
        info = await closed(recorder)
        assert (info.code, info.by_peer) == (code, False)
        assert recorder.messages.empty()


# Closing.


@pytest.mark.parametrize(
    ("payload", "info", "echo"),
    [
        (b"\x03\xe8bye", CloseInfo(1000, "bye"), 1000),
        (b"\x03\xe9", CloseInfo(1001, ""), 1001),
        (b"\x0f\xa1own", CloseInfo(4001, "own"), 4001),
    ],
)
async def test_a_peers_close_is_echoed_and_reported(listen: Listen, payload: bytes, info: CloseInfo, echo: int) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        client.send(CLOSE, payload)
        assert (await client.receive()).close_code == echo
        await asyncio.wait_for(client.wait_gone(), 10)
        assert await closed(recorder) == info


async def test_an_empty_close_frame_is_1005_at_the_owner(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        client.send(CLOSE)
        answer = await client.receive()
        assert answer.payload in (b"", b"\x03\xe8")
        await asyncio.wait_for(client.wait_gone(), 10)
        assert await closed(recorder) == CloseInfo(1005)


async def test_our_close_is_sent_once_and_nothing_is_delivered_after(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        connection = recorder.connection
        assert connection is not None
        connection.close(1001, "ä" * 100)
        connection.close(1000, "again")
        assert not connection.is_open
        with pytest.raises(ConnectionLost):
            connection.send(b"late")
        frame = await client.receive()
        assert frame.close_code == 1001
        # A reason is cut to what a control frame holds, between characters.
        assert frame.payload[2:].decode() == "ä" * 61
        client.send(TEXT, b"late")
        client.send(CLOSE, b"\x03\xe9")
        await asyncio.wait_for(client.wait_gone(), 10)
        assert await closed(recorder) == CloseInfo(1001, "ä" * 100, by_peer=False)
        assert recorder.messages.empty()


async def test_a_peer_that_does_not_answer_our_close_is_dropped(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server, limits=Limits(close_seconds=0.2)) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        recorder.connection.close(1013, "later")
        assert await closed(recorder) == CloseInfo(1013, "later", by_peer=False)


async def test_a_socket_that_goes_without_a_close_frame_is_1006(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        client.writer.close()
        info = await closed(recorder)
        assert (info.code, info.by_peer) == (1006, True)
        assert recorder.connection is not None
        assert not recorder.connection.is_open
        recorder.connection.abort()
        recorder.connection.close()
        recorder.connection.resume()


async def test_abort_drops_the_socket_at_once(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        recorder.connection.abort()
        recorder.connection.abort()
        assert not recorder.connection.is_open
        info = await closed(recorder)
        assert (info.code, info.by_peer) == (1006, False)
        await asyncio.wait_for(client.wait_gone(), 10)


async def test_a_fault_in_the_owner_closes_with_1011(listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None

        def fail(message: bytes) -> None:
            raise RuntimeError("a bug of the owner")

        recorder.connection.on_message = fail
        client.send(TEXT, b"x")
        assert (await client.receive()).close_code == 1011
        client.send(CLOSE, b"\x03\xf3")
        assert (await closed(recorder)).code == 1011
    assert "a bug of the owner" in caplog.text


# Pausing, and peers that do not read or do not live.


async def test_what_was_read_before_a_pause_comes_after_it(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        connection = recorder.connection
        assert connection is not None
        order: list[bytes] = []
        all_seen = asyncio.Event()

        def pause_after_each(message: bytes) -> None:
            order.append(message)
            connection.pause()
            asyncio.get_running_loop().call_soon(connection.resume)
            if len(order) == 20:
                all_seen.set()

        connection.on_message = pause_after_each
        # One write, so that one read brings them all.
        sent = [f"message {index}".encode() for index in range(20)]
        client.writer.write(b"".join(frame_bytes(TEXT, message) for message in sent) + frame_bytes(CLOSE, b"\x03\xe8"))
        await asyncio.wait_for(all_seen.wait(), 10)
        assert order == sent
        assert await closed(recorder) == CloseInfo(1000)


async def test_a_paused_connection_delivers_nothing_and_can_be_closed(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        connection = recorder.connection
        assert connection is not None
        connection.pause()
        connection.pause()
        client.send(TEXT, b"x")
        connection.send(b"writing goes on")
        assert (await client.receive()).payload == b"writing goes on"
        assert recorder.messages.empty()
        connection.close(1001)
        assert (await client.receive()).close_code == 1001
        client.send(CLOSE, b"\x03\xe9")
        assert (await closed(recorder)).code == 1001
        assert recorder.messages.empty()


def shrink_receive_buffer(client: RawClient) -> None:
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # streams offer no other way not to read


STALL = Limits(write_buffer_bytes=16 * 1024, write_stalled_seconds=0.4)


async def test_a_peer_that_stops_reading_is_dropped(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server, limits=STALL) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        shrink_receive_buffer(client)
        # More than the kernel's buffers take, in one message: the hard bound is for what comes behind it.
        recorder.connection.send(b"x" * 16 * MEBIBYTE)
        info = await closed(recorder)
        assert (info.code, info.by_peer) == (1006, False)
        assert "without one being taken" in info.reason


async def test_nothing_is_queued_beyond_the_hard_bound(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server, limits=STALL) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        shrink_receive_buffer(client)
        recorder.connection.send(b"x" * 16 * MEBIBYTE)
        with pytest.raises(ConnectionLost):
            recorder.connection.send(b"x")
        assert "the bound is 65536" in (await closed(recorder)).reason


async def test_a_peer_that_reads_slowly_is_not_dropped(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server, limits=STALL) as address, raw_client(address, limit=1024) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        message = b"x" * 16 * MEBIBYTE
        recorder.connection.send(message)
        assert (await client.receive()).payload == message
        client.send(TEXT, b"got it")
        assert await received(recorder) == b"got it"


async def test_a_close_behind_unread_data_does_not_hang(listen: Listen) -> None:
    server = RecordingServer()
    limits = Limits(close_seconds=0.2)
    async with serving(listen, server, limits=limits) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        shrink_receive_buffer(client)
        recorder.connection.send(b"x" * 16 * MEBIBYTE)
        recorder.connection.close(1001)
        assert (await closed(recorder)).code == 1001


async def test_pings_are_sent_and_a_silent_peer_is_dropped(listen: Listen) -> None:
    server = RecordingServer(keepalive=Keepalive(interval_seconds=0.2, timeout_seconds=0.8))
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        for _ in range(6):
            ping = await asyncio.wait_for(client.receive(), 10)
            assert ping.opcode == PING
            client.send(PONG, ping.payload)
        # From here on it is a half-open socket as the server sees it: bytes go, none come back.
        info = await closed(recorder)
        assert (info.code, info.by_peer) == (1006, False)
        assert "after a ping" in info.reason


async def test_a_paused_connection_is_not_taken_for_dead(listen: Listen) -> None:
    server = RecordingServer(keepalive=Keepalive(interval_seconds=0.1, timeout_seconds=0.2))
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        recorder.connection.pause()
        # Eight pings are far more than the time-out.
        for _ in range(8):
            ping = await asyncio.wait_for(client.receive(), 10)
            client.send(PONG, ping.payload)
        client.send(TEXT, b"alive")
        assert recorder.connection.is_open
        recorder.connection.resume()
        assert await received(recorder) == b"alive"


async def test_without_keepalive_there_are_no_pings(listen: Listen) -> None:
    server, other = RecordingServer(), RecordingServer(keepalive=Keepalive(0.1, 10))
    async with (
        serving(listen, server) as address,
        serving(listen, other) as other_address,
        raw_client(address) as client,
        raw_client(other_address) as pinged,
    ):
        await client.upgrade()
        await pinged.upgrade()
        recorder = await accepted(server)
        assert recorder.connection is not None
        for _ in range(3):
            assert (await pinged.receive()).opcode == PING
        recorder.connection.send(b"the first frame")
        assert (await client.receive()).payload == b"the first frame"


# Server and client together: every combination.


async def connected(connect: Connect, address: tuple[str, int], recorder: Recorder, **settings: Any) -> Connection:
    settings.setdefault("identity", "AL1000")
    connection = await connect(
        f"ws://{address[0]}:{address[1]}/ocpp", on_message=recorder.on_message, on_close=recorder.on_close, **settings
    )
    recorder.connection = connection
    return connection


async def test_a_station_connects_with_identity_and_password(listen: Listen, connect: Connect) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        station = Recorder()
        connection = await connected(
            connect,
            address,
            station,
            identity="AL/10:00 ä",
            password=bytes(range(20)),
            subprotocols=("ocpp0.1", "ocpp1.6"),
        )
        recorder = await accepted(server)
        assert connection.peer.subprotocol == "ocpp1.6"
        assert connection.peer.address == f"{address[0]}:{address[1]}"
        assert not connection.peer.is_encrypted
        connection.close()
        assert (await closed(recorder)).code == 1000
        await closed(station)
    (request,) = server.requests
    assert request.path == "/ocpp/AL%2F10%3A00%20%C3%A4"
    assert request.headers["sec-websocket-protocol"] == "ocpp0.1, ocpp1.6"
    assert password_from_header(request.headers["authorization"], "AL/10:00 ä") == bytes(range(20))


async def test_text_goes_both_ways_in_order(listen: Listen, connect: Connect) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        station = Recorder()
        connection = await connected(connect, address, station)
        recorder = await accepted(server)
        assert recorder.connection is not None
        sent = [b"x", "ä€😀".encode(), b"", b"a" * 125, b"b" * 126, b"c" * 65535, b"d" * 65536, b"e" * MEBIBYTE]
        for message in sent:
            connection.send(message)
            recorder.connection.send(message)
        assert [await received(recorder) for _ in sent] == sent
        assert [await received(station) for _ in sent] == sent
        connection.abort()
        assert (await closed(recorder)).code == 1006
        await closed(station)


@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (1013, "später"), (4001, "own")])
async def test_close_codes_reach_the_other_side(
    listen: Listen, connect: Connect, side: str, code: int, reason: str
) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        station = Recorder()
        await connected(connect, address, station)
        recorder = await accepted(server)
        closing, other = (recorder, station) if side == "server" else (station, recorder)
        assert closing.connection is not None
        closing.connection.close(code, reason)
        assert await closed(other) == CloseInfo(code, reason, by_peer=True)
        assert await closed(closing) == CloseInfo(code, reason, by_peer=False)


@pytest.mark.parametrize("side", ["server", "client"])
async def test_an_abort_reaches_the_other_side(listen: Listen, connect: Connect, side: str) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        station = Recorder()
        await connected(connect, address, station)
        recorder = await accepted(server)
        aborting, other = (recorder, station) if side == "server" else (station, recorder)
        assert aborting.connection is not None
        aborting.connection.abort()
        assert (await closed(other)) == CloseInfo(1006)
        info = await closed(aborting)
        assert (info.code, info.by_peer) == (1006, False)


async def test_a_client_pauses_and_resumes(listen: Listen, connect: Connect) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        station = Recorder()
        connection = await connected(connect, address, station)
        recorder = await accepted(server)
        assert recorder.connection is not None
        connection.pause()
        sent = [f"{index}".encode() for index in range(50)]
        for message in sent:
            recorder.connection.send(message)
        connection.send(b"the other direction flows")
        await received(recorder)
        assert station.messages.empty()
        connection.resume()
        assert [await received(station) for _ in sent] == sent
        connection.close()
        await closed(station)


@pytest.mark.parametrize(("status", "headers"), [(404, {}), (401, CHALLENGE), (503, {"Retry-After": "7"})])
async def test_a_refusal_is_seen_by_the_client(
    listen: Listen, connect: Connect, status: int, headers: dict[str, str]
) -> None:
    server = RecordingServer(refusal=Refusal(status, "Nein, danke.", headers))
    async with serving(listen, server) as address:
        with pytest.raises(UpgradeRefused) as caught:
            await connected(connect, address, Recorder())
    assert (caught.value.status, caught.value.text) == (status, "Nein, danke.")
    assert {caught.value.headers[name.lower()] for name in headers} == set(headers.values())


async def test_a_server_that_names_no_subprotocol_is_left(listen: Listen, connect: Connect) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        with pytest.raises(SubprotocolNotAgreed) as caught:
            await connected(connect, address, Recorder(), subprotocols=("ocpp0.1",))
        assert caught.value.answered is None
        assert (await closed(await accepted(server))).code == 1006


async def test_a_client_that_offers_nothing_expects_nothing(listen: Listen, connect: Connect) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        connection = await connected(connect, address, Recorder(), subprotocols=())
        assert connection.peer.subprotocol is None
        assert "sec-websocket-protocol" not in server.requests[0].headers
        connection.abort()
        await closed(await accepted(server))


async def test_keepalive_both_ways_keeps_a_quiet_connection(listen: Listen, connect: Connect) -> None:
    keepalive = Keepalive(interval_seconds=0.2, timeout_seconds=0.8)
    server = RecordingServer(keepalive=keepalive)
    async with serving(listen, server) as address, raw_client(address) as half_open:
        station = Recorder()
        connection = await connected(connect, address, station, keepalive=keepalive)
        recorder = await accepted(server)
        # A third peer that answers no ping is the clock of this test: it is dropped after the time-out.
        await half_open.upgrade()
        await closed(await accepted(server))
        assert connection.is_open
        assert recorder.connection is not None
        assert recorder.connection.is_open
        connection.close()
        await closed(station)


async def test_a_client_drops_a_server_that_fell_silent(connect: Connect) -> None:
    # A server that upgrades, and then neither reads nor writes: what a half-open socket looks like.
    async def upgrade_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(upgrade_only, "127.0.0.1", 0)
    try:
        station = Recorder()
        await connected(connect, server.sockets[0].getsockname(), station, keepalive=Keepalive(0.1, 0.2))
        info = await closed(station)
        assert (info.code, info.by_peer) == (1006, False)
        assert "after a ping" in info.reason
    finally:
        await shut(server, writers)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (None, "no answer in 0.2 s"),
        (b"", "without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "."),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "malformed"),
    ],
)
async def test_what_is_no_answer_is_a_lost_connection(connect: Connect, answer: bytes | None, match: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        with pytest.raises(ConnectionLost, match=match):
            await connected(connect, server.sockets[0].getsockname(), Recorder(), open_timeout_seconds=0.2)
    finally:
        await shut(server, writers)


async def test_nobody_listens(connect: Connect) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionLost) as caught:
            await connected(connect, bound.getsockname(), Recorder())
    assert isinstance(caught.value.__cause__, OSError)


async def shut(server: asyncio.Server, writers: list[asyncio.StreamWriter]) -> None:
    server.close()
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await server.wait_closed()


async def test_permessage_deflate_is_declined(listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        url = f"ws://{address[0]}:{address[1]}/AL1000"
        async with websockets.asyncio.client.connect(url, subprotocols=["ocpp1.6"], compression="deflate") as client:
            recorder = await accepted(server)
            assert "permessage-deflate" in server.requests[0].headers["sec-websocket-extensions"]
            assert client.protocol.extensions == []
            await client.send('[2,"1","Heartbeat",{}]' * 100)
            assert await received(recorder) == b'[2,"1","Heartbeat",{}]' * 100
            assert recorder.connection is not None
            recorder.connection.send(b"x" * 5000)
            assert await client.recv() == "x" * 5000
        assert await closed(recorder) == CloseInfo(1000)


async def test_an_extension_may_be_offered_to_be_declined(connect: Connect, listen: Listen) -> None:
    server = RecordingServer()
    async with serving(listen, server) as address:
        connection = await connected(connect, address, Recorder(), extensions="permessage-deflate")
        assert server.requests[0].headers["sec-websocket-extensions"] == "permessage-deflate"
        connection.send(b"x" * 500)
        assert await received(await accepted(server)) == b"x" * 500


async def test_a_server_that_takes_up_an_extension_is_left(connect: Connect) -> None:
    async def nothing(client: websockets.asyncio.server.ServerConnection) -> None:
        await client.wait_closed()

    async with websockets.asyncio.server.serve(nothing, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        address = next(iter(server.sockets)).getsockname()
        with pytest.raises(ConnectionLost, match="took up permessage-deflate"):
            await connected(connect, address, Recorder(), extensions="permessage-deflate")


# TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(("common_name", "subject"), [(None, None), ("SN-4711", "O=Acme,CN=SN-4711")])
async def test_tls_tells_both_sides_who_the_other_is(
    listen: Listen, connect: Connect, authority: Authority, common_name: str | None, subject: str | None
) -> None:
    server = RecordingServer()
    async with serving(listen, server, ssl_context=authority.server_context()) as address:
        station = Recorder()
        connection = await connect(
            f"wss://localhost:{address[1]}/ocpp",
            identity="AL1000",
            on_message=station.on_message,
            on_close=station.on_close,
            ssl_context=authority.client_context(common_name),
        )
        recorder = await accepted(server)
        assert recorder.connection is not None
        assert connection.peer.is_encrypted
        assert connection.peer.certificate_subject == "O=Acme,CN=localhost"
        assert recorder.connection.peer.is_encrypted
        assert recorder.connection.peer.certificate_subject == subject
        message = b"x" * MEBIBYTE
        connection.send(message)
        assert await received(recorder) == message
        recorder.connection.send(message)
        assert await received(station) == message
        recorder.connection.close(1001, "going")
        assert await closed(station) == CloseInfo(1001, "going")
        assert await closed(recorder) == CloseInfo(1001, "going", by_peer=False)


async def test_a_server_that_is_not_trusted_is_a_lost_connection_with_its_cause(
    listen: Listen, connect: Connect, authority: Authority
) -> None:
    server = RecordingServer()
    async with serving(listen, server, ssl_context=authority.server_context()) as address:
        with pytest.raises(ConnectionLost) as caught:
            await connect(
                f"wss://localhost:{address[1]}/ocpp",
                identity="AL1000",
                on_message=print,
                on_close=print,
                ssl_context=ssl.create_default_context(),
            )
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert caught.value.__cause__.verify_message
    assert server.requests == []


async def test_a_peer_that_never_begins_tls_is_dropped(listen: Listen, authority: Authority) -> None:
    server = RecordingServer()
    limits = Limits(handshake_seconds=0.2)
    async with (
        serving(listen, server, ssl_context=authority.server_context(), limits=limits) as address,
        raw_client(address) as client,
    ):
        await asyncio.wait_for(client.wait_gone(), 10)
