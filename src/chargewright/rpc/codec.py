"""Text to frames and back (OCPP-J 4.2), and the classification of what is not quite a frame.

Well-formed frames take one decoding step. Everything else is read again, piece by piece, to find out whether it can
be used after all, whom it could answer, or which CALLERROR it earns. Nothing of a message's content is quoted in the
descriptions made here: they are sent and logged.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.classification import classify
from chargewright.protocol.v16.coding import DECODE_FAILURES, ENCODER, decode
from chargewright.protocol.v16.salvage import Deviation, Salvaged
from chargewright.rpc.errors import (
    DESCRIPTION_LENGTH,
    ERROR_OF_CODE,
    FormationViolation,
    RpcError,
    error_from_wire,
)
from chargewright.rpc.events import IgnoredReason
from chargewright.rpc.frames import (
    CALL,
    CALL_ID_LENGTH,
    CALLERROR,
    CALLRESULT,
    Call,
    CallError,
    CallResult,
    Frame,
    NumberId,
)

__all__ = [
    "ENCODE_FAILURES",
    "BadAnswer",
    "BadCall",
    "Salvage",
    "Unreadable",
    "call_frame",
    "error_frame",
    "read_error",
    "read_frame",
    "read_payload",
    "result_frame",
]

# The tolerant way into a message; raises one of DECODE_FAILURES when nothing can be salvaged.
Salvage = Callable[[type[Message], Raw], Salvaged]

# All that encoding a message of ours may raise: unknown types, integers beyond 64 bits, lone surrogates (a ValueError),
# what the hook does not know.
ENCODE_FAILURES: Final = (
    msgspec.MsgspecError,
    TypeError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,
)

# An id that is too long is echoed, since its sender knows no other, but not without bound.
_ECHOED_ID_LENGTH: Final = 255

_NULL: Final = b"null"
_EMPTY: Final = Raw(b"{}")
_ABSENT: Final = Raw(b"")


# Six at most are kept: a list would hold as many objects as a hostile message has commas.
class _Elements(msgspec.Struct, array_like=True, frozen=True, gc=False):
    first: Raw = _ABSENT
    second: Raw = _ABSENT
    third: Raw = _ABSENT
    fourth: Raw = _ABSENT
    fifth: Raw = _ABSENT
    sixth: Raw = _ABSENT


_frame_decoder: Final = msgspec.json.Decoder(Frame)
_elements_decoder: Final = msgspec.json.Decoder(_Elements)
_text_decoder: Final = msgspec.json.Decoder(str)
_any_decoder: Final = msgspec.json.Decoder()

# Type number, id and action at the beginning of broken JSON. An id has at most 36 characters, each at most
# `\uXXXX\uXXXX`; the longest name of an action is shorter.
_BEGINNING: Final = re.compile(
    rb'[ \t\r\n]*\[[ \t\r\n]*([234])(?:\.0+)?[ \t\r\n]*,[ \t\r\n]*("(?:[^"\\]|\\.){1,432}")'
    rb'(?:[ \t\r\n]*,[ \t\r\n]*("\w{1,50}"))?'
)
_SEPARATOR: Final = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_BLANKS: Final = b" \t\r\n"

# What msgspec says of a value without quoting it; other sentences may carry the value.
_QUOTES_NO_VALUE: Final = ("Expected ", "Object missing required field ", "Object contains unknown field ")


class BadCall(msgspec.Struct, frozen=True):
    """A CALL that cannot be processed, but can be answered with `error`."""

    call_id: str
    action_name: str
    error: RpcError


class BadAnswer(msgspec.Struct, frozen=True, gc=False):
    """A CALLRESULT or CALLERROR that cannot be read beyond its id."""

    call_id: str
    reason: str


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """A message that answers nobody and can be answered to nobody."""

    reason: IgnoredReason
    detail: str


def read_frame(message: bytes) -> Frame | BadCall | BadAnswer | Unreadable:
    """Read one message. Never raises for any bytes; keeps views of `message`, so it must be `bytes`."""
    try:
        frame: Frame = _frame_decoder.decode(message)
    except DECODE_FAILURES:
        return _read_odd_frame(message)
    return frame


def read_payload(kind: type[Message], payload: Raw, salvage: Salvage | None) -> tuple[Message, Sequence[Deviation]]:
    """The message in a payload, and its harmless deviations if `salvage` is given and was needed.

    `null` counts as the empty object (OCPP-J 4.2.1). Raises the `RpcError` that says what is wrong.
    """
    try:
        return decode(kind, payload), ()
    except DECODE_FAILURES as failure:
        beginning = bytes(memoryview(payload)[:5])
        if beginning == _NULL:
            return read_payload(kind, _EMPTY, salvage)
        if not beginning.startswith(b"{"):
            raise FormationViolation("the payload is not an object") from failure
        if salvage is None:
            raise _error_of(failure) from failure
    try:
        salvaged = salvage(kind, payload)
    except DECODE_FAILURES as failure:
        raise _error_of(failure) from failure
    return salvaged.message, salvaged.deviations


def _error_of(failure: Exception) -> RpcError:
    """The `RpcError` for one of `DECODE_FAILURES`."""
    return ERROR_OF_CODE[classify(failure)](_describe(failure))


def _describe(failure: Exception) -> str:
    """Say what is wrong without quoting the value that is wrong, in at most 255 characters."""
    if isinstance(failure, RecursionError):
        return "nested too deeply"
    if isinstance(failure, UnicodeDecodeError):
        return "a string is not UTF-8"
    if isinstance(failure, OverflowError):
        return "a number is out of range"
    sentence, found, place = str(failure).rpartition(" - at ")
    if not found:
        sentence, place = place, ""
    # A ValueError as the cause comes from a hook of the message room, which names the value.
    is_safe = sentence.startswith(_QUOTES_NO_VALUE) and not isinstance(failure.__cause__, ValueError)
    if isinstance(failure, msgspec.ValidationError) and not is_safe:
        sentence = "Value not allowed"
    return f"{sentence}{found}{place}"[:DESCRIPTION_LENGTH]


def call_frame(call_id: str, action_name: str, request: Message) -> bytes:
    """A CALL as sent; raises one of `ENCODE_FAILURES` when the request cannot be put into JSON."""
    return ENCODER.encode((CALL, call_id, action_name, request))


def result_frame(call_id: str, response: Message) -> bytes:
    """A CALLRESULT as sent; raises one of `ENCODE_FAILURES` when the response cannot be put into JSON."""
    return ENCODER.encode((CALLRESULT, _id_on_wire(call_id), response))


def error_frame(call_id: str, error: RpcError) -> bytes:
    """A CALLERROR as sent, its description cut to 255 characters.

    Where description or details cannot be encoded, the code goes out alone: the peer is owed an answer.
    """
    description = error.description[:DESCRIPTION_LENGTH]
    try:
        return ENCODER.encode((CALLERROR, _id_on_wire(call_id), error.code.value, description, dict(error.details)))
    except ENCODE_FAILURES:
        return ENCODER.encode((CALLERROR, _id_on_wire(call_id), error.code.value, "", {}))


def _id_on_wire(call_id: str) -> str | Raw:
    return Raw(call_id.encode()) if type(call_id) is NumberId else call_id


def read_error(frame: CallError) -> RpcError:
    """The `RpcError` that a peer's CALLERROR means; details that are no object are kept under the key `details`."""
    details: Any
    try:
        details = _any_decoder.decode(frame.details)
    except DECODE_FAILURES as failure:
        details = {"details": _describe(failure)}
    if details is None:
        details = {}
    elif not isinstance(details, Mapping):
        details = {"details": details}
    return error_from_wire(frame.code, frame.description, details)


