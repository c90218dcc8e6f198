"""JSON read loosely: numbers as they were written, keys that stand twice told apart, bad characters let through."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["Number", "Object", "json_text", "printable", "read_json"]


class Number(str):
    """A JSON number, as its text; also NaN and Infinity, which are not JSON."""

    __slots__ = ()


class Object(dict[str, Any]):
    """A JSON object; of a key that stands twice the last value counts."""

    __slots__ = ("duplicates",)

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        pairs = list(pairs)
        super().__init__(pairs)
        self.duplicates: tuple[str, ...] = ()
        if len(self) != len(pairs):
            count = Counter(key for key, _ in pairs)
            self.duplicates = tuple(key for key in self if count[key] > 1)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=Object, parse_float=Number, parse_int=Number, parse_constant=Number, strict=False
)
_BEYOND_UNICODE: Final = {**{code: "\ufffd" for code in range(0xD800, 0xE000)}, 0: "\ufffd"}


def read_json(payload: bytes) -> Any:
    """Read JSON text; raises `ValueError` when it is none, `RecursionError` when it is nested too deeply."""
    return _DECODER.decode(payload.decode())


def printable(text: str) -> str:
    """The text with U+FFFD for what no database and no UTF-8 can hold: NUL and lone surrogates."""
    return text.translate(_BEYOND_UNICODE)


def json_text(value: Any) -> str:
    """JSON text of what `read_json` returned, numbers as they were written; raises `RecursionError` as it does."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
