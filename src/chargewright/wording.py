"""What would be right, in words of people: msgspec and pydantic speak of `str`, regexes and Input."""

import enum
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

__all__ = ["choices_at", "counted", "in_plain_words"]

_TYPES: Final = {
    "int": "a whole number",
    "float": "a number",
    "number": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "named fields",
    "null": "nothing",
}
_DATE_AND_TIME: Final = "a date and time with its zone, such as 2031-01-01T00:00:00Z"
_MISSING: Final = "a value; it is missing"
_UNKNOWN: Final = "no field of this name"

_Reading = str | Callable[[re.Match[str]], str]


def _type(names: str) -> str:
    """Of "str" and "str | null"."""
    return " or ".join(_TYPES.get(name, name) for name in names.split(" | ") if name != "null") or _TYPES["null"]


def _length(match: re.Match[str]) -> str:
    names, comparison, count = match.groups()
    bound = {">=": "at least", "<=": "at most"}.get(comparison or "", "exactly")
    return f"{_type(names)} of {bound} {counted(int(count), 'character' if names.startswith('str') else 'item')}"


def _bounded(match: re.Match[str]) -> str:
    names, comparison, bound = match.groups()
    words = {">=": "{0} or more", "<=": "at most {0}", ">": "more than {0}", "<": "less than {0}"}[comparison]
    return f"{_type(names)}, {words.format(_number(bound))}"


def _number(text: str) -> str:
    return text.removesuffix(".0")


def _pattern(match: re.Match[str]) -> str:
    pattern = match[1]
    words = re.fullmatch(r"\^\(([\w|-]+)\)(\??)\$", pattern)
    if words is None:
        return f"a text of the form {pattern}"
    return f"one of {words[1].replace('|', ', ')}" + (", or nothing" if words[2] else "")


def _alternatives(match: re.Match[str]) -> str:
    choices = re.findall(r"'([^']*)'", match[1])
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


# What the two libraries say, msgspec first; a sentence that is not here stays as it is.
_SENTENCES: Final[tuple[tuple[re.Pattern[str], _Reading], ...]] = tuple(
    (re.compile(said), words)
    for said, words in (
        (r"Object missing required field `[^`]*`", _MISSING),
        (r"Object contains unknown field `[^`]*`", _UNKNOWN),
        (r"Expected `([^`]+)` of length (?:([<>]=) )?(\d+)(?:, got \d+)?", _length),
        (r"Expected `array` of at least length (\d+).*", lambda match: f"a list of at least {match[1]} items"),
        (r"Expected `([^`]+)` ([<>]=?) (-?[\d.e+-]+)", _bounded),
        (r"Expected `[^`]+` that's a multiple of ([\d.]+)", lambda match: f"a multiple of {_number(match[1])}"),
        (r"Expected `str` matching regex '(.*)'", _pattern),
        (r"Expected `([^`]+)` without (.+)", lambda match: f"{_type(match[1])} without {match[2]}"),
        (
            r"Expected `([^`]+)`, got `([^`]+)`",
            lambda match: f"{_type(match[1])}, not {_type(match[2])}".replace("not true or false", "not a yes or no"),
        ),
        (r"Invalid enum value .*", "one of the values that the specification lists"),
        (r"Invalid RFC3339 encoded datetime", _DATE_AND_TIME),
        (r"Field required", _MISSING),
        (r"Extra inputs are not permitted", _UNKNOWN),
        (
            r"String should have at (most|least) (\d+) characters?",
            lambda m: f"at {m[1]} {counted(int(m[2]), 'character')}",
        ),
        (
            r"\w+ should have at (most|least) (\d+) items?(?: after validation)?, not .*",
            lambda match: f"at {match[1]} {counted(int(match[2]), 'item')}",
        ),
        (r"String should match pattern '(.*)'", _pattern),
        (r"Input should be greater than or equal to (.+)", lambda match: f"{_number(match[1])} or more"),
        (r"Input should be less than or equal to (.+)", lambda match: f"at most {_number(match[1])}"),
        (r"Input should be greater than (.+)", lambda match: f"more than {_number(match[1])}"),
        (r"Input should be less than (.+)", lambda match: f"less than {_number(match[1])}"),
        (r"Input should be a multiple of (.+)", lambda match: f"a multiple of {_number(match[1])}"),
        (r"Input should be a finite number", "a finite number"),
        (r"Input should be a valid integer.*", "a whole number"),
        (r"Unable to parse input string as an integer.*", "a whole number that is not as long"),
        (r"Input should be a valid (?:number|decimal).*", "a number"),
        (r"Input should be a valid string.*", "a text"),
        (r"Input should be a valid boolean.*", "true or false"),
        (r"Input should be a valid (?:list|tuple|array|set).*", "a list"),
        (r"Input should be (?:a valid dictionary|an object).*", "named fields"),
        (r"Input should be a valid (?:datetime|date).*", _DATE_AND_TIME),
        (r"Input should have timezone info", _DATE_AND_TIME),
        (r"Input should be ('.*')", _alternatives),
        (r"(?:Input should be|Value error,|Assertion failed,|Expected) (.+)", lambda match: match[1].replace("`", "")),
    )
)


def in_plain_words(said: str, choices: Sequence[str] = ()) -> str:
    """What would be right, to stand after "expected": from the message of a failed check by msgspec or pydantic.

    A place that msgspec puts after its message (" - at `$.connector`") is left out. `choices` are the values that are
    allowed there, if there are few (`choices_at`): msgspec names only the one that is not among them.
    """
    sentence = re.sub(r" - at `[^`]*`$", "", said)
    if choices and sentence.startswith("Invalid enum value"):
        return f"one of {', '.join(choices)}"
    for pattern, words in _SENTENCES:
        match = pattern.fullmatch(sentence)
        if match is not None:
            return words if isinstance(words, str) else words(match)
    return sentence.replace("`", "")


def counted(count: int, noun: str) -> str:
    """`1 message`, `2 messages`: a number with a noun that makes its plural with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def choices_at(kind: Any, path: str) -> tuple[str, ...]:
    """The values of an enumeration that stands at a path (`csChargingProfiles.chargingProfileKind`, `ids[3].status`)
    inside a msgspec type; empty where no enumeration stands there."""
    found = _bare(kind)
    for name in re.findall(r"[^.\[\]]+", path.replace("[...]", "[0]")):
        if isinstance(found, type) and issubclass(found, msgspec.Struct):
            kinds = {field.encode_name: field.type for field in msgspec.structs.fields(found)}
            found = _bare(kinds.get(name))
        elif get_args(found):
            found = _bare(get_args(found)[0])
        else:
            return ()
    if isinstance(found, enum.EnumMeta):
        return tuple(str(member.value) for member in list[Any](found))
    return tuple(map(str, get_args(found))) if get_origin(found) is Literal else ()


def _bare(kind: Any) -> Any:
    """A type without what annotates it and without what stands for an absent one."""
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    if hasattr(kind, "__value__"):
        return _bare(kind.__value__)
    if get_origin(kind) in (tuple, list, Literal):
        return kind
    others = [each for each in get_args(kind) if each not in (type(None), msgspec.UnsetType)]
    return _bare(others[0]) if len(others) == 1 else kind
