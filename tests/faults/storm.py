"""A storm of stations for the kill tests: each keeps one call in flight and a log of what was answered.

Written on picows alone, with JSON by hand: nothing here shares code with the CSMS under test.
"""

import asyncio
import base64
import json
import random
from typing import Any, Final

import picows

PASSWORD: Final = "a1b2c3d4e5f60718293a4b5c6d7e8f90"


def seed_file(identities: list[str]) -> str:
    """The stations of the storm and their one id tag, as `chargewright serve --seed` reads them."""
    stations = "\n".join(f'[[station]]\nidentity = "{name}"\npassword = "{PASSWORD}"\n' for name in identities)
    return f'[[id_tag]]\nid_tag = "STORM"\n\n{stations}'


class Call:
    """One transaction message: the same content however often it is sent."""

    def __init__(self, action: str, payload: dict[str, Any]) -> None:
        self.action = action
        self.payload = payload
        self.answer: dict[str, Any] | None = None


class StormStation(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """Transactions without end: Start, some MeterValues, Stop; resent with a new message id until answered."""

    def __init__(self, identity: str, dice: random.Random, calls: int | None = None) -> None:
        self.identity = identity
        self.calls = calls  # how many answered calls are enough; None: until told
        self.dice = dice
        self.register = 0
        self.second = 0
        self.script: list[tuple[str, int]] = []
        self.transaction_id = 0
        self.pending: Call | None = None
        self.answered: list[Call] = []
        self.errors: list[str] = []
        self.sent = 0
        self.is_in_flight = False
        self.stops_after_pending = False
        self.idle = asyncio.Event()
        self.transport: picows.WSTransport | None = None
        self.disconnected = asyncio.Event()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.disconnected.clear()
        boot = {"chargePointVendor": "Storm", "chargePointModel": "Cloud"}
        self.send("boot", "BootNotification", boot)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.transport = None
        self.disconnected.set()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        message = json.loads(frame.get_payload_as_bytes())
        if message[0] == 4:
            self.errors.append(f"{self.identity}: {message}")
            return
        if message[1] == "boot":
            self.next()
            return
        call = self.pending
        assert call is not None and message[1] == f"{self.sent}", (self.identity, message)
        call.answer = message[2]
        self.answered.append(call)
        self.pending = None
        self.is_in_flight = False
        if call.action == "StartTransaction":
            self.transaction_id = message[2]["transactionId"]
        self.next()

    def next(self) -> None:
        """Send what is pending, or the next message of the script."""
        if self.pending is None:
            if self.stops_after_pending or len(self.answered) == self.calls:
                self.idle.set()
                return
            self.pending = self.compose()
        self.sent += 1
        self.is_in_flight = True
        self.send(f"{self.sent}", self.pending.action, self.pending.payload)

    def compose(self) -> Call:
        """The next message of this station's life."""
        if not self.script:
            self.script = [("start", 0), *[("meter", n) for n in range(self.dice.randint(1, 6))], ("stop", 0)]
        kind, _ = self.script.pop(0)
        self.second += 1
        self.register += self.dice.randint(1, 50)
        stamp = f"2026-02-{1 + self.second // 86400:02d}T{self.second // 3600 % 24:02d}:{self.second // 60 % 60:02d}"
        timestamp = f"{stamp}:{self.second % 60:02d}.000Z"
        if kind == "start":
            payload = {"connectorId": 1, "idTag": "STORM", "meterStart": self.register, "timestamp": timestamp}
            return Call("StartTransaction", payload)
        if kind == "stop":
            payload = {"transactionId": self.transaction_id, "meterStop": self.register, "timestamp": timestamp}
            return Call("StopTransaction", payload)
        samples = [{"value": str(self.register)}, {"value": "7200", "measurand": "Power.Active.Import", "unit": "W"}]
        values = [{"timestamp": timestamp, "sampledValue": samples}]
        payload = {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": values}
        return Call("MeterValues", payload)

    def send(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        """One CALL."""
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, json.dumps([2, message_id, action, payload]).encode())

    async def connect(self, url: str) -> None:
        """Open the socket; the boot answer sets everything going."""
        self.is_in_flight = False
        credentials = base64.b64encode(self.identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
        headers = {"Sec-WebSocket-Protocol": "ocpp1.6", "Authorization": f"Basic {credentials}"}
        await picows.ws_connect(lambda: self, f"{url}/{self.identity}", extra_headers=headers)
