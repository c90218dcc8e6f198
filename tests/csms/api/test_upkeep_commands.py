"""Sending what updates and uploads ask for: too many commands, and instants as commands say them."""

import asyncio

import httpx
import pytest
from tests.csms.bench import Workbench

from chargewright.csms.api.upkeep_commands import stamp
from chargewright.protocol.v16.base import UNSET


def test_an_instant_as_a_command_says_it() -> None:
    assert stamp(None) is UNSET
    assert getattr(stamp(1_700_000_000_000_000), "text", None) == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize("resource", ["firmware-updates", "diagnostics"])
async def test_where_too_many_commands_wait_it_is_noted_as_not_sent(resource: str, start_bench: object) -> None:
    token = "a-bearer-key"
    bench: Workbench = await start_bench(bootstrap_token=token, commands_per_station=1)  # type: ignore[operator]
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://csms/api/v1", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        connection = await bench.connect()
        first = asyncio.ensure_future(client.post("/stations/A1/commands/ClearCache", json={}))
        await connection.has_spoken.wait()
        response = await client.post(f"/{resource}", json={"station": "A1", "location": "ftp://h/x"})
        assert response.status_code == 429, response.text
        (item,) = (await client.get(f"/{resource}")).json()["items"]
        assert item["state"] == "not-sent" and "commands wait" in item["problem"]
        connection.vanish()
        await first
