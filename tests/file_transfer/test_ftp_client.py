"""Our FTP client against pyftpdlib as it comes: plain, explicit and implicit TLS, lines that break."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.file_transfer.peers import (
    AT_ONCE,
    ONCE,
    certified,
    content_of,
    foreign_ftp_server,
    silent_server,
    transfers,
)

from chargewright.file_transfer.base import Attempt, Progress, TimeLimits
from chargewright.file_transfer.errors import (
    AccessDenied,
    BadCertificate,
    CouldNotConnect,
    FileTransferError,
    MalformedUrl,
    NotFound,
    RefusedByServer,
    TimedOut,
    TooLarge,
    TransferBroken,
)
from chargewright.file_transfer.files import BytesSource, MemorySink
from chargewright.file_transfer.ftp_client import FtpTransfer, Security
from chargewright.file_transfer.locations import parse_location
from chargewright.tls.client import client_context

MIB = 1 << 20
USER = "in:p%40ss%2Fw%3Ard"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "served" / "größe 1"
    folder.mkdir(parents=True)
    (folder / "image.bin").write_bytes(content_of(MIB + 17))
    return tmp_path / "served"


@pytest.mark.parametrize("scheme", ["ftp", "ftps", "ftpes"])
async def test_a_whole_file_both_ways(scheme: str, root: Path, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    told: list[Progress] = []
    with foreign_ftp_server(root, certificate=None if scheme == "ftp" else certificates.files[0]) as port:
        client = transfers(certificates.authorities)
        url = f"{scheme}://{USER}@127.0.0.1:{port}/gr%C3%B6%C3%9Fe%201"
        received = await client.download(
            f"{url}/image.bin", tmp_path / "target", size_bound=2 * MIB, progress=told.append, retries=ONCE
        )
        sent = await client.upload(f"{url}/", tmp_path / "target", file_name="zurück.log", retries=ONCE)
    content = content_of(MIB + 17)
    assert (tmp_path / "target").read_bytes() == content
    assert (root / "größe 1" / "zurück.log").read_bytes() == content
    assert received.sha256 == sent.sha256 == hashlib.sha256(content).hexdigest()
    assert told[-1] == Progress(MIB + 17, MIB + 17, 1)
    assert sent.url.startswith(f"{scheme}://in:***@127.0.0.1")


async def test_implicit_tls(root: Path, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    sink = MemorySink()
    with foreign_ftp_server(root, certificate=certificates.files[1], implicit=True) as port:
        transfer = FtpTransfer(lambda: client_context(certificates.authorities), Security.IMPLICIT)
        location = parse_location(f"ftps://{USER}@127.0.0.1:{port}/gr%C3%B6%C3%9Fe%201/image.bin")
        await transfer.download(location, sink, Attempt(1, TimeLimits(5, 5), 2 * MIB, None))
    assert bytes(sink.data) == content_of(MIB + 17)


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
async def test_a_cut_download_goes_on_with_rest(scheme: str, root: Path, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    cuts = (300_001, 77, 400_000)
    told: list[Progress] = []
    with foreign_ftp_server(root, certificate=None if scheme == "ftp" else certificates.files[0], cuts=cuts) as port:
        url = f"{scheme}://{USER}@127.0.0.1:{port}/gr%C3%B6%C3%9Fe%201/image.bin"
        received = await transfers(certificates.authorities).download(
            url, tmp_path / "target", size_bound=2 * MIB, retries=AT_ONCE, progress=told.append
        )
    assert (tmp_path / "target").read_bytes() == content_of(MIB + 17)
    assert received.sha256 == hashlib.sha256(content_of(MIB + 17)).hexdigest()
    assert received.attempts == 4
    # Never backwards: nothing was fetched twice.
    assert [each.bytes_done for each in told] == sorted({each.bytes_done for each in told})


async def test_a_cut_upload_goes_on_with_rest(root: Path) -> None:
    content = content_of(3 * MIB)
    with foreign_ftp_server(root, cuts=(500_001, 900_000)) as port:
        sent = await transfers().upload(
            f"ftp://{USER}@127.0.0.1:{port}/", BytesSource(content), file_name="a.zip", retries=AT_ONCE
        )
    assert (root / "a.zip").read_bytes() == content
    assert sent.attempts > 1


async def test_two_versions_are_never_joined(root: Path, tmp_path: Path) -> None:
    newer = content_of(MIB + 16)[::-1]
    with foreign_ftp_server(root, cuts=(300_000,)) as port:
        url = f"ftp://{USER}@127.0.0.1:{port}/gr%C3%B6%C3%9Fe%201/image.bin"
        with pytest.raises(TransferBroken):
            await transfers().download(url, tmp_path / "target", size_bound=2 * MIB, retries=ONCE)
        (root / "größe 1" / "image.bin").write_bytes(newer)
        await transfers().download(url, tmp_path / "target", size_bound=2 * MIB, retries=ONCE)
    assert (tmp_path / "target").read_bytes() == newer


@pytest.mark.parametrize(
    ("user", "path", "error"),
    [
        (USER, "nothing", NotFound),
        (USER, "nowhere/image.bin", NotFound),
        (USER, "", NotFound),
        ("in:hush", "image.bin", AccessDenied),
        ("nobody:hush", "image.bin", AccessDenied),
        (USER, "gr%C3%B6%C3%9Fe%201/image.bin", TooLarge),
        (USER, "a%0d%0aDELE%20image.bin", MalformedUrl),
    ],
)
async def test_refusals_have_their_names(
    user: str, path: str, error: type[FileTransferError], root: Path, tmp_path: Path
) -> None:
    with foreign_ftp_server(root) as port, pytest.raises(error) as raised:
        url = f"ftp://{user}@127.0.0.1:{port}/{path}"
        await transfers().download(url, tmp_path / "t", size_bound=MIB, retries=ONCE)
    assert type(raised.value) is error
    assert "hush" not in str(raised.value) and "p@ss" not in str(raised.value)
    assert not (tmp_path / "t").exists()


async def test_a_certificate_that_nobody_vouches_for_is_refused(root: Path, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    server = foreign_ftp_server(root, certificate=certificates.files[0])
    with server as port, pytest.raises(BadCertificate, match="self-signed"):
        await transfers().download(f"ftps://{USER}@127.0.0.1:{port}/x", tmp_path / "t", size_bound=1)


async def test_no_password_goes_to_a_server_without_tls(root: Path, tmp_path: Path) -> None:
    with foreign_ftp_server(root) as port, pytest.raises(RefusedByServer, match="500"):
        await transfers().download(f"ftps://{USER}@127.0.0.1:{port}/x", tmp_path / "t", size_bound=1)


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n", b"220 hello\r\n331 more\r\n"])
async def test_a_server_that_falls_silent_is_given_up(greeting: bytes, tmp_path: Path) -> None:
    async with silent_server(greeting) as address:
        with pytest.raises(TimedOut):
            await transfers(stalled_seconds=0.2).download(
                f"ftp://{USER}@{address}/x", tmp_path / "t", size_bound=1, retries=ONCE
            )


@pytest.mark.parametrize("greeting", [b"\xff\xfe bonjour\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_what_does_not_speak_ftp_is_told_so(greeting: bytes, tmp_path: Path) -> None:
    async with silent_server(greeting) as address:
        with pytest.raises(RefusedByServer, match="does not speak FTP"):
            await transfers().download(f"ftp://{address}/x", tmp_path / "t", size_bound=1, retries=ONCE)


async def test_a_greeting_in_another_encoding_is_no_reason_to_give_up() -> None:
    async with silent_server("220 größe\r\n".encode("latin-1") + b"530 no\r\n") as address:
        with pytest.raises(AccessDenied):
            await transfers().download(f"ftp://{address}/x", MemorySink(), size_bound=1, retries=ONCE)


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
async def test_nobody_there(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotConnect):
        await transfers().download(f"{scheme}://127.0.0.1:1/x", tmp_path / "t", size_bound=1, retries=ONCE)


async def test_a_cancelled_transfer_lets_go_at_once() -> None:
    connected, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        connected.set()
        await reader.read(-1)
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        # The time limit is far away: only the cancellation can end it.
        client = transfers(stalled_seconds=1000)
        task = asyncio.create_task(client.download(f"ftp://127.0.0.1:{port}/x", MemorySink(), size_bound=1))
        await connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()
