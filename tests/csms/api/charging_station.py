"""A station that charges, and a client that looks: for tests of what REST says of transactions."""

from typing import Any

import httpx
from tests.csms.bench import Workbench

__all__ = ["URL", "Station", "get", "items"]

URL = "/api/v1/transactions"
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"meterStop": 6000, "timestamp": "2026-03-01T11:30:00Z", "reason": "Local", "idTag": "TAG"}


class Station:
    """One connection and what it sends."""

    def __init__(self, bench: Workbench, connection: Any) -> None:
        self.bench = bench
        self.connection = connection

    async def send(self, action: str, **payload: Any) -> Any:
        answer = await self.bench.exchange(self.connection, action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def start(self, **fields: Any) -> int:
        number: int = (await self.send("StartTransaction", **START | fields))["transactionId"]
        return number

    async def stop(self, transaction_id: int, **fields: Any) -> None:
        await self.send("StopTransaction", transactionId=transaction_id, **STOP | fields)

    async def values(self, time: str, wh: str, **fields: Any) -> None:
        value = {"timestamp": f"2026-03-01T{time}Z", "sampledValue": [{"value": wh, "unit": "Wh"}]}
        await self.send("MeterValues", connectorId=1, meterValue=[value], **fields)


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def items(client: httpx.AsyncClient, path: str = URL, **query: Any) -> list[Any]:
    found: list[Any] = (await get(client, path, **query))["items"]
    return found
