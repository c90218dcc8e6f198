"""Groups over REST."""

import httpx

URL = "/api/v1/groups"


async def test_a_group_is_made_filled_read_emptied_and_removed(client: httpx.AsyncClient) -> None:
    made = await client.post(URL, json={"name": "North yard"})
    assert (made.status_code, made.json()) == (201, {"name": "North yard", "stations": 0})
    one = made.headers["Location"].replace(" ", "%20")
    for identity in ("A2", "A1", "A1"):
        assert (await client.put(f"{one}/stations/{identity}")).status_code == 204
    assert (await client.get(one)).json()["stations"] == 2
    first = (await client.get(f"{one}/stations", params={"limit": 1})).json()
    second = (await client.get(f"{one}/stations", params={"limit": 1, "cursor": first["next"]})).json()
    assert [item["identity"] for item in first["items"] + second["items"]] == ["A1", "A2"]
    assert second["next"] is None
    assert (await client.delete(f"{one}/stations/A1")).status_code == 204
    assert (await client.get(f"{one}/stations")).json()["items"] == [{"identity": "A2"}]
    assert (await client.delete(one)).status_code == 204
    assert (await client.get(one)).status_code == 404
    assert (await client.get(URL)).json() == {"items": [], "next": None}


async def test_groups_are_listed_by_name(client: httpx.AsyncClient) -> None:
    for name in ("b", "c", "a"):
        await client.post(URL, json={"name": name})
    first = (await client.get(URL, params={"limit": 2})).json()
    rest = (await client.get(URL, params={"cursor": first["next"]})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["a", "b", "c"]


async def test_what_cannot_be_is_told(client: httpx.AsyncClient) -> None:
    await client.post(URL, json={"name": "yard"})
    assert (await client.post(URL, json={"name": "yard"})).status_code == 409
    wrong = await client.post(URL, json={"name": "a/b"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "name")
    assert (await client.put(f"{URL}/yard/stations/nobody")).status_code == 404
    assert (await client.put(f"{URL}/garden/stations/A1")).status_code == 404


async def test_a_group_with_a_wanted_list_stays(client: httpx.AsyncClient) -> None:
    await client.post(URL, json={"name": "yard"})
    await client.put(f"{URL}/yard/local-list", json={"entries": []})
    assert (await client.delete(f"{URL}/yard")).status_code == 409
    assert (await client.delete(f"{URL}/yard/local-list")).status_code == 204
    assert (await client.delete(f"{URL}/yard")).status_code == 204
