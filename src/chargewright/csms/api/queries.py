"""Query parameters that a route does not have are refused: a misspelt filter would else silently list everything."""

import difflib
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant

from chargewright.csms.api.errors import Problem, wrong

__all__ = ["known_queries"]

# Names that are refused one by one; more of them are counted.
SHOWN: Final = 20
# Where somebody may look for something else than what is there, by path.
HINTS: Final = {"/api/v1/events": "this stream has no end; a list is /api/v1/events/history"}


async def known_queries(request: Request) -> None:
    """A dependency that raises a 422 `Problem` naming each query parameter that the route has not, with the nearest
    one that it has."""
    if not request.url.query:
        return
    known = frozenset(_queries(request.scope["route"].dependant))
    unknown = [name for name in dict.fromkeys(request.query_params.keys()) if name not in known]
    if unknown:
        errors = [_wrong(name, known, HINTS.get(request.url.path)) for name in unknown[:SHOWN]]
        detail = f"{errors[0]['field']}: expected {errors[0]['expected']}"
        if len(unknown) > 1:
            detail += f" (and {len(unknown) - 1} more)"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _queries(inner)


def _wrong(name: str, known: frozenset[str], hint: str | None) -> dict[str, Any]:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        expected = f"no query parameter of this name; `{near[0]}` is one"
    elif known:
        expected = f"no query parameter of this name; there are {', '.join(sorted(known))}"
    else:
        expected = "no query parameters here"
    part = wrong("query", name[:200], None, f"{expected}; {hint}" if hint else expected)
    part["field"] = part["field"].encode("utf-8", "replace").decode()
    part.pop("value", None)  # possibly a secret in a wrong place
    return part
