"""The application as a whole: which routes there are, and which need the key."""

import httpx
import pytest
from tests.csms.bench import Workbench

OPEN = {"/healthz", "/readyz"}


def paths(bench: Workbench) -> set[str]:
    return set(bench.csms.api.openapi()["paths"])


def test_the_routes(bench: Workbench) -> None:
    assert paths(bench) == OPEN | {"/api/v1/events"}


async def test_every_route_but_the_probes_wants_the_key(bench: Workbench, client: httpx.AsyncClient) -> None:
    for path in paths(bench) - OPEN:
        refused = await client.get(path, headers={"Authorization": ""})
        assert refused.status_code == 401, path


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_pages_that_load_scripts_from_elsewhere_are_off(path: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(path)).status_code == 404
