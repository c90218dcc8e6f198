"""The OpenAPI document: it says what the code does, and nothing that was promised is taken back."""

import copy
import json
import re
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tools.openapi import BASELINE, DOCUMENT, losses, text_of

PROMISED: dict[str, Any] = {
    "paths": {
        "/a/{id}": {
            "get": {
                "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/A"}}}}},
            },
            "post": {"responses": {"201": {}}},
        }
    },
    "components": {
        "schemas": {
            "A": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "kind": {"enum": ["x", "y"], "type": "string"},
                    "at": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["name"],
            }
        }
    },
}


def current(bench: Workbench) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(bench.csms.api.openapi())
    made["info"]["version"] = "1"
    return made


async def test_the_document_is_what_the_code_makes(bench: Workbench) -> None:
    assert DOCUMENT.read_text() == text_of(current(bench)), "run python -m tools.openapi --write"


async def test_what_v1_promised_is_kept(bench: Workbench) -> None:
    assert losses(json.loads(BASELINE.read_text()), current(bench)) == []


async def test_every_operation_tells_what_it_is_for(bench: Workbench) -> None:
    for path, methods in current(bench)["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)
            assert operation.get("tags"), (method, path)


async def test_words_of_urls_have_underscores_and_those_of_bodies_do_not(bench: Workbench) -> None:
    made = current(bench)
    for path, methods in made["paths"].items():
        assert all(re.fullmatch("[a-z_]+", name) for name in re.findall("{(.*?)}", path)), path
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] in ("path", "query"):
                    assert re.fullmatch("[a-z_]+", parameter["name"]), (method, path, parameter["name"])
            if path.startswith("/api/"):
                assert operation["security"] == [{"bearerKey": []}], (method, path)
    for name, schema in made["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert "_" not in field, (name, field)


def get(document: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"]["/a/{id}"]["get"]
    return operation


def schema(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["A"]
    return found


BREAKS: dict[str, Any] = {
    "a path": lambda document: document["paths"].clear(),
    "a method": lambda document: document["paths"]["/a/{id}"].pop("post"),
    "a parameter": lambda document: get(document)["parameters"].clear(),
    "a parameter's type": lambda document: get(document)["parameters"][0]["schema"].update(type="string"),
    "a parameter required": lambda document: get(document)["parameters"][0].update(required=True),
    "a new parameter required": lambda document: get(document)["parameters"].append(
        {"in": "query", "name": "new", "required": True, "schema": {}}
    ),
    "a body required": lambda document: get(document).update(requestBody={"required": True}),
    "an answer": lambda document: get(document)["responses"].clear(),
    "an answer's media type": lambda document: get(document)["responses"]["200"]["content"].clear(),
    "an answer's schema": lambda document: get(document)["responses"]["200"]["content"]["application/json"].update(
        schema={"$ref": "#/B"}
    ),
    "a schema": lambda document: document["components"]["schemas"].clear(),
    "a field": lambda document: schema(document)["properties"].pop("name"),
    "a field's type": lambda document: schema(document)["properties"]["name"].update(type="integer"),
    "a word of an enumeration": lambda document: schema(document)["properties"]["kind"]["enum"].remove("x"),
    "a kind of value": lambda document: schema(document)["properties"]["at"]["anyOf"].pop(),
    "a field required": lambda document: schema(document)["required"].append("kind"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_taking_something_back_is_noticed(what: str) -> None:
    changed = copy.deepcopy(PROMISED)
    BREAKS[what](changed)
    assert losses(PROMISED, changed) != []


def test_adding_is_fine() -> None:
    changed = copy.deepcopy(PROMISED)
    changed["paths"]["/b"] = {"get": {"responses": {}}}
    get(changed)["parameters"].append({"in": "query", "name": "new", "schema": {"type": "string"}})
    schema(changed)["properties"]["new"] = {"type": "string"}
    schema(changed)["properties"]["at"]["anyOf"].append({"type": "integer"})
    assert losses(PROMISED, changed) == []
    assert losses(PROMISED, PROMISED) == []
