"""A station for tests: raw OCPP-J over the `websockets` library, nothing of our own transport or framing."""

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

__all__ = ["BOOT", "PASSWORD", "WireStation", "eventually", "seed_text"]

PASSWORD = "8f3a51c06be24d7798a1b2c3d4e5f607"
BOOT = {"chargePointVendor": "Wire", "chargePointModel": "Test"}


def seed_text(*identities: str, extra: str = "") -> str:
    """A seed file with these stations, all with `PASSWORD`, and the id tag TAG."""
    stations = "\n".join(f'[[station]]\nidentity = "{name}"\npassword = "{PASSWORD}"' for name in identities)
    return f'{stations}\n[[id_tag]]\nid_tag = "TAG"\n{extra}'


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that has no event to wait for: what a library notices when it next looks."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.02)


class WireStation:
    """One connection; `async with` opens and closes it."""

    def __init__(
        self,
        url: str,
        identity: str,
        password: str | None = PASSWORD,
        subprotocols: tuple[str, ...] | None = ("ocpp1.6",),
    ) -> None:
        self.url = f"{url}/{identity}"
        self.headers: dict[str, str] = {}
        if password is not None:
            secret = identity.encode() + b":" + bytes.fromhex(password)
            self.headers["Authorization"] = "Basic " + base64.b64encode(secret).decode()
        self.subprotocols = subprotocols
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None, "not connected"
        return self._socket

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self.url,
            subprotocols=self.subprotocols,
            additional_headers=self.headers,
            proxy=None,  # type: ignore[arg-type]
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    async def send(self, message: str | bytes) -> None:
        await self.socket.send(message, text=True)

    async def receive(self) -> list[Any]:
        message: list[Any] = json.loads(await self.socket.recv())
        return message

    async def exchange(self, action: str, payload: object) -> list[Any]:
        """One CALL and what came back for it: a CALLRESULT or a CALLERROR."""
        call_id = f"{next(self._ids)}"
        await self.send(json.dumps([2, call_id, action, payload]))
        answer = await self.receive()
        assert answer[1] == call_id, answer
        return answer

    async def call(self, action: str, **payload: Any) -> dict[str, Any]:
        """One CALL; the payload of its CALLRESULT."""
        answer = await self.exchange(action, payload)
        assert answer[0] == 3, answer
        result: dict[str, Any] = answer[2]
        return result

    async def boot(self) -> dict[str, Any]:
        return await self.call("BootNotification", **BOOT)

    async def start(self, timestamp: str = "2026-01-01T00:00:00Z", **payload: Any) -> dict[str, Any]:
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": timestamp}
        return await self.call("StartTransaction", **(start | payload))

    async def stop(
        self, transaction_id: int, timestamp: str = "2026-01-01T01:00:00Z", **payload: Any
    ) -> dict[str, Any]:
        stop = {"transactionId": transaction_id, "meterStop": 1000, "timestamp": timestamp}
        return await self.call("StopTransaction", **(stop | payload))

    async def closed(self) -> int:
        """Wait until the connection is closed; the code."""
        await self.socket.wait_closed()
        code = self.socket.close_code
        assert code is not None
        return code
