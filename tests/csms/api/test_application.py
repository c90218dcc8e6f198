"""The application as a whole: every route needs the key, and answers bad input in the one shape of errors."""

import re
from typing import Any

import httpx
import pytest
from tests.csms.bench import Workbench

OPEN = {"/healthz", "/readyz"}


def routes(bench: Workbench) -> list[tuple[str, str]]:
    """Method and path of every route, with something in the place of each parameter."""
    paths = bench.csms.api.openapi()["paths"]
    return sorted((method.upper(), re.sub(r"\{[^}]*\}", "1", path)) for path in paths for method in paths[path])


async def test_every_route_but_the_probes_wants_the_key(bench: Workbench, client: httpx.AsyncClient) -> None:
    wanted = [(method, path) for method, path in routes(bench) if path not in OPEN]
    assert ("GET", "/api/v1/id-tags/1") in wanted
    for method, path in wanted:
        for key in ("", "Bearer wrong", "Basic YTpi"):
            refused = await client.request(method, path, headers={"Authorization": key})
            assert refused.status_code == 401, (method, path, refused.text)
            assert refused.headers["content-type"] == "application/problem+json"


async def test_without_the_key_no_body_is_read(bench: Workbench) -> None:
    """Whoever has no key must not make the server read or parse anything."""
    for method, path in routes(bench):
        if path in OPEN:
            continue
        for key in ([], [(b"authorization", b"Bearer wrong")]):
            sent: list[Any] = []

            async def body_is_asked_for() -> Any:
                raise AssertionError(f"{method} {path} reads the body")  # noqa: B023  # called before the next turn

            async def send(message: Any) -> None:
                sent.append(message)  # noqa: B023  # as above

            scope = {
                "type": "http",
                "http_version": "1.1",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "root_path": "",
                "query_string": b"",
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"9"), *key],
            }
            await bench.csms.api(scope, body_is_asked_for, send)
            assert sent[0]["status"] == 401, (method, path)


WRONG_QUERIES = ("limit=0", "limit=501", "limit=x", "cursor=x", "cursor=" + "A" * 600, "limit=%00", "limit=1&limit=2")
WRONG_BODIES = (b"", b"{", b"[]", b"null", b'"x"', b'{"unknown": 1}', b'{"idTag": "\\ud800"}', b'{"a":' * 2000, b"\xff")


def wrong_paths(path: str) -> list[str]:
    """The path with parameters that are none."""
    last = re.sub(r"1", "{}", path.removeprefix("/api/v1"))
    if "{}" not in last:
        return [path]
    return ["/api/v1" + last.replace("{}", text) for text in ("x", "%00", "9" * 40, "%F0%9F%98%80", "-1", "1")]


async def test_bad_input_is_the_askers_mistake_on_every_route(bench: Workbench, client: httpx.AsyncClient) -> None:
    """No route answers it with 5xx, and whatever is refused says so in the one shape."""
    for method, path in routes(bench):
        if path in OPEN or path == "/api/v1/events":
            continue
        asked: list[tuple[str, dict[str, Any]]] = [
            (f"{each}?{wrong}", {}) for each in wrong_paths(path) for wrong in WRONG_QUERIES
        ]
        asked += [
            (each, {"content": body, "headers": {"Content-Type": "application/json"}})
            for each in wrong_paths(path)
            for body in WRONG_BODIES
            if method in {"POST", "PUT", "PATCH"}
        ]
        for target, more in asked:
            answer = await client.request(method, target, **more)
            assert answer.status_code < 500, (method, target, more, answer.text)
            if answer.status_code >= 400:
                body = answer.json()
                assert answer.headers["content-type"] == "application/problem+json", (method, target)
                assert body["status"] == answer.status_code
                assert body["detail"] and body["title"] and body["type"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_pages_that_load_scripts_from_elsewhere_are_off(path: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(path)).status_code == 404
