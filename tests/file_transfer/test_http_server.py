"""Our HTTP server, asked by clients that are not ours: urllib, raw sockets, httpx."""

import asyncio
import base64
import hashlib
import os
import random
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest
from tests.file_transfer.peers import AT_ONCE, ONCE, Gate, content_of, cutting_line, http_server, transfers

from chargewright.file_transfer.base import CHUNK_BYTES
from chargewright.file_transfer.errors import AccessDenied, NoSpace, TooLarge
from chargewright.file_transfer.files import BytesSource
from chargewright.file_transfer.http_server import FileApplication
from chargewright.file_transfer.store import Admission, FileStore

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    (tmp_path / "secret").write_text("secret")
    store = FileStore(tmp_path / "store", quota_bytes=8 * MIB, size_bound=2 * MIB)
    store.make_folder("in")
    upload = store.begin("image.bin")
    upload.write(content_of(MIB))
    upload.finish()
    return store


async def raw(address: str, request: bytes, until: bytes | None = None) -> bytes:
    """The whole answer to bytes as they are, or the beginning of it."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await (reader.read(-1) if until is None else reader.readuntil(until))
    writer.close()
    return answer


def fetch(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """By urllib."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), {key.lower(): value for key, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {key.lower(): value for key, value in error.headers.items()}


async def test_urllib_reads_whole_files_and_parts(store: FileStore) -> None:
    content = content_of(MIB)
    async with http_server(store) as address:
        url = f"http://{address}/image.bin"
        status, body, headers = await asyncio.to_thread(fetch, url)
        assert (status, body, headers["content-length"]) == (200, content, str(MIB))
        etag = headers["etag"]
        for wanted, expected in [
            ("bytes=5-9", content[5:10]),
            ("bytes=1048570-", content[-6:]),
            ("bytes=-7", content[-7:]),
            ("bytes=1048570-9999999", content[-6:]),
            ("bytes=-9999999", content),
        ]:
            status, body, headers = await asyncio.to_thread(fetch, url, Range=wanted)
            assert body == expected
            assert status == (200 if body == content else 206)
        for wanted in ("bytes=9-5", "bytes=a-b", "bytes=-", "lines=1-2", "bytes=1-2,4-5"):
            assert (await asyncio.to_thread(fetch, url, Range=wanted))[:2] == (200, content)
        status, _, headers = await asyncio.to_thread(fetch, url, Range="bytes=1048576-")
        assert (status, headers["content-range"]) == (416, "bytes */1048576")
        assert (await asyncio.to_thread(fetch, url, **{"Range": "bytes=1-1", "If-Range": etag}))[0] == 206
        assert (await asyncio.to_thread(fetch, url, **{"Range": "bytes=1-1", "If-Range": '"other"'}))[0] == 200


ESCAPES = (
    "/../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/in/%2e%2e%2f%2e%2e%2fsecret",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/in/..%5c..%5csecret",
    "/secret%00",
    "/in/.a.part",
    "/%ff",
    "/%252e%252e/secret",
    "/link",
    "/in",
    "/",
)


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"POST", b"PATCH"])
async def test_nothing_outside_is_read_or_written(store: FileStore, method: bytes) -> None:
    secret = store.root.parent / "secret"
    (store.root / "link").symlink_to(secret)
    async with http_server(store) as address:
        for path in ESCAPES:
            head = method + b" " + path.encode() + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n"
            head += b"Upload-Offset: 3\r\nUpload-Complete: ?1\r\n" if method == b"PATCH" else b""
            answer = await raw(address, head + b"\r\nhello")
            # A name with U+FFFD in it, and the link's own name, are new names like any other.
            is_new = method in (b"PUT", b"POST") and path in ("/%ff", "/link")
            assert int(answer.split()[1]) in ((201,) if is_new else (400, 404, 409)), (path, answer)
            assert b"\r\n\r\nsecret" not in answer
    assert secret.read_text() == "secret"
    assert sorted(os.listdir(store.root.parent)) == ["secret", "store"]
    assert store.used_bytes == MIB + (10 if method in (b"PUT", b"POST") else 0)


async def test_put_and_post_store_a_file(store: FileStore) -> None:
    async with http_server(store) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.put("/in/größe 1.zip", content=b"put")
        assert answer.status_code == 201
        digest = base64.b64encode(hashlib.sha256(b"put").digest()).decode()
        assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
        assert (await client.post("/in/b", content=b"raw")).status_code == 201
        named = {"Content-Disposition": 'attachment; filename="C:\\\\logs\\\\c.log"'}
        assert (await client.post("/in/", content=b"named", headers=named)).status_code == 201
        assert (await client.post("/in", files={"file": ("../d.log", b"form")})).status_code == 201
        assert (await client.post("/in", content=b"?")).status_code == 400
        assert (await client.post("/in", data={"note": "x"}, files={"note": (None, "y")})).status_code == 400
        assert (await client.delete("/in/b")).status_code == 405
        # In pieces, without a length.
        assert (await client.put("/in/e", content=pieces())).status_code == 201
    found = {name: (store.root / "in" / name).read_bytes() for name in store.listing("in")}
    assert found == {"größe 1.zip": b"put", "b": b"raw", "c.log": b"named", "d.log": b"form", "e": b"onetwo"}


