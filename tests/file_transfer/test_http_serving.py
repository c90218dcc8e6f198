"""The server begins, ends, and speaks TLS with both kinds of keys."""

import asyncio
import ssl
import urllib.request
from pathlib import Path

import pytest
from tests.file_transfer.peers import ONCE, CountingSink, SparseSource, certified, http_server, transfers

from chargewright.file_transfer.base import CHUNK_BYTES, Progress
from chargewright.file_transfer.files import BytesSource
from chargewright.file_transfer.http_server import FileApplication
from chargewright.file_transfer.http_serving import HttpFileServer
from chargewright.file_transfer.store import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store", quota_bytes=1 << 30, size_bound=1 << 30)


@pytest.mark.parametrize("key", ["ECDSA", "RSA"])
async def test_https_with_both_kinds_of_keys(store: FileStore, key: str, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    context = ssl.create_default_context(cafile=str(certificates.authorities))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"ECDHE-{key}-AES128-GCM-SHA256")

    def read(url: str) -> bytes:
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            content: bytes = answer.read()
            return content

    async with http_server(store, context=certificates.context) as address:
        client = transfers(certificates.authorities)
        await client.upload(f"https://{address}/", BytesSource(b"safe"), file_name="a")
        assert await asyncio.to_thread(read, f"https://{address}/a") == b"safe"


async def test_an_address_that_is_taken_is_told_and_a_stopped_one_is_free(store: FileStore) -> None:
    first, second = HttpFileServer(FileApplication(store)), HttpFileServer(FileApplication(store))
    await first.start("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await second.start("127.0.0.1", first.address[1])
    await first.stop()
    await second.start("127.0.0.1", first.address[1])
    await second.stop()


async def test_a_large_file_passes_in_small_pieces_both_ways(store: FileStore) -> None:
    size = 200 << 20
    with (store.root / "large").open("wb") as file:
        file.truncate(size)

    sink, source = CountingSink(), SparseSource(50 << 20)
    told: list[Progress] = []
    async with http_server(store) as address:
        await transfers(stalled_seconds=60).download(
            f"http://{address}/large", sink, size_bound=size, retries=ONCE, progress=told.append
        )
        await transfers(stalled_seconds=60).upload(f"http://{address}/", source, file_name="up", retries=ONCE)
    assert (sink.kept, told[-1].bytes_done) == (size, size)
    assert 0 < sink.largest <= CHUNK_BYTES
    assert source.largest <= CHUNK_BYTES
    assert store.describe("up").size == source.size
