"""Requests that are nearly right, made by dice from the OpenAPI document: no route fails of them, on any database."""

import random
from typing import Any

import httpx
import pytest

TOKEN = "a-bearer-key"
REQUESTS = 6
NUMBERS = [-(2**63) - 1, -(2**31) - 1, -1, 0, 1, 2, 7, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, 1.5, -0.0, 1e308]
TEXTS = ["", " ", "A1", "TAG", "x", "é", "\U0001f600", "\0", "a" * 600, "%", "'; --", "../..", "2036-01-01T00:00:00Z"]
TEXTS += ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "Reset", "ClearCache", "1", "http://h/", "null"]
# These wait for something that does not come here, or never end.
LEFT_OUT = {"/api/v1/events", "/healthz", "/readyz"}


class Dice:
    """Values for schemas: most of the right kind, some not."""

    def __init__(self, seed: int, schemas: dict[str, Any]) -> None:
        self.random = random.Random(seed)
        self.schemas = schemas

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if self.random.random() < 0.08:
            return self.random.choice([None, True, [], {}, *NUMBERS, *TEXTS])
        for kind in ("anyOf", "oneOf", "allOf"):
            if kind in schema:
                return self.value(self.random.choice(schema[kind]), depth)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        match schema.get("type"):
            case "integer" | "number":
                return self.random.choice(NUMBERS)
            case "boolean":
                return self.random.random() < 0.5
            case "null":
                return None
            case "array":
                count = self.random.choice([0, 1, 3]) if depth < 4 else 0
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "object":
                fields = schema.get("properties", {})
                wanted = set(schema.get("required", ()))
                return {
                    name: self.value(field, depth + 1)
                    for name, field in fields.items()
                    if name in wanted or self.random.random() < 0.5
                }
        return self.random.choice(TEXTS)

    def request(self, path: str, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        query: dict[str, Any] = {}
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                text = str(self.random.choice(["A1", "1", "2", *TEXTS[2:]]))
                path = path.replace(f"{{{parameter['name']}}}", str(httpx.QueryParams({"": text}))[1:] or "x")
            elif parameter["in"] == "query" and self.random.random() < 0.4:
                query[parameter["name"]] = str(self.value(parameter["schema"]))
        # Nobody waits here for stations that are not there.
        if any(parameter["name"] == "timeout_seconds" for parameter in operation.get("parameters", [])):
            query["timeout_seconds"] = "0.01"
        more: dict[str, Any] = {"params": query}
        for media in operation.get("requestBody", {}).get("content", {}).values():
            more["json"] = self.value(media.get("schema", {}))
        return path.replace("+", "%20"), more


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_request_breaks_the_server(database: str, request: pytest.FixtureRequest, start_csms: Any) -> None:
    more = {"db": request.getfixturevalue("postgresql")} if database == "postgresql" else {}
    csms = await start_csms(bootstrap_token=TOKEN, **more)
    document = csms.api.openapi()
    transport = httpx.ASGITransport(csms.api, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    dice = Dice(1, document["components"]["schemas"])
    answers: dict[int, int] = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as client:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if path in LEFT_OUT:
                    continue
                for _ in range(REQUESTS):
                    target, details = dice.request(path, operation)
                    answer = await client.request(method, target, **details)
                    answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
                    # 502 and 504 are what stations do; none is here.
                    assert answer.status_code < 500, (method, target, details, answer.text)
                    if answer.status_code >= 400:
                        body = answer.json()
                        assert answer.headers["content-type"] == "application/problem+json", (method, target)
                        assert body["status"] == answer.status_code
                        assert body["detail"]
    # The dice do not only make what is refused at the door.
    assert answers[200] > 40
    assert answers[404] > 100
    assert answers[422] > 100
