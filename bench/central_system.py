"""A central system that answers at once and keeps nothing, on bare picows: what is measured against it is the station.

As a process it prints its port. Inside a bench it also sends commands and says when a call of the station came.
"""

import asyncio
import sys
import time
from typing import Any

import msgspec
import picows
import uvloop

__all__ = ["CentralSystem", "Line"]

ANSWER_SECONDS = 30.0
# Rarely enough to leave idle stations idle.
HEARTBEAT_SECONDS = 86_400
ACCEPTED = b'{"idTagInfo":{"status":"Accepted"}}'
ANSWERS = {
    b'"Authorize"': ACCEPTED,
    b'"StopTransaction"': b"{}",
    b'"MeterValues"': b"{}",
    b'"StatusNotification"': b"{}",
}


class Line(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """One station's connection."""

    def __init__(self, system: "CentralSystem") -> None:
        self.system = system
        self.transport: picows.WSTransport | None = None
        self._answers: dict[str, asyncio.Future[tuple[float, Any]]] = {}
        self._numbers = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.system.lines.put_nowait(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self._received(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()

    def _received(self, message: bytes) -> None:
        now = time.perf_counter()
        frame = msgspec.json.decode(message, type=list[msgspec.Raw])
        kind, call_id = bytes(frame[0]), bytes(frame[1])
        if kind == b"2":
            action = bytes(frame[2])
            self._send(b"[3,%b,%b]" % (call_id, self.system.answer(action)))
            if self.system.watches:
                self.system.came.append((now, action.strip(b'"').decode(), msgspec.json.decode(frame[3])))
                self.system.changed.set()
            return
        answered = self._answers.pop(msgspec.json.decode(call_id, type=str), None)
        if answered is not None:
            if kind == b"3":
                answered.set_result((now, msgspec.json.decode(frame[2])))
            else:
                answered.set_exception(RuntimeError(f"the station answered {message.decode()}"))

    async def call(self, action: str, payload: Any) -> tuple[float, Any]:
        """Send a command; seconds until its answer was there, and the answer. A CALLERROR is raised."""
        self._numbers += 1
        call_id = f"c{self._numbers}"
        answered = self._answers[call_id] = asyncio.get_running_loop().create_future()
        message = msgspec.json.encode([2, call_id, action, payload])
        began = time.perf_counter()
        self._send(message)
        at, answer = await asyncio.wait_for(answered, ANSWER_SECONDS)
        return at - began, answer

    def _send(self, message: bytes) -> None:
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, message)


class CentralSystem:
    """All lines: new ones arrive in `lines`; with `watches` the calls of stations are kept in `came`: when by
    `time.perf_counter`, action, payload."""

    def __init__(self, watches: bool = False) -> None:
        self.watches = watches
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.came: list[tuple[float, str, Any]] = []
        self.changed = asyncio.Event()
        self.url = ""
        self._transactions = 0
        self._server: asyncio.Server | None = None

    def answer(self, action: bytes) -> bytes:
        """The payload of a CALLRESULT."""
        if (answer := ANSWERS.get(action)) is not None:
            return answer
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode()
        if action == b'"StartTransaction"':
            self._transactions += 1
            return b'{"transactionId":%d,"idTagInfo":{"status":"Accepted"}}' % self._transactions
        if action == b'"BootNotification"':
            return b'{"status":"Accepted","currentTime":"%b","interval":%d}' % (now, HEARTBEAT_SECONDS)
        return b'{"currentTime":"%b"}' % now if action == b'"Heartbeat"' else b"{}"

    async def expect(self, action: str, **fields: Any) -> float:
        """When the first call with these fields of those in `came` was there; waits for it."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                for at, name, payload in self.came:
                    if name == action and all(payload.get(field) == value for field, value in fields.items()):
                        return at
                self.changed.clear()
                await self.changed.wait()

    async def start(self) -> asyncio.Server:
        """Listen on a free port of the loopback address."""
        self._server = await picows.ws_create_server(self._admit, "127.0.0.1", 0, read_buffer_init_size=1024)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self._server

    def close(self) -> None:
        """Take nobody any more."""
        if self._server is not None:
            self._server.close()

    def _admit(self, request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener:
        response = picows.WSUpgradeResponse.create_101_response(extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"})
        return picows.WSUpgradeResponseWithListener(response, Line(self))


async def main() -> None:
    """Listen on a free port, print it, serve until the process is ended."""
    system = CentralSystem()
    server = await system.start()
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
