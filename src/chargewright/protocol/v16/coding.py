"""JSON to messages and back, strictly. The hot path of every product: one dictionary look-up around msgspec."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

import msgspec

from chargewright.protocol.v16.base import Message, decode_hook, encode_hook

__all__ = ["DECODE_FAILURES", "ENCODER", "decode", "encode"]

MessageType = TypeVar("MessageType", bound=Message)

# All that `decode` raises on bad input; `classification.classify` gives each its error code.
DECODE_FAILURES: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError)

# Encodes a message alone or inside a frame: ENCODER.encode((3, "id", message)).
ENCODER: Final = msgspec.json.Encoder(enc_hook=encode_hook, decimal_format="number")

_find_backslash: Final = re.compile(rb"\\").search  # takes a view, `in` would need a copy
_GENERIC: Final = msgspec.json.Decoder()
_ID_TAGS: Final = frozenset({"idTag", "parentIdTag"})
_decoders: Final[dict[type[Message], msgspec.json.Decoder[Any]]] = {}


def decode(kind: type[MessageType], payload: bytes | msgspec.Raw) -> MessageType:
    """Read the payload of a frame as a `kind`; raises one of `DECODE_FAILURES`.

    As the JSON schema says, and three things that a schema cannot say: no integer beyond 64 bits, no NUL in any
    string, no control character in an id tag (§7.28).
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, dec_hook=decode_hook, float_hook=_read_fraction)
    message: MessageType = decoder.decode(payload)
    # A control character cannot stand in JSON text but behind a backslash, which most payloads lack.
    if _find_backslash(payload):
        _refuse_control_characters(_GENERIC.decode(payload), "$", False)
    return message


def encode(message: Message) -> bytes:
    """The JSON text of a message; absent fields are left out, rates are numbers."""
    return ENCODER.encode(message)


def _read_fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise msgspec.ValidationError(f"Number out of range: {text[:40]}") from None


def _refuse_control_characters(value: Any, path: str, is_id_tag: bool) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise msgspec.ValidationError(f"Expected `str` without NUL - at `{path}`")
        if is_id_tag and min(value, default=" ") < " ":
            raise msgspec.ValidationError(f"Expected `str` without control characters - at `{path}`")
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_control_characters(item, f"{path}.{name}", name in _ID_TAGS)
    elif isinstance(value, list):
        for item in value:
            _refuse_control_characters(item, f"{path}[...]", False)