async def pieces():  # type: ignore[no-untyped-def]
    yield b"one"
    yield b"two"


async def test_a_cut_upload_goes_on_where_it_ended(store: FileStore) -> None:
    content, dice = content_of(MIB), random.Random(7)
    cuts = [dice.randrange(1000, 300_000) for _ in range(3)]
    async with http_server(store) as address, cutting_line(address, cuts, upwards=True) as line:
        sent = await transfers().upload(f"http://{line}/in/", BytesSource(content), file_name="a.zip", retries=AT_ONCE)
    assert (store.root / "in" / "a.zip").read_bytes() == content
    assert sent.attempts > 1
    assert store.used_bytes == 2 * MIB
    assert store.listing("in") == ["a.zip"]


async def test_who_sent_a_part_learns_how_much_came(store: FileStore) -> None:
    async with http_server(store) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        begun = await client.patch("/in/a", content=b"one", headers={"Upload-Offset": "0", "Upload-Complete": "?0"})
        assert (begun.status_code, begun.headers["Upload-Offset"]) == (200, "3")
        told = await client.head("/in/a")
        assert (told.status_code, told.headers["Upload-Complete"]) == (404, "?0")
        assert (await client.get("/in/a")).status_code == 404
        wrong = await client.patch("/in/a", content=b"x", headers={"Upload-Offset": "2", "Upload-Complete": "?1"})
        assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, "3")
        assert (await client.patch("/in/a", content=b"x")).status_code == 400
        more = await client.patch("/in/a", content=b"t", headers={"Upload-Offset": "3", "Upload-Complete": "?0"})
        assert (more.status_code, more.headers["Upload-Offset"]) == (200, "4")
        last = await client.patch("/in/a", content=b"wo", headers={"Upload-Offset": "4", "Upload-Complete": "?1"})
        assert last.status_code == 201
        assert (await client.get("/in/a")).content == b"onetwo"


async def test_bounds_are_told_before_and_while_a_file_is_taken(store: FileStore) -> None:
    async def without_length():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield bytes(CHUNK_BYTES)

    async with http_server(store) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        answer = await raw(address, b"PUT /in/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2097153\r\n\r\n", b"}")
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"more than 2097152 bytes" in answer
        assert (await client.put("/in/a", content=without_length())).status_code == 413
        for name in ("b", "c", "d"):
            assert (await client.put(f"/in/{name}", content=bytes(2 * MIB))).status_code == 201
        assert (await client.put("/in/e", content=bytes(2 * MIB))).status_code == 507
        ours = transfers()
        with pytest.raises(TooLarge):
            await ours.upload(f"http://{address}/in", BytesSource(bytes(3 * MIB)), file_name="a", retries=ONCE)
        with pytest.raises(NoSpace):
            await ours.upload(f"http://{address}/in", BytesSource(bytes(2 * MIB)), file_name="a", retries=ONCE)
    assert store.listing("in") == ["b", "c", "d"]
    assert store.used_bytes == 7 * MIB


async def test_everybody_has_a_place_of_their_own(store: FileStore) -> None:
    store.make_folder("stations/one")
    gate = Gate(
        one=("pw", Admission("stations/one")),
        reader=("pw", Admission(may_write=False)),
        writer=("pw", Admission("in", may_read=False)),
    )
    async with http_server(store, gate) as address:
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            answer = await client.get("/image.bin")
            assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Basic")
            assert (await client.get("/image.bin", auth=("reader", "no"))).status_code == 401
            assert (await client.get("/image.bin", headers={"Authorization": "Basic %%%"})).status_code == 401
            assert (await client.get("/image.bin", auth=("reader", "pw"))).status_code == 200
            assert (await client.put("/x", content=b"", auth=("reader", "pw"))).status_code == 403
            assert (await client.get("/x", auth=("writer", "pw"))).status_code == 403
            assert (await client.get("/image.bin", auth=("one", "pw"))).status_code == 404
        client = transfers()
        await client.upload(f"http://one:pw@{address}/", BytesSource(b"mine"), file_name="a")
        with pytest.raises(AccessDenied):
            await client.upload(f"http://one:hush@{address}/", BytesSource(b"mine"), file_name="b")
    assert (store.root / "stations" / "one" / "a").read_bytes() == b"mine"


async def test_a_client_that_falls_silent_is_let_go(store: FileStore) -> None:
    application = FileApplication(store, stalled_seconds=0.2)
    async with http_server(application) as address:
        answer = await raw(address, b"PUT /in/a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\none")
    assert answer.startswith(b"HTTP/1.1 408")
    assert store.part_size("in/a") == 3


async def test_many_upload_at_the_same_time(store: FileStore) -> None:
    client = transfers()
    async with http_server(store) as address:
        await asyncio.gather(
            *(
                client.upload(f"http://{address}/in", BytesSource(content_of(200_000 + n)), file_name=f"f{n}")
                for n in range(12)
            )
        )
    for n in range(12):
        assert (store.root / "in" / f"f{n}").read_bytes() == content_of(200_000 + n)