def _read_odd_frame(message: bytes) -> Frame | BadCall | BadAnswer | Unreadable:
    """Classify what is not a frame at first sight."""
    try:
        found = _elements_decoder.decode(message)
    except msgspec.ValidationError as failure:
        return Unreadable(IgnoredReason.NOT_AN_ARRAY, _describe(failure))
    except DECODE_FAILURES as failure:
        return _read_beginning(message, _describe(failure))
    elements = [element for element in msgspec.structs.astuple(found) if element is not _ABSENT]
    if not elements:
        return Unreadable(IgnoredReason.NOT_AN_ARRAY, "the array is empty")
    values = [_plain(element) for element in elements[:3]]
    match values[0]:
        # JSON has one kind of number, so 2.0 is 2. That true counts as 1 here does no harm: 1 is no type either.
        case int() | float() as number:
            if number == CALL:
                return _read_odd_call(elements, values)
            if number in (CALLRESULT, CALLERROR):
                return _read_odd_answer(int(number), elements, values)
            return Unreadable(IgnoredReason.UNKNOWN_MESSAGE_TYPE, f"message type number {str(number)[:20]}")
    return Unreadable(IgnoredReason.UNKNOWN_MESSAGE_TYPE, "the message type is not a number")


def _read_odd_call(elements: list[Raw], values: list[Any]) -> Call | BadCall | Unreadable:
    """A CALL of the right type number with something else wrong."""
    action = values[2] if len(values) > 2 and isinstance(values[2], str) else ""
    match values[1:2]:
        case [str() as call_id] if 1 <= len(call_id) <= CALL_ID_LENGTH:
            pass
        case [str() as call_id]:
            length = f"the id has {len(call_id)} characters; 1 to {CALL_ID_LENGTH} are allowed"
            return BadCall(call_id[:_ECHOED_ID_LENGTH], action, FormationViolation(length))
        case [int() | float() as number] if not isinstance(number, bool):
            call_id = NumberId(bytes(elements[1]).decode("ascii"))
            if len(call_id) > CALL_ID_LENGTH:
                text = str(call_id)[:_ECHOED_ID_LENGTH]
                return BadCall(text, action, FormationViolation("the id is a number, and too long"))
        case [_]:
            return Unreadable(IgnoredReason.UNREADABLE_ID, "a CALL whose id is neither text nor a number")
        case _:
            return Unreadable(IgnoredReason.UNREADABLE_ID, "a CALL without id")
    if len(elements) != 4:
        return BadCall(call_id, action, FormationViolation(f"a CALL has 4 elements, not {_count(elements)}"))
    if not isinstance(values[2], str):
        return BadCall(call_id, "", FormationViolation("the action is not a string"))
    return Call(call_id, action, elements[3])


