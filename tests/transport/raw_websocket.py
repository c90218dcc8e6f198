"""A WebSocket client that sends any bytes it is told to, over plain asyncio streams: nothing of our own transport."""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "Frame", "RawClient", "frame_bytes", "raw_client"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    is_final: bool = True

    @property
    def close_code(self) -> int:
        assert self.opcode == CLOSE, f"not a close frame: {self}"
        return int(struct.unpack("!H", self.payload[:2])[0])


def frame_bytes(
    opcode: int, payload: bytes = b"", *, is_final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """One frame; `reserved` are the three bits RSV1–3 as a number (RSV1 = 4)."""
    head = bytes([is_final << 7 | reserved << 4 | opcode])
    length, mask_bit = len(payload), masked << 7
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def upgrade_bytes(path: str, headers: Mapping[str, str]) -> bytes:
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "ocpp1.6",
        **headers,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@dataclass
class RawClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def upgrade(self, path: str = "/AL1000", headers: Mapping[str, str] | None = None) -> int:
        """Ask for the upgrade and read the answer's head; the status."""
        self.writer.write(upgrade_bytes(path, headers or {}))
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(head[0].split(" ")[1])
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        return self.status

    async def body(self) -> bytes:
        return await self.reader.readexactly(int(self.headers.get("content-length", "0")))

    def send(self, opcode: int, payload: bytes = b"", *, is_final: bool = True, reserved: int = 0) -> None:
        self.writer.write(frame_bytes(opcode, payload, is_final=is_final, reserved=reserved))

    async def receive(self) -> Frame:
        """The next frame; `asyncio.IncompleteReadError` or ConnectionError where none comes any more."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        assert not second & 0x80, "a server must not mask"
        return Frame(first & 0x0F, await self.reader.readexactly(length), bool(first & 0x80))

    async def wait_gone(self) -> None:
        """Read until the server has dropped the socket."""
        try:
            while await self.reader.read(65536):
                continue
        except ConnectionError:
            return


@asynccontextmanager
async def raw_client(address: tuple[str, int], *, limit: int = 65536) -> AsyncIterator[RawClient]:
    """A TCP connection to `address`, not upgraded yet; closed at the end. `limit` bounds what it reads ahead."""
    reader, writer = await asyncio.open_connection(*address, limit=limit)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
        try:
            await writer.wait_closed()
        except ConnectionError as error:
            assert isinstance(error, ConnectionError), "an aborted socket may report nothing else"
