"""A query parameter that nobody has is a mistake of whoever sent it, and is told as one."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "name", "told"),
    [
        ("/stations?limt=1", "limt", "`limit`"),
        ("/transactions?stations=A1", "stations", "`station`"),
        ("/retention?x=1", "x", "no query parameters here"),
        ("/events?limit=2", "limit", "/api/v1/events/history"),
        ("/id-tags?password=hunter2", "password", "blocked, cursor, limit"),
    ],
)
async def test_an_unknown_query_is_named_with_what_is_nearest(
    client: httpx.AsyncClient, path: str, name: str, told: str
) -> None:
    refused = await client.get(f"/api/v1{path}")
    assert refused.status_code == 422
    (part,) = refused.json()["errors"]
    assert (part["place"], part["field"]) == ("query", name)
    assert told in part["expected"]
    assert told in refused.json()["detail"]
    assert "hunter2" not in refused.text


async def test_many_unknown_queries_are_counted(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/v1/stations", params={f"q{number}": "1" for number in range(30)})
    assert len(refused.json()["errors"]) == 20
    assert "29 more" in refused.json()["detail"]


async def test_known_ones_are_taken(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/stations?limit=1&connected=true")).status_code == 200
