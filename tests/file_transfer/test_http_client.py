"""Our HTTP client against servers that are not ours (Starlette's), and against lines that break."""

import asyncio
import base64
import hashlib
import os
import random
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.file_transfer.peers import (
    AT_ONCE,
    ONCE,
    certified,
    content_of,
    cutting_line,
    http_server,
    silent_server,
    transfers,
)

from chargewright.file_transfer.base import Progress
from chargewright.file_transfer.errors import (
    AccessDenied,
    BadCertificate,
    CouldNotConnect,
    FileTransferError,
    LocalFileTrouble,
    NoSpace,
    NotFound,
    RefusedByServer,
    ServerTrouble,
    TimedOut,
    TooLarge,
    TransferBroken,
    UnsafeRedirect,
)
from chargewright.file_transfer.files import BytesSource, MemorySink

MIB = 1 << 20


class Foreign:
    """A server as others would write it; notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[Request] = []
        self.received: dict[str, bytes] = {}
        self.elsewhere = ""
        self.application = Starlette(
            routes=[
                Route("/files/{name}", self.give),
                Route("/up/{name}", self.take, methods=["PUT"]),
                Route("/form", self.take_form, methods=["POST"]),
                Route("/form/{name}", self.give),
                Route("/loop", lambda request: RedirectResponse("/loop")),
                Route("/moved/{name}", lambda request: RedirectResponse(f"/files/{request.path_params['name']}")),
                Route("/away/{name}", lambda request: RedirectResponse(self.elsewhere)),
                Route("/put-away/{name}", lambda request: RedirectResponse(self.elsewhere, 302), methods=["PUT"]),
                Route("/put-on/{name}", self.put_on, methods=["PUT"]),
                Route("/secret/{name}", self.secret),
                Route("/status/{status}", lambda request: Response(status_code=int(request.path_params["status"]))),
                Route("/gzip", lambda request: Response(b"x", headers={"Content-Encoding": "gzip"})),
                Route("/endless", lambda request: StreamingResponse(self.endless())),
            ]
        )

    async def give(self, request: Request) -> Response:
        self.requests.append(request)
        path = self.folder / request.path_params["name"]
        return FileResponse(path) if path.exists() else Response(status_code=404)

    async def take(self, request: Request) -> Response:
        self.requests.append(request)
        self.received[request.path_params["name"]] = await request.body()
        return Response(status_code=204)

    async def take_form(self, request: Request) -> Response:
        async with request.form() as form:
            file = form["file"]
            assert not isinstance(file, str)
            self.received[file.filename or ""] = await file.read()
        return Response(status_code=200)

    async def put_on(self, request: Request) -> Response:
        return RedirectResponse(f"/up/{request.path_params['name']}", 307)

    async def secret(self, request: Request) -> Response:
        expected = "Basic " + base64.b64encode("ä:p@ss".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Response(status_code=401)
        return FileResponse(self.folder / request.path_params["name"])

    @staticmethod
    async def endless():  # type: ignore[no-untyped-def]
        while True:
            yield bytes(1000)
            await asyncio.sleep(0)


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "image.bin").write_bytes(content_of(MIB + 17))
    return Foreign(folder)


async def test_a_whole_file_arrives_with_its_hash_and_progress(foreign: Foreign, tmp_path: Path) -> None:
    told: list[Progress] = []
    async with http_server(foreign.application) as address:
        received = await transfers().download(
            f"http://{address}/moved/image.bin", tmp_path / "target", size_bound=2 * MIB, progress=told.append
        )
    content = content_of(MIB + 17)
    assert (tmp_path / "target").read_bytes() == content
    assert received.sha256 == hashlib.sha256(content).hexdigest()
    assert (received.size, received.attempts) == (MIB + 17, 1)
    assert told[-1] == Progress(MIB + 17, MIB + 17, 1)
    assert [each.bytes_done for each in told] == sorted(each.bytes_done for each in told)
    assert sorted(os.listdir(tmp_path)) == ["served", "target"]


async def test_a_cut_download_goes_on_with_range(foreign: Foreign, tmp_path: Path) -> None:
    dice = random.Random(4)
    cuts = [dice.randrange(1, 400_000) for _ in range(4)]
    async with http_server(foreign.application) as address, cutting_line(address, cuts) as line:
        received = await transfers().download(
            f"http://{line}/files/image.bin", tmp_path / "target", size_bound=2 * MIB, retries=AT_ONCE
        )
    assert (tmp_path / "target").read_bytes() == content_of(MIB + 17)
    assert received.sha256 == hashlib.sha256(content_of(MIB + 17)).hexdigest()
    assert received.attempts > 1
    ranges = [request.headers.get("range") for request in foreign.requests]
    assert ranges[0] is None
    assert any(each is not None and each != "bytes=0-" for each in ranges[1:])


async def test_a_part_of_an_earlier_call_goes_on(foreign: Foreign, tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with http_server(foreign.application) as address, cutting_line(address, [500_000]) as line:
        url = f"http://{line}/files/image.bin"
        with pytest.raises(TransferBroken):
            await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE)
        assert not target.exists()
        await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE)
    assert target.read_bytes() == content_of(MIB + 17)
    begun_at = int(foreign.requests[-1].headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun_at < 500_000


async def test_two_versions_are_never_joined(foreign: Foreign, tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with http_server(foreign.application) as address, cutting_line(address, [500_000]) as line:
        url = f"http://{line}/files/image.bin"
        with pytest.raises(TransferBroken):
            await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE)
        newer = content_of(MIB + 16)[::-1]
        (foreign.folder / "image.bin").write_bytes(newer)
        await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE)
    assert target.read_bytes() == newer


async def test_without_resume_it_begins_at_the_beginning(foreign: Foreign, tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with http_server(foreign.application) as address, cutting_line(address, [500_000]) as line:
        url = f"http://{line}/files/image.bin"
        with pytest.raises(TransferBroken):
            await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE)
        await transfers().download(url, target, size_bound=2 * MIB, retries=ONCE, resume=False)
    assert "range" not in foreign.requests[-1].headers
    assert target.read_bytes() == content_of(MIB + 17)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("files/nothing", NotFound),
        ("loop", UnsafeRedirect),
        ("secret/image.bin", AccessDenied),
        ("gzip", RefusedByServer),
        ("status/403", AccessDenied),
        ("status/410", NotFound),
        ("status/413", TooLarge),
        ("status/418", RefusedByServer),
        ("status/500", ServerTrouble),
        ("status/503", ServerTrouble),
        ("status/507", NoSpace),
        ("endless", TooLarge),
        ("files/image.bin", TooLarge),
    ],
)
async def test_refusals_have_their_names(
    foreign: Foreign, path: str, error: type[FileTransferError], tmp_path: Path
) -> None:
    async with http_server(foreign.application) as address:
        with pytest.raises(error) as raised:
            await transfers().download(f"http://u:hush@{address}/{path}", tmp_path / "t", size_bound=MIB, retries=ONCE)
    assert type(raised.value) is error
    assert address in str(raised.value)
    assert "hush" not in str(raised.value)
    assert not (tmp_path / "t").exists()


async def test_what_is_too_large_leaves_nothing_behind(foreign: Foreign, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    async with http_server(foreign.application) as address:
        with pytest.raises(TooLarge):
            await transfers().download(f"http://{address}/endless", folder / "t", size_bound=5000, retries=AT_ONCE)
    assert list(folder.iterdir()) == []


async def test_user_and_password_of_the_url_are_used(foreign: Foreign, tmp_path: Path) -> None:
    async with http_server(foreign.application) as address:
        await transfers().download(
            f"http://%C3%A4:p%40ss@{address}/secret/image.bin", tmp_path / "target", size_bound=2 * MIB, retries=ONCE
        )
    assert (tmp_path / "target").stat().st_size == MIB + 17


async def test_another_host_does_not_get_the_password(foreign: Foreign, tmp_path: Path) -> None:
    async with http_server(foreign.application) as address:
        # The same socket under another name is another host.
        foreign.elsewhere = f"http://{address.replace('127.0.0.1', 'localhost')}/files/image.bin"
        await transfers().download(
            f"http://u:hush@{address}/away/x", tmp_path / "away", size_bound=2 * MIB, retries=ONCE
        )
        await transfers().download(
            f"http://u:hush@{address}/moved/image.bin", tmp_path / "moved", size_bound=2 * MIB, retries=ONCE
        )
    assert [("authorization" in request.headers) for request in foreign.requests] == [False, True]


async def test_https_is_never_left_for_http(foreign: Foreign, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    foreign.elsewhere = "http://127.0.0.1:1/files/image.bin"
    async with http_server(foreign.application, context=certificates.context) as address:
        client = transfers(certificates.authorities)
        with pytest.raises(UnsafeRedirect, match="from https to http"):
            await client.download(f"https://{address}/away/x", tmp_path / "t", size_bound=MIB, retries=ONCE)
        await client.download(f"https://{address}/files/image.bin", tmp_path / "t", size_bound=2 * MIB, retries=ONCE)
    assert (tmp_path / "t").stat().st_size == MIB + 17


async def test_a_certificate_that_nobody_vouches_for_is_refused(foreign: Foreign, tmp_path: Path) -> None:
    certificates = certified(tmp_path)
    async with http_server(foreign.application, context=certificates.context) as address:
        with pytest.raises(BadCertificate, match="self-signed"):
            await transfers().download(f"https://{address}/files/image.bin", tmp_path / "t", size_bound=MIB)


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(CouldNotConnect):
        await transfers().download("http://127.0.0.1:1/x", tmp_path / "t", size_bound=1, retries=ONCE)


@pytest.mark.parametrize("greeting", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "a"\r\n\r\nhalf'])
async def test_a_server_that_falls_silent_is_given_up(greeting: bytes) -> None:
    sink = MemorySink()
    async with silent_server(greeting) as address:
        with pytest.raises(TimedOut):
            await transfers(stalled_seconds=0.2).download(f"http://{address}/x", sink, size_bound=1000, retries=ONCE)
    assert bytes(sink.data) == (b"half" if greeting else b"")


async def test_a_folder_that_is_not_there_is_our_own_trouble(foreign: Foreign, tmp_path: Path) -> None:
    async with http_server(foreign.application) as address:
        with pytest.raises(LocalFileTrouble):
            await transfers().download(f"http://{address}/files/image.bin", tmp_path / "no" / "t", size_bound=2 * MIB)


async def test_an_upload_is_put_into_the_directory(foreign: Foreign, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(content_of(MIB))
    told: list[Progress] = []
    async with http_server(foreign.application) as address:
        sent = await transfers().upload(
            f"http://u:hush@{address}/up/", path, file_name="größe 1.zip", progress=told.append
        )
    assert foreign.received == {"größe 1.zip": content_of(MIB)}
    assert foreign.requests[0].headers["content-length"] == str(MIB)
    assert sent.sha256 == hashlib.sha256(content_of(MIB)).hexdigest()
    assert sent.url == f"http://u:***@{address}/up/gr%C3%B6%C3%9Fe%201.zip"
    assert told[-1] == Progress(MIB, MIB, 1)


async def test_an_empty_file_is_uploaded(foreign: Foreign) -> None:
    async with http_server(foreign.application) as address:
        sent = await transfers().upload(f"http://{address}/up", BytesSource(b""), file_name="empty")
    assert (foreign.received, sent.size) == ({"empty": b""}, 0)


async def test_a_server_without_put_gets_a_form(foreign: Foreign) -> None:
    async with http_server(foreign.application) as address:
        await transfers().upload(f"http://{address}/form", BytesSource(content_of(300_000)), file_name="ü.log")
    assert foreign.received == {"ü.log": content_of(300_000)}


async def test_an_upload_follows_only_redirects_that_keep_it_one(foreign: Foreign) -> None:
    async with http_server(foreign.application) as address:
        await transfers().upload(f"http://{address}/put-on", BytesSource(b"one"), file_name="a")
        foreign.elsewhere = f"http://{address}/files/x"
        with pytest.raises(UnsafeRedirect):
            await transfers().upload(f"http://{address}/put-away", BytesSource(b"two"), file_name="a")
    assert foreign.received == {"a": b"one"}


async def test_a_cut_upload_to_a_foreign_server_begins_again(foreign: Foreign) -> None:
    content = content_of(MIB)
    async with http_server(foreign.application) as address, cutting_line(address, [200_000], upwards=True) as line:
        sent = await transfers().upload(f"http://{line}/up", BytesSource(content), file_name="a", retries=AT_ONCE)
    assert foreign.received == {"a": content}
    assert sent.attempts >= 2


async def test_a_cancelled_download_keeps_its_part(foreign: Foreign) -> None:
    sink, begun = MemorySink(), asyncio.Event()
    async with silent_server(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "a"\r\n\r\nhalf') as address:
        task = asyncio.create_task(
            transfers().download(f"http://{address}/x", sink, size_bound=1000, progress=lambda _: begun.set())
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert bytes(sink.data) == b"half"