def _read_odd_answer(
    number: int, elements: list[Raw], values: list[Any]
) -> CallResult | CallError | BadAnswer | Unreadable:
    """A CALLRESULT or CALLERROR with something wrong."""
    kind = "CALLRESULT" if number == CALLRESULT else "CALLERROR"
    call_id = values[1] if len(values) > 1 else None
    if not isinstance(call_id, str):
        return Unreadable(IgnoredReason.UNREADABLE_ID, f"a {kind} without an id that is a string")
    if number == CALLRESULT:
        if len(elements) == 3:
            return CallResult(call_id, elements[2])
        return BadAnswer(call_id, f"a CALLRESULT has 3 elements, not {_count(elements)}")
    if len(elements) not in (4, 5):
        return BadAnswer(call_id, f"a CALLERROR has 5 elements, not {_count(elements)}")
    if not isinstance(values[2], str):
        return BadAnswer(call_id, "the error code is not a string")
    # The code is what matters; a description of another type is dropped.
    description = _plain(elements[3])
    if not isinstance(description, str):
        description = ""
    return CallError(call_id, values[2], description, elements[4] if len(elements) == 5 else _EMPTY)


def _read_beginning(message: bytes, reason: str) -> Call | CallResult | BadCall | BadAnswer | Unreadable:
    """Broken JSON: find the id, if the beginning still shows one.

    Where only the payload is broken (a raw control character, half of a surrogate pair, NaN) the frame is returned:
    decoding the payload fails, as it should, but salvaging may still save it.
    """
    beginning = _BEGINNING.match(message)
    if beginning is None:
        return Unreadable(IgnoredReason.NOT_JSON, reason)
    try:
        call_id = _text_decoder.decode(beginning[2])
    except DECODE_FAILURES:
        return Unreadable(IgnoredReason.NOT_JSON, reason)
    if len(call_id) > CALL_ID_LENGTH:
        return Unreadable(IgnoredReason.NOT_JSON, reason)
    number = int(beginning[1])
    if number == CALL:
        action = "" if beginning[3] is None else beginning[3][1:-1].decode("ascii")
        payload = _object_to_the_end(message, beginning.end(3)) if action else None
        return (
            BadCall(call_id, action, FormationViolation(reason)) if payload is None else Call(call_id, action, payload)
        )
    payload = _object_to_the_end(message, beginning.end(2)) if number == CALLRESULT else None
    return BadAnswer(call_id, reason) if payload is None else CallResult(call_id, payload)


def _object_to_the_end(message: bytes, begin: int) -> Raw | None:
    """What stands between a comma at `begin` and the closing bracket of the frame, if it looks like an object."""
    separator = _SEPARATOR.match(message, begin)
    trimmed = message.rstrip(_BLANKS)
    if separator is None or not trimmed.endswith(b"]"):
        return None
    payload = trimmed[separator.end() : -1].rstrip(_BLANKS)
    return Raw(payload) if payload.endswith(b"}") else None


def _count(elements: list[Raw]) -> str:
    return str(len(elements)) if len(elements) < 6 else "6 or more"


def _plain(element: Raw) -> Any:
    """The Python value of an element; None for what has none that could matter (and for `null`)."""
    try:
        return _any_decoder.decode(element)
    except DECODE_FAILURES:
        return None
