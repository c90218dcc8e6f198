"""Is it alive, is it ready?"""

import httpx
from tests.csms.bench import Workbench


async def test_it_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path, headers={"Authorization": ""})).status_code == 200


async def test_it_says_why_it_is_not_ready(bench: Workbench, client: httpx.AsyncClient) -> None:
    bench.csms._storage_unavailable()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database is away")
    assert (await client.get("/healthz")).status_code == 200


async def test_it_is_not_ready_while_it_stops(bench: Workbench, client: httpx.AsyncClient) -> None:
    await bench.csms.drain()
    assert (await client.get("/readyz")).json()["detail"] == "stopping"
