"""The OpenAPI document of the REST API: `python -m tools.openapi --write`, or without it to see whether it differs.

`docs/reference/openapi.json` is what there is now. `tests/csms/api/openapi_v1.json` is what has been promised: inside
v1 nothing of it is removed or given another type. `--freeze` makes the promise as large as what there is now, and
refuses to make it smaller.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

__all__ = ["BASELINE", "DOCUMENT", "document", "losses", "main", "text_of"]

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "reference" / "openapi.json"
BASELINE: Final = ROOT / "tests" / "csms" / "api" / "openapi_v1.json"

# Words of a schema that decide what a value may be. Others describe it.
_TYPE_WORDS: Final = ("type", "format", "const", "$ref")


def document() -> dict[str, Any]:
    """The document of a central system in memory."""
    from chargewright.csms.app import Csms
    from chargewright.csms.config import Settings
    from chargewright.csms.log import configure_log

    configure_log("error")

    async def make() -> dict[str, Any]:
        csms = Csms(Settings(db="sqlite://", ocpp="off", http="off"))
        await csms.start()
        try:
            made: dict[str, Any] = csms.api.openapi()
            return made
        finally:
            await csms.stop()

    made = asyncio.run(make())
    # The version of the package is no part of the interface.
    made["info"]["version"] = "1"
    return made


def text_of(value: Mapping[str, Any]) -> str:
    """As the file has it: the same for the same document."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def losses(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What `before` promises and `after` does not keep, one sentence each."""
    return list(_losses(before, after))


def _losses(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in before["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{name} is gone"
                continue
            yield from _operation(name, operation, now)
    for name, schema in before["components"]["schemas"].items():
        now = after["components"]["schemas"].get(name)
        if now is None:
            yield f"the schema {name} is gone"
        else:
            yield from _schema(name, schema, now)


def _operation(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    known = {(each["in"], each["name"]): each for each in after.get("parameters", ())}
    for parameter in before.get("parameters", ()):
        now = known.pop((parameter["in"], parameter["name"]), None)
        label = f"{name}: parameter {parameter['name']}"
        if now is None:
            yield f"{label} is gone"
            continue
        if now.get("required") and not parameter.get("required"):
            yield f"{label} is required now"
        yield from _schema(label, parameter["schema"], now["schema"])
    for parameter in known.values():
        if parameter.get("required"):
            yield f"{name}: parameter {parameter['name']} is new and required"
    if "requestBody" in after and after["requestBody"].get("required") and "requestBody" not in before:
        yield f"{name}: a body is required now"
    yield from _content(f"{name}: body", before.get("requestBody", {}), after.get("requestBody", {}))
    for status, response in before["responses"].items():
        if status not in after["responses"]:
            yield f"{name}: the answer {status} is gone"
        else:
            yield from _content(f"{name}: answer {status}", response, after["responses"][status])


def _content(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for media, content in before.get("content", {}).items():
        now = after.get("content", {}).get(media)
        if now is None:
            yield f"{name} is no longer {media}"
        else:
            yield from _schema(name, content.get("schema", {}), now.get("schema", {}))


def _schema(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for word in _TYPE_WORDS:
        if before.get(word) != after.get(word):
            yield f"{name}: {word} was {before.get(word)!r} and is {after.get(word)!r}"
    for value in before.get("enum", ()):
        if "enum" in after and value not in after["enum"]:
            yield f"{name}: the value {value!r} is gone"
    for kind in ("anyOf", "oneOf", "allOf"):
        shapes = [json.dumps(each, sort_keys=True) for each in after.get(kind, ())]
        for each in before.get(kind, ()):
            if not any(not list(_schema(name, each, json.loads(shape))) for shape in shapes):
                yield f"{name}: it may no longer be {json.dumps(each, sort_keys=True)}"
    for field, schema in before.get("properties", {}).items():
        now = after.get("properties", {}).get(field)
        if now is None:
            yield f"{name}.{field} is gone"
        else:
            yield from _schema(f"{name}.{field}", schema, now)
    for field in after.get("required", ()):
        if field not in before.get("required", ()) and field in before.get("properties", {}):
            yield f"{name}.{field} is required now"
    if "items" in before:
        yield from _schema(f"{name}[]", before["items"], after.get("items", {}))


def main() -> int:
    """Write, compare or freeze; 1 where something differs or would be lost."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description="The OpenAPI document.")
    parser.add_argument("--write", action="store_true", help="write the document instead of comparing it")
    parser.add_argument("--freeze", action="store_true", help="promise what there is now")
    options = parser.parse_args()
    console = Console()
    made = document()
    lost = losses(json.loads(BASELINE.read_text()), made) if BASELINE.exists() else []
    for sentence in lost:
        console.print(f"v1 promises more: {sentence}", markup=False)
    if options.freeze and not lost:
        BASELINE.write_text(text_of(made))
        console.print(f"wrote {BASELINE.relative_to(ROOT)}")
    if options.write:
        DOCUMENT.write_text(text_of(made))
        console.print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text_of(made):
        console.print(f"{DOCUMENT.relative_to(ROOT)} differs from the code: run python -m tools.openapi --write")
        return 1
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
