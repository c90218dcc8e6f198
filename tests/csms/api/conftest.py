"""The REST API of a CSMS in memory, asked without a socket."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.csms.api.charging_station import Station
from tests.csms.bench import Workbench

TOKEN = "a-bearer-key"


@pytest.fixture
async def bench(start_bench: Any) -> Workbench:
    made: Workbench = await start_bench(bootstrap_token=TOKEN)
    return made


@pytest.fixture
async def client(bench: Workbench) -> AsyncIterator[httpx.AsyncClient]:
    """Sends the bearer key with every request."""
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as made:
        yield made


@pytest.fixture
async def station(bench: Workbench) -> Station:
    """Station A1, connected."""
    return Station(bench, await bench.connect("A1"))
