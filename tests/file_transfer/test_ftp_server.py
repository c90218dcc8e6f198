"""Our FTP server, used by ftplib and by our own client."""

import asyncio
import ftplib
import io
import random
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.file_transfer.peers import (
    AT_ONCE,
    ONCE,
    CountingSink,
    Gate,
    SparseSource,
    certified,
    content_of,
    ftp_server,
    transfers,
)

from chargewright.clock import SystemClock
from chargewright.errors import ConfigurationError
from chargewright.file_transfer.base import CHUNK_BYTES, Attempt, TimeLimits
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.errors import (
    AccessDenied,
    FileTransferError,
    NoSpace,
    NotFound,
    TooLarge,
    TransferBroken,
)
from chargewright.file_transfer.files import BytesSource, MemorySink
from chargewright.file_transfer.ftp_client import FtpTransfer, Security
from chargewright.file_transfer.ftp_server import FtpFileServer, FtpSecurity
from chargewright.file_transfer.locations import parse_location
from chargewright.file_transfer.store import Admission, FileStore
from chargewright.file_transfer.transfers import FileTransfers
from chargewright.tls.client import client_context
from chargewright.tls.server import CertificateFiles

MIB = 1 << 20
GATE = Gate(
    all=("pw", Admission()),
    one=("pw", Admission("stations/one")),
    reader=("pw", Admission(may_write=False)),
    writer=("pw", Admission("in", may_read=False)),
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    (tmp_path / "secret").write_text("secret")
    store = FileStore(tmp_path / "store", quota_bytes=8 * MIB, size_bound=2 * MIB)
    store.make_folder("in")
    store.make_folder("stations/one")
    upload = store.begin("image.bin")
    upload.write(content_of(MIB))
    upload.finish()
    return store


@pytest.fixture
async def server(store: FileStore) -> AsyncIterator[FtpFileServer]:
    async with ftp_server(store, GATE) as server:
        yield server


def log_in(server: FtpFileServer, user: str = "all") -> ftplib.FTP:
    client = ftplib.FTP(timeout=10, encoding="utf-8")
    client.connect(*server.address)
    client.login(user, "pw")
    return client


def fetched(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {name}", pieces.append, rest=rest)
    return b"".join(pieces)


async def test_ftplib_lists_reads_and_stores(store: FileStore, server: FtpFileServer) -> None:
    def use() -> None:
        with log_in(server) as client:
            assert client.nlst() == ["image.bin", "in", "stations"]
            assert fetched(client, "image.bin") == content_of(MIB)
            assert fetched(client, "image.bin", 1_000_000) == content_of(MIB)[1_000_000:]
            assert client.size("image.bin") == MIB
            assert client.sendcmd("MDTM image.bin").startswith("213 20")
            client.cwd("in")
            client.storbinary("STOR größe 1.zip", io.BytesIO(b"stored"))
            assert client.pwd() == "/in"
            listed: list[str] = []
            client.retrlines("LIST", listed.append)
            assert len(listed) == 1 and "files" in listed[0] and "größe 1.zip" in listed[0]
            assert [name for name, _ in client.mlsd()] == ["größe 1.zip"]

    await asyncio.to_thread(use)
    assert (store.root / "in" / "größe 1.zip").read_bytes() == b"stored"


@pytest.mark.parametrize(
    "name", ["../secret", "/../secret", "in/../../secret", "/etc/passwd", "link", ".a.part", "in", "a\0b", "a\\b"]
)
async def test_nothing_outside_is_read_or_written(name: str, store: FileStore, server: FtpFileServer) -> None:
    secret = store.root.parent / "secret"
    (store.root / "link").symlink_to(secret)

    def use() -> None:
        with log_in(server) as client:
            with pytest.raises(ftplib.error_perm):
                fetched(client, name)
            # A name whose full stops are resolved inside is a name like any other.
            try:
                client.storbinary(f"STOR {name}", io.BytesIO(b"overwritten"))
            except ftplib.Error as error:
                assert str(error)[:3] in ("550", "451"), error

    await asyncio.to_thread(use)
    assert secret.read_text() == "secret"
    assert sorted(each.name for each in store.root.parent.iterdir()) == ["secret", "store"]


@pytest.mark.parametrize("command", ["DELE image.bin", "RNFR image.bin", "MKD x", "RMD in", "SITE CHMOD 777 image.bin"])
async def test_clients_change_nothing_else(command: str, store: FileStore, server: FtpFileServer) -> None:
    def use() -> None:
        with log_in(server) as client, pytest.raises(ftplib.error_perm):
            client.sendcmd(command)

    await asyncio.to_thread(use)
    assert store.listing("") == ["image.bin", "in", "stations"]


async def test_everybody_has_a_place_of_their_own(store: FileStore, server: FtpFileServer) -> None:
    def use() -> None:
        with log_in(server, "one") as client:
            assert client.nlst() == []
            client.storbinary("STOR mine", io.BytesIO(b"mine"))
            assert client.nlst("/") == ["mine"]
            with pytest.raises(ftplib.error_perm):
                client.cwd("../../in")
        with log_in(server, "reader") as client:
            assert len(fetched(client, "image.bin")) == MIB
            with pytest.raises(ftplib.error_perm, match="denied"):
                client.storbinary("STOR x", io.BytesIO(b"x"))
        with log_in(server, "writer") as client:
            client.storbinary("STOR x", io.BytesIO(b"x"))
            with pytest.raises(ftplib.error_perm, match="denied"):
                fetched(client, "x")
            with pytest.raises(ftplib.error_perm, match="denied"):
                client.nlst()

    await asyncio.to_thread(use)
    assert (store.root / "stations" / "one" / "mine").read_bytes() == b"mine"
    assert (store.root / "in" / "x").read_bytes() == b"x"


async def test_wrong_passwords_and_nobody(server: FtpFileServer) -> None:
    host, port = server.address
    for user in ("all:hush", "unknown:hush", "", "anonymous:pw"):
        with pytest.raises(AccessDenied) as raised:
            url = f"ftp://{user}@{host}:{port}/image.bin"
            await transfers().download(url, MemorySink(), size_bound=MIB, retries=ONCE)
        assert "hush" not in str(raised.value)


@pytest.mark.parametrize("how", ["both", "reset", "announced"])
async def test_a_client_that_dies_leaves_a_part_to_go_on_with(
    how: str, store: FileStore, server: FtpFileServer
) -> None:
    content = content_of(900_000)

    def die() -> None:
        client = log_in(server)
        client.voidcmd("TYPE I")
        if how == "announced":
            client.sendcmd(f"ALLO {len(content)}")
        data = client.transfercmd("STOR in/a.zip")
        data.sendall(content[:500_000])
        assert client.sock is not None
        if how == "reset":
            linger = b"\x01\0\0\0\0\0\0\0"
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if how != "announced":
            client.close()
            data.close()
            return
        # The data connection ends as if all were well, and the control connection lives on.
        data.close()
        with pytest.raises(ftplib.error_temp, match=r"426 .* 500000 bytes are kept"):
            client.voidresp()
        client.quit()

    def go_on() -> int:
        with log_in(server) as client:
            client.voidcmd("TYPE I")
            kept = client.size("in/a.zip")
            assert kept is not None
            with pytest.raises(ftplib.error_perm):
                client.storbinary("STOR in/a.zip", io.BytesIO(b"no"), rest=kept - 1)
            with pytest.raises(ftplib.error_perm):
                fetched(client, "in/a.zip")
            client.storbinary("STOR in/a.zip", io.BytesIO(content[kept:]), rest=kept)
            return kept

    await asyncio.to_thread(die)
    await server_has_settled(server)
    assert store.listing("in") == []
    kept = await asyncio.to_thread(go_on)
    # What had not been read when the connections ended is lost.
    assert kept <= 500_000 and (kept == 500_000 or how != "announced")
    assert (store.root / "in" / "a.zip").read_bytes() == content
    assert store.used_bytes == MIB + 900_000


async def server_has_settled(server: FtpFileServer) -> None:
    """The server's one thread answers in turn: after two answers it has seen what came before."""

    def ask() -> None:
        for _ in range(2):
            with log_in(server) as client:
                client.voidcmd("NOOP")

    await asyncio.to_thread(ask)


async def test_append_goes_on_with_a_part_only(store: FileStore, server: FtpFileServer) -> None:
    upload = store.begin("in/a")
    upload.write(b"one")
    upload.leave()

    def use() -> None:
        with log_in(server) as client:
            client.storbinary("APPE in/a", io.BytesIO(b"two"))
            with pytest.raises(ftplib.error_perm, match="no unfinished upload"):
                client.storbinary("APPE in/a", io.BytesIO(b"three"))

    await asyncio.to_thread(use)
    assert (store.root / "in" / "a").read_bytes() == b"onetwo"


async def test_our_client_and_our_server_resume_both_ways(store: FileStore, server: FtpFileServer) -> None:
    host, port = server.address
    url = f"ftp://all:pw@{host}:{port}"
    content, dice = content_of(2 * MIB), random.Random(3)

    class Breaking(BytesSource):
        breaks = 3

        async def read(self, offset: int, bound: int) -> bytes:
            if self.breaks and offset > dice.randrange(MIB):
                self.breaks -= 1
                raise TransferBroken(url, "the line broke")
            return await super().read(offset, bound)

    sent = await transfers().upload(f"{url}/in/", Breaking(content), file_name="a", retries=AT_ONCE)
    assert sent.attempts == 4
    assert (store.root / "in" / "a").read_bytes() == content
    sink = MemorySink()
    received = await transfers().download(f"{url}/in/a", sink, size_bound=2 * MIB)
    assert (sink.content, received.sha256) == (content, sent.sha256)


async def test_bounds_have_their_replies(store: FileStore, server: FtpFileServer) -> None:
    host, port = server.address
    url = f"ftp://all:pw@{host}:{port}/in"

    def without_announcement() -> None:
        with log_in(server) as client, pytest.raises(ftplib.error_perm, match=r"552 .*too large"):
            client.storbinary("STOR in/b", io.BytesIO(bytes(3 * MIB)))

    with pytest.raises(TooLarge, match="too large"):
        await transfers().upload(url, BytesSource(bytes(2 * MIB + 1)), file_name="a", retries=ONCE)
    await asyncio.to_thread(without_announcement)
    for name in "cde":
        await transfers().upload(url, BytesSource(bytes(2 * MIB)), file_name=name, retries=ONCE)
    with pytest.raises(NoSpace):
        await transfers().upload(url, BytesSource(bytes(2 * MIB)), file_name="f", retries=ONCE)
    with pytest.raises(NotFound):
        await transfers().upload(f"{url}/nowhere", BytesSource(b""), file_name="f", retries=ONCE)
    assert store.listing("in") == ["c", "d", "e"]
    assert store.used_bytes == 7 * MIB


@pytest.mark.parametrize("security", [FtpSecurity.EXPLICIT, FtpSecurity.IMPLICIT])
async def test_ftps_on_both_connections(security: FtpSecurity, store: FileStore, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    content = content_of(300_000)
    async with ftp_server(store, GATE, security=security, certificates=certificates.files) as server:
        server.reload_certificates()
        if security is FtpSecurity.EXPLICIT:
            context = ssl.create_default_context(cafile=str(certificates.authorities))

            def use() -> None:
                with ftplib.FTP_TLS(context=context, timeout=10, encoding="utf-8") as client:
                    client.connect(*server.address)
                    with pytest.raises(ftplib.error_perm, match="550"):
                        ftplib.FTP.login(client, "all", "pw")
                    client.auth()
                    client.login("all", "pw")
                    with pytest.raises(ftplib.error_perm, match="550"):
                        client.nlst()
                    client.prot_p()
                    client.storbinary("STOR in/a", io.BytesIO(content))
                    assert fetched(client, "in/a") == content

            await asyncio.to_thread(use)
            host, port = server.address
            client = transfers(certificates.authorities)
            await client.upload(f"ftps://all:pw@{host}:{port}/in", BytesSource(content), file_name="b")
            sink = MemorySink()
            await client.download(f"ftps://all:pw@{host}:{port}/in/b", sink, size_bound=MIB)
            assert sink.content == content
        else:
            transfer = FtpTransfer(lambda: client_context(certificates.authorities), Security.IMPLICIT)
            directory = parse_location(f"ftps://all:pw@127.0.0.1:{server.address[1]}/in")
            attempt = Attempt(1, TimeLimits(5, 5), MIB, None)
            await transfer.upload(directory, "a", BytesSource(content), attempt)
    assert (store.root / "in" / "a").read_bytes() == content


async def test_many_upload_at_the_same_time(store: FileStore, server: FtpFileServer) -> None:
    host, port = server.address
    client = transfers()
    await asyncio.gather(
        *(
            client.upload(f"ftp://all:pw@{host}:{port}/in", BytesSource(content_of(100_000 + n)), file_name=f"f{n}")
            for n in range(12)
        )
    )
    for n in range(12):
        assert (store.root / "in" / f"f{n}").read_bytes() == content_of(100_000 + n)


async def test_a_large_file_passes_in_small_pieces_both_ways(tmp_path: Path) -> None:
    size = 200 << 20
    store = FileStore(tmp_path / "large", quota_bytes=1 << 30, size_bound=1 << 30)
    with (store.root / "large").open("wb") as file:
        file.truncate(size)
    sink, source = CountingSink(), SparseSource(50 << 20)
    client = transfers(stalled_seconds=60)
    async with ftp_server(store, GATE) as server:
        host, port = server.address
        url = f"ftp://all:pw@{host}:{port}"
        await client.download(f"{url}/large", sink, size_bound=size, retries=ONCE)
        await client.upload(url, source, file_name="up", retries=ONCE)
    assert sink.kept == size
    assert 0 < sink.largest <= CHUNK_BYTES and source.largest <= CHUNK_BYTES
    assert store.describe("up").size == source.size


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_data_connection_resumes_the_session(
    version: ssl.TLSVersion, store: FileStore, tmp_path: Path
) -> None:
    certificates = certified(tmp_path)
    context = client_context(certificates.authorities)
    context.minimum_version = context.maximum_version = version
    resumed: list[bool | None] = []

    class Watched(ssl.SSLSocket):
        def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
            if flags == 0 and self.server_side is False and buflen == CHUNK_BYTES:
                resumed.append(self.session_reused)
            return super().recv(buflen, flags)

    context.sslsocket_class = Watched
    client = FileTransfers(SystemClock(), TransferTools(trust=lambda: context), limits=TimeLimits(5, 5))
    async with ftp_server(store, GATE, security=FtpSecurity.EXPLICIT, certificates=certificates.files) as server:
        host, port = server.address
        sink = MemorySink()
        await client.download(f"ftps://all:pw@{host}:{port}/image.bin", sink, size_bound=MIB, retries=ONCE)
    assert sink.content == content_of(MIB)
    assert resumed and all(resumed)


async def test_certificates_that_are_wrong_are_named(store: FileStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one certificate"):
        FtpFileServer(store, GATE, security=FtpSecurity.EXPLICIT)
    missing = [CertificateFiles(tmp_path / "no.pem", tmp_path / "no.key")]
    with pytest.raises(ConfigurationError, match=r"no\.pem"):
        FtpFileServer(store, GATE, security=FtpSecurity.EXPLICIT, certificates=missing)


async def test_an_address_that_is_taken_is_told(store: FileStore, server: FtpFileServer) -> None:
    with pytest.raises(OSError, match="in use"):
        await FtpFileServer(store, GATE).start(*server.address)


async def test_a_running_transfer_is_cut_by_the_end_and_can_go_on(store: FileStore) -> None:
    begun = asyncio.Event()
    async with ftp_server(store, GATE) as server:
        host, port = server.address
        url = f"ftp://all:pw@{host}:{port}/in"

        class Slow(BytesSource):
            async def read(self, offset: int, bound: int) -> bytes:
                if offset:
                    begun.set()
                    await server_has_settled(server)
                    await server.stop()
                return await super().read(offset, bound)

        with pytest.raises(FileTransferError):
            await transfers().upload(url, Slow(content_of(MIB)), file_name="a", retries=ONCE)
        await begun.wait()
    assert store.part_size("in/a") == 65536
