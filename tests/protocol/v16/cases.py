"""For every message: values at the boundaries of every field, derived from the official schema, each named."""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chargewright.protocol.v16.error_codes import ErrorCode

FORMATION = ErrorCode.FORMATION_VIOLATION
OCCURENCE = ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION
PROPERTY = ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
TYPE = ErrorCode.TYPE_CONSTRAINT_VIOLATION

# A list or another object has the same error code as every other wrong type; one object in its place is enough.
WRONG_TYPES: dict[str, list[Any]] = {
    "object": ["x", 1, True, []],
    "array": ["x", 1, True, {}],
    "string": [1, Decimal("1.5"), True, [], {}],
    "integer": ["1", Decimal("1.5"), True, [], {}],
    "number": ["1", True, [], {}],
    "boolean": ["true", 1, [], {}],
}


def least(schema: dict[str, Any], everything: bool) -> Any:
    """A valid value: with the required fields only, or with every field."""
    match schema["type"]:
        case "object":
            required = schema.get("required", ())
            return {
                name: least(item, everything)
                for name, item in schema.get("properties", {}).items()
                if everything or name in required
            }
        case "array":
            return [least(schema["items"], everything)]
        case "string" if "enum" in schema:
            return schema["enum"][0]
        case "string" if schema.get("format") == "date-time":
            return "2024-05-06T07:08:09.123456Z"
        case "string":
            return "https://example.org/"[: schema.get("maxLength", 20)]
        case "integer":
            return 1
        case "number":
            return Decimal("16.1")
        case "boolean":
            return True
    raise NotImplementedError(f"no value for {schema!r}")


def valid(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Named values that must be accepted."""
    yield "required fields", least(schema, False)
    whole = least(schema, True)
    yield "every field", whole
    for path, field in places(schema):
        for name, value in valid_values(field):
            yield f"{name} at {'.'.join(map(str, path))}", replaced(whole, path, value)


def valid_values(field: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    match field["type"]:
        case "string" if "enum" in field:
            yield from ((word, word) for word in field["enum"])
        case "string" if field.get("format") == "date-time":
            yield from ((text, text) for text in ("2024-05-06T07:08:09+02:00", "2024-05-06T07:08:09", "20240506T0708Z"))
        case "string":
            yield "empty string", ""
            if "maxLength" in field:
                yield "longest string", "x" * field["maxLength"]
                # Characters are counted, not bytes.
                yield "longest string beyond ASCII", "ü" * field["maxLength"]
        case "integer":
            yield from ((f"integer {value}", value) for value in (0, -1, 2**31, 2**63 - 1, -(2**63)))
        case "number":
            texts = ("0", "0.1", "21.4", "16.0", "1E+2", "-0.3")
            yield from ((f"number {text}", Decimal(text)) for text in texts)
        case "boolean":
            yield "false", False
        case "array" if not field.get("minItems"):
            yield "empty list", []


def invalid(schema: dict[str, Any]) -> Iterator[tuple[str, Any, ErrorCode]]:
    """Named values that must be refused, with the error code."""
    whole = least(schema, True)
    yield "unknown field", {**whole, "xyzzy": 1}, FORMATION
    yield from ((f"no {name}", without(whole, name), OCCURENCE) for name in schema.get("required", ()))
    yield from ((f"{value!r} as a whole", value, FORMATION) for value in ([], "x", 1, True, None))
    for path, field in places(schema):
        for value in (*WRONG_TYPES[field["type"]], None):
            yield f"{value!r} at {'.'.join(map(str, path))}", replaced(whole, path, value), TYPE
        for name, value, code in invalid_values(field):
            yield f"{name} at {'.'.join(map(str, path))}", replaced(whole, path, value), code


def invalid_values(field: dict[str, Any]) -> Iterator[tuple[str, Any, ErrorCode]]:
    yield from ((f"no {name}", without(least(field, True), name), OCCURENCE) for name in field.get("required", ()))
    match field["type"]:
        case "object":
            yield "unknown field", {**least(field, True), "xyzzy": 1}, FORMATION
        case "array" if field.get("minItems"):
            yield "empty list", [], OCCURENCE
        case "string" if "enum" in field:
            yield "unknown word", "xyzzy", PROPERTY
            yield "other letter case", field["enum"][0].swapcase(), PROPERTY
        case "string" if "maxLength" in field:
            yield "too long", "x" * (field["maxLength"] + 1), PROPERTY
        case "number":
            yield "two decimal places", Decimal("16.11"), PROPERTY


def places(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every field and list item below the schema."""
    if schema["type"] == "object":
        for name, item in schema.get("properties", {}).items():
            yield (*path, name), item
            yield from places(item, (*path, name))
    elif schema["type"] == "array":
        yield (*path, 0), schema["items"]
        yield from places(schema["items"], (*path, 0))


def replaced(whole: Any, path: tuple[str | int, ...], value: Any) -> Any:
    result = copy.deepcopy(whole)
    inner = result
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return result


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}
