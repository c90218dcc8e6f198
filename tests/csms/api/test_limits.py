"""How large a request may be."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from chargewright.csms.api.errors import install
from chargewright.csms.api.limits import (
    BODY_BYTES,
    LARGE_BODIES,
    LOCAL_LIST_BYTES,
    LONG_BYTES,
    BodyLimit,
    UrlLimit,
)

LIMIT = 100


def limited() -> httpx.AsyncClient:
    api = FastAPI()
    install(api)
    api.add_middleware(BodyLimit, limit=LIMIT)

    @api.post("/")
    async def take(request: Request) -> int:
        return len(await request.body())

    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://api")


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 10):
        yield b"x" * 10


async def test_what_is_small_enough_is_taken() -> None:
    async with limited() as client:
        assert (await client.post("/", content=b"x" * LIMIT)).json() == LIMIT
        assert (await client.post("/", content=in_pieces(LIMIT))).json() == LIMIT


async def test_what_is_larger_is_refused_told_or_not() -> None:
    async with limited() as client:
        for content in (b"x" * (LIMIT + 1), in_pieces(LIMIT + 10)):
            refused = await client.post("/", content=content)
            assert refused.status_code == 413
            assert refused.headers["content-type"] == "application/problem+json"
            assert str(LIMIT) in refused.json()["detail"]
        wrong = await client.post("/", content=b"x", headers={"Content-Length": "-1"})
        assert wrong.status_code == 413


async def test_the_api_has_the_limit(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/v1/id-tags", content=b"x" * (BODY_BYTES + 1))
    assert refused.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("PUT", "/stations/A1/local-list", LOCAL_LIST_BYTES),
        ("PUT", "/groups/G/local-list", LOCAL_LIST_BYTES),
        ("POST", "/stations/A1/commands/SendLocalList", LONG_BYTES),
        ("POST", "/bulk-commands", LONG_BYTES),
        ("PUT", "/stations/A1/configuration/wanted", LONG_BYTES),
        ("PUT", "/groups/G/configuration/wanted", LONG_BYTES),
        ("POST", "/stations/A1/local-list", BODY_BYTES),
        ("PATCH", "/stations/local-list", BODY_BYTES),
        ("PUT", "/stations/local-list", BODY_BYTES),
        ("PUT", "/stations/A1/x/local-list", BODY_BYTES),
        ("POST", "/stations", BODY_BYTES),
        ("POST", "/bulk-commands/local-list", BODY_BYTES),
    ],
)
async def test_each_path_takes_what_it_needs(client: httpx.AsyncClient, method: str, path: str, limit: int) -> None:
    refused = await client.request(method, f"/api/v1{path}", content=b"", headers={"Content-Length": str(limit + 1)})
    assert refused.status_code == 413
    assert str(limit) in refused.json()["detail"]
    served = await client.request(method, f"/api/v1{path}", content=b"", headers={"Content-Length": str(limit)})
    assert served.status_code != 413


async def test_few_large_bodies_are_read_at_once() -> None:
    hold, held = asyncio.Event(), asyncio.Semaphore(0)
    statuses: list[int] = []

    async def api(scope: Any, receive: Any, send: Any) -> None:
        held.release()
        await hold.wait()

    async def sent(message: Any) -> None:
        statuses.append(message.get("status", 0))

    async def received() -> Any:
        return {"type": "http.disconnect"}

    limited = BodyLimit(api)
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/api/v1/stations/A1/local-list",
        "headers": [(b"content-length", b"%d" % LOCAL_LIST_BYTES)],
    }
    readers = [asyncio.create_task(limited(scope, received, sent)) for _ in range(LARGE_BODIES)]
    for _ in readers:
        await held.acquire()
    await limited(scope, received, sent)
    assert statuses[0] == 503
    hold.set()
    await asyncio.gather(*readers)
    statuses.clear()
    await limited(scope, received, sent)
    assert not statuses


@pytest.mark.parametrize("url", ["/a%00b", "/?name=%00"])
async def test_a_nul_in_the_url_is_refused(url: str) -> None:
    api = FastAPI()
    api.add_middleware(UrlLimit)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://api") as client:
        assert (await client.get("/?name=%01")).status_code == 404
        refused = await client.get(url)
    assert refused.status_code == 400 and "U+0000" in refused.json()["detail"]
