"""A command as JSON becomes a typed request, held to its schema to the letter; what else may be odd is a warning."""

import re
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import msgspec

from chargewright.csms.commands.redaction import HIDDEN
from chargewright.csms.commands.station_doubts import size_doubts
from chargewright.csms.commands.table import WARNINGS
from chargewright.csms.errors import InvalidValue, NotFound
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import ACTIONS, Action, Role
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode
from chargewright.wording import choices_at, in_plain_words

__all__ = ["COMMANDS", "InvalidCommand", "UnknownCommand", "check", "warnings_of"]

# What the CSMS may send, by name.
COMMANDS: Final[Mapping[str, Action]] = {
    name: action for name, action in sorted(ACTIONS.items()) if Role.CSMS in action.sent_by
}

_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_NAMED: Final = re.compile(r"field `([^`]+)`")
_SHOWN_LENGTH: Final = 100
_EXPECTED_LENGTH: Final = 2000


class UnknownCommand(NotFound):
    """There is no such action, or it is not sent to stations."""

    def __init__(self, action: str) -> None:
        super().__init__("command", action[:_SHOWN_LENGTH])

    def __str__(self) -> str:
        return f"There is no command {self.key!r}; there are {', '.join(COMMANDS)}."


class InvalidCommand(InvalidValue):
    """The payload is not what the schema of the action says. `field` is a path on the wire
    (`csChargingProfiles.stackLevel`, empty for the whole), `value` what stands there (None where nothing does),
    `expected` what should."""

    def __init__(self, action: str, field: str, value: Any, expected: str) -> None:
        super().__init__(field, _short(value), expected)
        self.action = action

    def __str__(self) -> str:
        found = "" if self.value is None else f"; it is {self.value!r}"
        return f"{self.action}: {self.field or 'the payload'}: expected {self.expected}{found}"


def check(action_name: str, payload: Any) -> Message:
    """The request that the payload means: a JSON object, as its text (`bytes`) or as Python has it.

    Raises `UnknownCommand`, and `InvalidCommand` for the first thing that the schema forbids.
    """
    action = COMMANDS.get(action_name)
    if action is None:
        raise UnknownCommand(action_name)
    try:
        text = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        return decode(action.request, text)
    except DECODE_FAILURES as failure:
        sentence, found, place = str(failure).rpartition(" - at ")
        path = place.strip("`").removeprefix("$") if found else ""
        expected = sentence if found else str(failure)
        if not isinstance(failure, msgspec.ValidationError):
            raise InvalidCommand(action.name, "", None, f"JSON ({expected[:_SHOWN_LENGTH]})") from failure
        named = _NAMED.search(expected)
        if named is not None:
            path = f"{path}.{named[1]}"
        value = _value_at(payload, path)
        path = path.removeprefix(".")
        words = in_plain_words(expected, choices_at(action.request, path))
        raise InvalidCommand(action.name, path, value, words[:_EXPECTED_LENGTH]) from failure


async def warnings_of(request: Message, station: StationRow, services: Services) -> list[str]:
    """What is odd about the command for this station, though its schema allows it; one sentence each. Raises
    `StorageError` where that must be read and cannot be."""
    found = list(size_doubts(request, station, services))
    for warn in WARNINGS.get(type(request), ()):
        texts = warn(request, station, services)
        found += await texts if isinstance(texts, Awaitable) else texts
    return found


def _value_at(payload: Any, path: str) -> Any:
    """What stands at a path; None where nothing does, or where it cannot be found."""
    if isinstance(payload, bytes):
        try:
            payload = msgspec.json.decode(payload)
        except DECODE_FAILURES:
            return None
    value = payload
    for name, index in _STEP.findall(path):
        if name and isinstance(value, Mapping):
            # The value of a configuration key may be a password.
            value = HIDDEN if name == "value" and name in value else value.get(name)
        elif index.isdigit() and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value


def _short(value: Any) -> Any:
    """A value to be told, not longer than a line."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
