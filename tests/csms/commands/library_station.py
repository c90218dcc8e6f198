"""A station on the independent `ocpp` library that answers commands as it is told to."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import websockets
from ocpp.charge_point import camel_to_snake_case
from ocpp.exceptions import SecurityError
from ocpp.v16 import ChargePoint, call_result
from tests.commands_catalogue import PAYLOADS
from tests.csms.wire import PASSWORD

__all__ = ["LibraryStation", "library_station"]


class LibraryStation(ChargePoint):  # type: ignore[misc]  # the library has no types
    """`answer` is the payload of CALLRESULTs, or one of the words `callerror`, `malformed`, `silence`, `disconnect`."""

    def __init__(self, identity: str, socket: Any) -> None:
        super().__init__(identity, socket)
        self.answer: Mapping[str, Any] | str = {}
        self.asked: list[str] = []
        self.has_left = asyncio.Event()
        self.route_map = {
            action: {"_on_action": self._answer_to(action), "_skip_schema_validation": False} for action in PAYLOADS
        }

    def _answer_to(self, action: str) -> Any:
        async def on_action(call_unique_id: str, **payload: Any) -> Any:
            self.asked.append(action)
            if self.answer == "callerror":
                raise SecurityError(description="not now", details={"why": "test"})
            if self.answer == "malformed":
                await self._connection.send(json.dumps([3, call_unique_id, "Accepted"]))
            if self.answer == "disconnect":
                await self._connection.close()
            if isinstance(self.answer, str):
                self.has_left.set()
                await asyncio.Event().wait()
            return getattr(call_result, action)(**camel_to_snake_case(self.answer))

        return on_action


@asynccontextmanager
async def library_station(url: str, identity: str) -> AsyncIterator[LibraryStation]:
    """One that is connected."""
    credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(
        f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None
    ) as socket:
        station = LibraryStation(identity, socket)
        reader = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
