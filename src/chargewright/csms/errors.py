"""What services say to whoever asked for something that cannot be done; over REST each is a status of its own."""

from typing import Any

from chargewright.errors import ChargewrightError

__all__ = ["Conflict", "InvalidValue", "NotFound"]


class NotFound(ChargewrightError):
    """There is no such thing. `kind` is its name in words (`id tag`), `key` what it was asked for by."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(kind, key)
        self.kind = kind
        self.key = key

    def __str__(self) -> str:
        return f"There is no {self.kind} {self.key!r}."


class Conflict(ChargewrightError):
    """The state of something does not allow it; the sentence says what, and what to do instead."""


class InvalidValue(ChargewrightError):
    """A value is wrong in a way that its type does not tell. `field` is its path in the request, in the names of
    REST; `expected` says what would be right. `value` must be no secret."""

    def __init__(self, field: str, value: Any, expected: str) -> None:
        super().__init__(field, value, expected)
        self.field = field
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.field}: expected {self.expected}"
        return f"{self.field}: {self.value!r} is not right; expected {self.expected}"
