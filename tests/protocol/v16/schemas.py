"""The official JSON schemas, out of the installed `ocpp` wheel, and values made from them.

The wheel deviates from the schemas as published in two places, which are put right here: it adds the unit Hertz, and
`minItems` to `meterValue` and `sampledValue`.
"""

import functools
import importlib.util
import json
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import strategies as st

from chargewright.protocol.v16.actions import ACTIONS

MESSAGES = {
    f"{action.name}{suffix}": (kind, f"{action.name}{file_suffix}")
    for action in ACTIONS.values()
    for suffix, file_suffix, kind in (("Request", "", action.request), ("Response", "Response", action.response))
}


def folder() -> Path:
    found = importlib.util.find_spec("ocpp.v16")
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "schemas"


def loads(text: str | bytes) -> Any:
    """`multipleOf: 0.1` holds for decimal numbers only, in the schema and in the value."""
    return json.loads(text, parse_float=Decimal)


@functools.cache
def schema_of(message: str) -> dict[str, Any]:
    """The schema of `StartTransactionRequest` and its kin, references resolved."""
    schema = loads((folder() / f"{MESSAGES[message][1]}.json").read_text(encoding="utf-8-sig"))
    resolved: dict[str, Any] = resolve(schema, schema.get("definitions", {}))
    return resolved


def resolve(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return resolve(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    result = {key: resolve(item, definitions) for key, item in node.items() if key != "definitions"}
    properties = result.get("properties", {})
    for name in ("meterValue", "sampledValue"):
        if isinstance(properties, dict) and isinstance(properties.get(name), dict):
            properties[name].pop("minItems", None)
    if isinstance(result.get("enum"), list) and "Hertz" in result["enum"]:
        result["enum"].remove("Hertz")
    return result


@functools.cache
def validator_of(message: str) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator(schema_of(message))


def is_valid(message: str, payload: bytes) -> bool:
    """Whether the schema accepts it. Draft 4 says, as we do, that 1.0 is no integer; the draft of the security
    extension's schemas would let it pass."""
    with localcontext(prec=1000):  # `multipleOf` divides; 1E+400 has that many digits
        return bool(validator_of(message).is_valid(loads(payload)))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=12)
MOMENTS = st.datetimes().filter(lambda moment: 2 < moment.year < 9998).map(lambda m: m.isoformat() + "Z")


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema accepts, its formats included."""
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", ()))
            fields = {name: values(item) for name, item in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {name: item for name, item in fields.items() if name in required},
                optional={name: item for name, item in fields.items() if name not in required},
            )
        case "array":
            return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=2)
        case "string" if "enum" in schema:
            return st.sampled_from(schema["enum"])
        case "string" if schema.get("format") == "date-time":
            return MOMENTS
        case "string" if schema.get("format") == "uri":
            return st.just("https://example.org/a")
        case "string":
            bound = schema.get("maxLength")
            return TEXT if bound is None else st.one_of(TEXT, st.just("x" * bound))
        case "integer":
            return st.one_of(st.integers(-1, 1000), st.sampled_from([-(2**63), 2**63 - 1]))
        case "number":
            return st.integers(-1000, 1000000).map(lambda tenths: Decimal(tenths) / 10)
        case "boolean":
            return st.booleans()
    raise NotImplementedError(f"no values for {schema!r}")


def dumps(value: Any) -> bytes:
    """JSON text with each `Decimal` as the number it is."""
    if isinstance(value, Decimal):
        return str(value).encode()
    if isinstance(value, dict):
        return b"{" + b",".join(dumps(str(key)) + b":" + dumps(item) for key, item in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(dumps(item) for item in value) + b"]"
    return json.dumps(value).encode()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), TEXT, MOMENTS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
# What stations are seen to send, and what breaks parsers.
EDGES = st.sampled_from(
    [
        *("", " ", "null", "true", "12", "12.0", "-0", "NaN", "1e5", "x" * 600, "a\0b", "a\x07", "ä" * 30, "Accepted"),
        *("accepted", "Celsius", "Hertz", "KWH", "Occupied", "2024-05-06", "2024-05-06 07:08", "0001-01-01T00:00:00Z"),
        *(Decimal("1.0"), Decimal("12.7"), Decimal("16.05"), Decimal("1E+400"), Decimal("-0.0"), 2**63, -(2**63) - 1),
        *(
            [],
            {},
            [None],
            [{}],
            [[]],
            {"value": "1"},
            [{"value": 1}],
            {"timestamp": None},
            {"values": [{"value": "1"}]},
        ),
    ]
)


def words_at(message: str, *path: str) -> set[str]:
    """The words that the schema allows at a field, through lists."""
    node = schema_of(message)
    for name in path:
        node = node["items"] if node["type"] == "array" else node
        node = node["properties"][name]
    return set(node["enum"])
