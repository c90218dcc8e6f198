"""The load: stations on picows, each one CALL at a time."""

import asyncio
import base64
from collections.abc import Callable, Iterable, Sequence

import picows

__all__ = [
    "BOOT",
    "PASSWORD_HEX",
    "LoadStation",
    "ScriptedStation",
    "connect",
    "connect_all",
    "connect_scripted",
    "greeting",
    "identity",
    "status_notification",
]

PASSWORD_HEX = "00112233445566778899aabbccddeeff"
GREETING_SECONDS = 120

BOOT = b'[2,"b","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Load"}]'
START = (
    b'[2,"s","StartTransaction",{"connectorId":1,"idTag":"BENCH","meterStart":0,'
    b'"timestamp":"2026-01-01T00:00:00.000Z"}]'
)


def identity(number: int) -> str:
    """The identity of the station with that number, as the seed file has it."""
    return f"BENCH{number:05d}"


def status_notification(call_id: str, connector_id: int) -> bytes:
    """A connector that is free."""
    return (
        f'[2,"{call_id}","StatusNotification",'
        f'{{"connectorId":{connector_id},"errorCode":"NoError","status":"Available"}}]'
    ).encode()


def greeting(round_number: int = 0) -> list[bytes]:
    """What a station says when it comes: BootNotification and the status of three connectors. Message ids differ from
    round to round, because they are never used twice on one connection."""
    boot = BOOT.replace(b'"b"', f'"b{round_number}"'.encode())
    return [boot, *(status_notification(f"{round_number}-{connector}", connector) for connector in range(3))]


def meter_values(number: int, transaction_id: int) -> bytes:
    """The number-th MeterValues call of a station: three samples, a time stamp of its own, so that it is always new."""
    minutes, second = divmod(number, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (
        f'[2,"{number}","MeterValues",{{"connectorId":1,"transactionId":{transaction_id},"meterValue":[{{'
        f'"timestamp":"2026-{1 + days // 28:02d}-{1 + days % 28:02d}T{hour:02d}:{minute:02d}:{second:02d}.000Z",'
        f'"sampledValue":[{{"value":"{1000 + number}","context":"Sample.Periodic","format":"Raw",'
        '"measurand":"Energy.Active.Import.Register","location":"Outlet","unit":"Wh"},'
        '{"value":"7360.0","context":"Sample.Periodic","format":"Raw","measurand":"Power.Active.Import",'
        '"location":"Outlet","unit":"W"},'
        '{"value":"32.0","context":"Sample.Periodic","format":"Raw","measurand":"Current.Import","phase":"L1",'
        '"location":"Outlet","unit":"A"}]}]}]'
    ).encode()


class Socket(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """One station's end of the connection; `answered` is called for each message."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.transport: picows.WSTransport | None = None
        self.lost = False

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.answered(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.lost = True

    def answered(self, message: bytes) -> None:
        """One text message came."""
        raise NotImplementedError

    def send(self, message: bytes) -> None:
        """Send one text message."""
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, message)

    def leave(self) -> None:
        """Drop the connection."""
        if self.transport is not None:
            self.transport.disconnect()


class LoadStation(Socket):
    """Boot, start, then one MeterValues after the other as soon as the last is answered."""

    def __init__(self, number: int, ready: Callable[[], None]) -> None:
        super().__init__(number)
        self.ready = ready
        self.calls = 0
        self.transaction_id = 1
        self.is_loading = False
        self.step = 0

    def begin(self) -> None:
        """Send the first message."""
        self.send(BOOT)

    def answered(self, message: bytes) -> None:
        if self.step < 2:
            self._greet(message)
            return
        self.calls += 1
        if self.is_loading:
            self.send(meter_values(self.calls, self.transaction_id))

    def _greet(self, answer: bytes) -> None:
        self.step += 1
        if self.step == 1:
            self.send(START)
            return
        text = answer.decode()
        if '"transactionId":' in text:
            self.transaction_id = int(text.split('"transactionId":')[1].split(",")[0].split("}")[0])
        self.ready()

    def load(self) -> None:
        """Begin the closed loop."""
        self.is_loading = True
        self.send(meter_values(self.calls, self.transaction_id))


class ScriptedStation(Socket):
    """Sends what it was given, one message after the answer to the other, and says when all are answered."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._pending: list[bytes] = []
        self._done: Callable[[], None] | None = None

    def begin(self, messages: Sequence[bytes], done: Callable[[], None]) -> None:
        """Send the first; `done` is called after the answer to the last."""
        self._pending = list(reversed(messages))
        self._done = done
        self.send(self._pending.pop())

    def answered(self, message: bytes) -> None:
        if not message.startswith(b"[3,"):
            raise RuntimeError(f"{identity(self.number)} was answered {message.decode()}")
        if self._pending:
            self.send(self._pending.pop())
        elif self._done is not None:
            done, self._done = self._done, None
            done()

    async def run(self, messages: Sequence[bytes]) -> None:
        """Send all of `messages`, and wait for the last answer."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begin(messages, lambda: done.set_result(None))
        await asyncio.wait_for(done, GREETING_SECONDS)


async def connect(url: str, number: int, listener: picows.WSListener) -> picows.WSTransport:
    """One station's socket, with the password that the seed file gives it."""
    name = identity(number)
    credentials = base64.b64encode(name.encode() + b":" + bytes.fromhex(PASSWORD_HEX)).decode()
    transport, _ = await picows.ws_connect(
        lambda: listener,
        f"{url}/{name}",
        extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6", "Authorization": f"Basic {credentials}"},
        read_buffer_init_size=1024,
        websocket_handshake_timeout=60,
    )
    return transport


async def connect_scripted(
    url: str, stations: Iterable[ScriptedStation], messages: Sequence[bytes], at_once: int = 1
) -> None:
    """Connect the stations, `at_once` at any time, and let each send `messages` before the next one comes."""
    waiting = iter(stations)

    async def bring() -> None:
        for station in waiting:
            await connect(url, station.number, station)
            if messages:
                await station.run(messages)

    await asyncio.gather(*(bring() for _ in range(at_once)))


async def connect_all(url: str, count: int) -> list[LoadStation]:
    """`count` stations, booted and with a transaction running."""
    remaining = count
    done = asyncio.Event()

    def ready() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            done.set()

    stations = [LoadStation(number, ready) for number in range(count)]
    for station in stations:
        await connect(url, station.number, station)
        station.begin()
    await asyncio.wait_for(done.wait(), GREETING_SECONDS)
    return stations
