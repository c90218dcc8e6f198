"""Every error has the one shape."""

import httpx
from fastapi import FastAPI, HTTPException

from chargewright.csms.api.errors import Problem, install


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
        assert wrong["location"] == "query.number"
        assert "inner workings" not in (await client.get("/bug")).text


async def test_the_wrong_method_says_which_are_right() -> None:
    async with failing() as client:
        answer = await client.post("/http")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
