"""The load: stations on picows that send MeterValues in closed loop, each one call at a time."""

import asyncio
import base64
from collections.abc import Callable

import picows

PASSWORD_HEX = "00112233445566778899aabbccddeeff"

BOOT = b'[2,"b","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Load"}]'
START = (
    b'[2,"s","StartTransaction",{"connectorId":1,"idTag":"BENCH","meterStart":0,'
    b'"timestamp":"2026-01-01T00:00:00.000Z"}]'
)


def identity(number: int) -> str:
    """The identity of the station with that number, as the seed file has it."""
    return f"BENCH{number:05d}"


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


class LoadStation(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """One station: boot, start, then one MeterValues after the other as soon as the last is answered."""

    def __init__(self, number: int, ready: Callable[[], None]) -> None:
        self.number = number
        self.ready = ready
        self.calls = 0
        self.transaction_id = 1
        self.is_loading = False
        self.step = 0
        self.transport: picows.WSTransport | None = None
        self.lost = False

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def begin(self) -> None:
        """Send the first message."""
        self._send(BOOT)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        if self.step < 2:
            self._greet(frame.get_payload_as_bytes())
            return
        self.calls += 1
        if self.is_loading:
            self._send(meter_values(self.calls, self.transaction_id))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.lost = True

    def _greet(self, answer: bytes) -> None:
        self.step += 1
        if self.step == 1:
            self._send(START)
            return
        text = answer.decode()
        if '"transactionId":' in text:
            self.transaction_id = int(text.split('"transactionId":')[1].split(",")[0].split("}")[0])
        self.ready()

    def load(self) -> None:
        """Begin the closed loop."""
        self.is_loading = True
        self._send(meter_values(self.calls, self.transaction_id))

    def _send(self, message: bytes) -> None:
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, message)


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
    await asyncio.wait_for(done.wait(), 120)
    return stations
