"""A central system in memory that speaks plain JSON: nothing of our own framing or message code."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chargewright.errors import ConnectionLost
from chargewright.transport.connection import CloseInfo, Peer

Payload = dict[str, Any]
# What to say instead of a plain result: a code for a CALLERROR, SILENCE for nothing at all.
SILENCE = "silence"


class Wire:
    """The station's end of a connection without a socket; messages take one turn of the loop."""

    def __init__(
        self, csms: "ScriptedCsms", on_message: Callable[[bytes], None], on_close: Callable[..., None]
    ) -> None:
        self.peer = Peer("memory", "ocpp1.6")
        self.on_message = on_message
        self.on_close = on_close
        self.is_open = True
        self._csms = csms

    def send(self, message: bytes) -> None:
        if not self.is_open:
            raise ConnectionLost("the wire is cut")
        asyncio.get_running_loop().call_soon(self._csms.receive, self, json.loads(message))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._end(CloseInfo(code, reason, by_peer=False))

    def abort(self) -> None:
        self._end(CloseInfo(1006, "", by_peer=False))

    def pause(self) -> None:
        raise NotImplementedError("this wire is never paused")

    def resume(self) -> None:
        raise NotImplementedError("this wire is never paused")

    def deliver(self, frame: list[Any]) -> None:
        asyncio.get_running_loop().call_soon(self._deliver, json.dumps(frame).encode())

    def _deliver(self, message: bytes) -> None:
        if self.is_open:
            self.on_message(message)

    def _end(self, info: CloseInfo) -> None:
        if self.is_open:
            self.is_open = False
            self._csms.closed.append(info.code)
            asyncio.get_running_loop().call_soon(self.on_close, info)


class ScriptedCsms:
    """Answers well, or as `answers[action]` says: a payload, a CALLERROR code, SILENCE, or a function of the request.

    `calls` holds every CALL of the station with its virtual time; `order` every frame, by action or "answer".
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.calls: list[tuple[datetime, str, Payload]] = []
        self.closed: list[int] = []
        self.answers: dict[str, Any] = {}
        self.is_reachable = True
        self.wire: Wire | None = None
        self.transaction_id = 100
        self.changed = asyncio.Event()
        self.ids: list[str] = []
        self.order: list[str] = []
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._count = 0

    async def connect(self, url: str, **options: Any) -> Wire:
        await asyncio.sleep(0)
        if not self.is_reachable:
            raise ConnectionLost(f"{url}: nobody listens")
        self.wire = Wire(self, options["on_message"], options["on_close"])
        return self.wire

    def cut(self) -> None:
        """The line breaks, and stays broken."""
        self.is_reachable = False
        if self.wire is not None:
            self.wire.abort()

    def receive(self, wire: Wire, frame: list[Any]) -> None:
        self.order.append("answer" if frame[0] != 2 else frame[2])
        if frame[0] != 2:
            future = self._pending.pop(frame[1], None)
            if future is not None and not future.done():
                future.set_result(frame[2] if frame[0] == 3 else frame[2:4])
            return
        _, call_id, action, payload = frame
        self.ids.append(call_id)
        self.calls.append((self.now(), action, payload))
        self.changed.set()
        answer = self.answers[action] if action in self.answers else self._well(action)
        if callable(answer):
            answer = answer(payload)
        if answer == SILENCE:
            return
        if isinstance(answer, str):
            wire.deliver([4, call_id, answer, "", {}])
        else:
            wire.deliver([3, call_id, answer])

    def _well(self, action: str) -> Payload:
        now = self.now().astimezone(UTC).isoformat()
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": now, "interval": 3600}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        if action == "StartTransaction":
            self.transaction_id += 1
            return {"idTagInfo": {"status": "Accepted"}, "transactionId": self.transaction_id}
        return {"currentTime": now} if action == "Heartbeat" else {}

    async def call(self, action: str, **payload: Any) -> Any:
        """Send a CALL; returns the payload of the result, or [code, description] of a CALLERROR."""
        assert self.wire is not None
        self._count += 1
        call_id = f"csms-{self._count}"
        self._pending[call_id] = asyncio.get_running_loop().create_future()
        self.wire.deliver([2, call_id, action, payload])
        return await asyncio.wait_for(self._pending[call_id], 60)

    async def expect(self, action: str, count: int = 1, within: float = 7200) -> Payload:
        """Wait for the `count`-th CALL of that action; returns its payload."""
        async with asyncio.timeout(within):
            while len(found := self.of(action)) < count:
                self.changed.clear()
                await self.changed.wait()
        return found[count - 1]

    def of(self, action: str) -> list[Payload]:
        return [payload for _, name, payload in self.calls if name == action]

    def statuses(self, connector_id: int) -> list[str]:
        return [item["status"] for item in self.of("StatusNotification") if item["connectorId"] == connector_id]

    def names(self) -> list[str]:
        return [name for _, name, _ in self.calls]
