"""Every error has the one shape."""

import json

import httpx
from fastapi import FastAPI, HTTPException

from chargewright.csms.api.errors import Problem, install
from chargewright.csms.api.models import Body
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.storage.base import StorageError, StorageUnavailable


class Secret(Body):
    password: int
    name: str = ""


def failing() -> httpx.AsyncClient:
    api = FastAPI()
    install(api)

    @api.get("/problem")
    async def a_problem() -> None:
        raise Problem(409, "It is there already.", {"Retry-After": "1"})

    @api.get("/http")
    async def http() -> None:
        raise HTTPException(410, "Gone for good.")

    @api.get("/validation")
    async def validation(number: int) -> int:
        return number

    @api.get("/unknown")
    async def unknown() -> None:
        raise NotFound("id tag", "7")

    @api.get("/conflict")
    async def conflict() -> None:
        raise Conflict("It is busy.")

    @api.get("/invalid")
    async def invalid() -> None:
        raise InvalidValue("connectorId", 9, "0 to 2")

    @api.get("/away")
    async def away() -> None:
        raise StorageUnavailable("the password is 1234")

    @api.get("/refused")
    async def refused() -> None:
        raise StorageError("inner workings")

    @api.post("/secret")
    async def secret(body: Secret) -> None:
        raise AssertionError("never called")

    @api.get("/members")
    async def members() -> None:
        raise Problem(502, "The station refused.", members={"code": "InternalError"})

    @api.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("inner workings")

    return httpx.AsyncClient(transport=httpx.ASGITransport(api, raise_app_exceptions=False), base_url="http://api")


async def test_each_kind_of_error_is_a_problem() -> None:
    async with failing() as client:
        for path, status in (
            ("/problem", 409),
            ("/http", 410),
            ("/validation?number=x", 422),
            ("/bug", 500),
            ("/unknown", 404),
            ("/conflict", 409),
            ("/invalid", 422),
            ("/away", 503),
            ("/refused", 500),
            ("/members", 502),
            ("/nowhere", 404),
        ):
            answer = await client.get(path)
            body = answer.json()
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert (body["type"], body["status"]) == ("about:blank", status)
            assert body["title"]
            assert body["detail"]


async def test_details_are_those_that_help() -> None:
    async with failing() as client:
        assert (await client.get("/problem")).headers["Retry-After"] == "1"
        (wrong,) = (await client.get("/validation?number=x")).json()["errors"]
        assert wrong == {
            "place": "query",
            "field": "number",
            "value": "x",
            "expected": "a whole number",
        }
        for path in ("/bug", "/refused", "/away"):
            text = (await client.get(path)).text
            assert "inner workings" not in text
            assert "1234" not in text
        assert (await client.get("/away")).headers["Retry-After"] == "5"
        assert (await client.get("/members")).json()["code"] == "InternalError"
        (wrong,) = (await client.get("/invalid")).json()["errors"]
        assert wrong == {"place": "body", "field": "connectorId", "value": 9, "expected": "0 to 2"}


async def test_secrets_are_not_repeated() -> None:
    async with failing() as client:
        for body in ({"password": "hunter2"}, {"password": 1, "pasword": "hunter2"}):
            answer = await client.post("/secret", json=body)
            assert answer.status_code == 422
            assert "hunter2" not in answer.text


async def test_any_value_can_be_told() -> None:
    async with failing() as client:
        for value in ("\ud800", 10**30, {"a": 1}, [1], None, True, "x" * 1000 + "\0"):
            body = json.dumps({"password": 1, "name": value}).encode()
            answer = await client.post("/secret", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422, value
            assert answer.json()["errors"][0]["field"] == "name"


async def test_a_body_that_does_not_say_that_it_is_json_is_told_to(client: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, headers in ((b'{"idTag": "REST-1"}', form), (b"{bad", form), (b'{"idTag": "REST-1"}', {})):
        refused = await client.post("/api/v1/id-tags", content=content, headers=headers)
        assert refused.status_code == 415
        assert "Content-Type: application/json" in refused.json()["detail"]
    said = {"Content-Type": "application/json; charset=utf-8"}
    assert (await client.post("/api/v1/id-tags", content=b'{"idTag": "REST-1"}', headers=said)).status_code == 201
    assert (await client.post("/api/v1/id-tags", content=b"{bad", headers=said)).status_code == 422
    assert (await client.post("/api/v1/id-tags")).status_code == 422


async def test_words_that_are_shown_are_for_people(client: httpx.AsyncClient) -> None:
    long = await client.post("/api/v1/id-tags", json={"idTag": "T" * 30})
    assert long.json()["errors"][0]["expected"] == "1 to 20 printable characters of ASCII"
    odd = await client.post("/api/v1/stations/A1/commands/Reset", json={"type": 7})
    assert "Expected" not in odd.text
    absent = (await client.post("/api/v1/stations/A1/commands/RemoteStopTransaction", json={})).json()
    assert "null" not in absent["detail"]
    past = "2020-01-01T00:00:00Z"
    late = await client.post(f"/api/v1/stations/A1/commands/ClearCache?keep_until={past}", json={})
    assert late.json()["errors"][0]["place"] == "query"
    assert "2020-01-01" in late.json()["detail"]
    for body in ({"vendor": "Nobody"}, {}):
        asked = {"action": "ClearCache", "payload": {}, "selection": body}
        none = await client.post("/api/v1/bulk-commands", json=asked)
        assert "an object" not in none.json()["detail"]
        assert ("none does" in none.json()["detail"]) == bool(body)
    nobody = await client.post("/api/v1/personal-data/export", json={"idTag": "NOBODY"})
    assert (nobody.status_code, nobody.json()["detail"]) == (404, "Nothing is stored of this id tag, in whatever case.")


async def test_the_wrong_method_says_which_are_right() -> None:
    async with failing() as client:
        answer = await client.post("/http")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
