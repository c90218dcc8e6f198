"""The tolerant way into a message: what is harmless is repaired and recorded, all else fails as in strict decoding.

Nothing that strict decoding accepts is changed. Requests that only the CSMS sends are not repaired at all: an order is
either understood as a whole or refused. A word is never dropped where its absence would mean something else: a
sample whose measurand is not known is left out, for without the word it would count as imported energy.

Start-, StopTransaction and MeterValues are read whatever their fields hold, for a station that is refused discards them
at last, and with them the bill. Where a field is needed and cannot be read, a value of `repairs.STANDS_FOR` stands in
for it, and a lossy deviation says so: who stores the message keeps the text as sent.
"""

import enum
import functools
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, inspect

from chargewright.protocol.v16 import core, datatypes
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST, Role
from chargewright.protocol.v16.base import INT64_MAX, INT64_MIN, ChargingRate, Message, Timestamp, decode_hook
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode
from chargewright.protocol.v16.deviations import IS_LOSSY, Deviation, DeviationKind
from chargewright.protocol.v16.repairs import (
    ANY_OTHER_WORD,
    CONNECTORS,
    DATA,
    FIELD_NAMES,
    MAY_BE_CUT,
    MEANT_BY_NOTHING,
    METER_READINGS,
    NO_CONNECTOR,
    NO_TRANSACTION,
    REPORTS,
    STANDS_FOR,
    TIME_OF_RECEIPT,
    TRANSACTION_IDS,
    TRANSACTION_MESSAGES,
    WORDS,
)
from chargewright.protocol.v16.tolerant_json import Number, Object, json_text, printable, read_json

__all__ = ["SALVAGE_BYTES", "Deviation", "Salvaged", "salvage"]

# What is larger fails as it is, transaction messages excepted. Salvage takes about 0.3 s per MiB of the caller's
# thread, and no station has a reason to say more than this in a message that needs it.
SALVAGE_BYTES: Final = 64 * 1024
_DEVIATIONS: Final = 100
_SAMPLE_LENGTH: Final = 200
_NAME_LENGTH: Final = 50


class Salvaged(msgspec.Struct, frozen=True):
    """A message, and what was repaired in it; the first of each kind and field, at most 100, and one more where only
    that one is lossy."""

    message: Message
    deviations: tuple[Deviation, ...]


def salvage(kind: type[Message], payload: bytes | msgspec.Raw) -> Salvaged:
    """Read the payload as a `kind`, repairing what is harmless.

    Raises the failure of `coding.decode`, one of `DECODE_FAILURES`, when that is not enough. Required times of Start-,
    StopTransaction, MeterValues and SecurityEventNotification never fail: see `Timestamp.unreadable`. Of the first
    three nothing fails that is a JSON object, nested no deeper than the interpreter allows (some 900 levels), and of
    any size; their unreadable connectorId and transactionId are -1, their meterStart and meterStop 0, their idTag
    empty, their meterValue an empty list.
    """
    try:
        return Salvaged(decode(kind, payload), ())
    except DECODE_FAILURES:
        salvaged = _repaired(kind, bytes(payload))
        if salvaged is None:
            raise
        return salvaged


class _Unsalvageable(Exception):
    """Repairing this would not be harmless."""


class _Place(NamedTuple):
    """Where a value stands: field `name` of the struct `owner`."""

    owner: type[Message]
    name: str
    path: str


_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,400}(\.\d{0,400})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_INDEX: Final = re.compile(r"\[\d+\]")
_UNKNOWN_WORD: Final = object()
_TENTH: Final = Decimal("0.1")


def _repaired(kind: type[Message], payload: bytes) -> Salvaged | None:
    action = ACTION_OF_REQUEST.get(kind)
    if len(payload) > SALVAGE_BYTES and kind not in TRANSACTION_MESSAGES:
        return None
    if action is not None and Role.STATION not in action.sent_by:
        return None
    reading = _Reading()
    try:
        value = reading.read_object(kind, read_json(payload), "")
        message = msgspec.convert(value, kind, dec_hook=_convert_hook)
    except (_Unsalvageable, RecursionError, ValueError):  # ValidationError and UnicodeDecodeError are ValueErrors
        return None
    return Salvaged(message, tuple(reading.deviations.values()))


def _convert_hook(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else decode_hook(kind, value)


@functools.cache
def _fields_of(kind: type[Message]) -> dict[str, inspect.Field]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field for field in described.fields}


@functools.cache
def _names_of(kind: type[Message]) -> dict[str, str]:
    return {name.casefold(): name for name in _fields_of(kind)}


@functools.cache
def _words_of(kind: type[enum.Enum]) -> dict[str, str]:
    return {word.value.casefold(): word.value for word in kind}


class _Reading:
    """One message being repaired: methods take what `read_json` made, and return what `msgspec.convert` takes."""

    def __init__(self) -> None:
        self.deviations: dict[tuple[str, str], Deviation] = {}
        self._is_lossy = False

    def note(self, kind: DeviationKind, path: str, value: Any) -> None:
        key = (kind.value, _INDEX.sub("", path))
        is_first_loss = IS_LOSSY[kind] and not self._is_lossy
        if key not in self.deviations and (len(self.deviations) < _DEVIATIONS or is_first_loss):
            self.deviations[key] = Deviation(kind.value, path, _sample_of(value))
            self._is_lossy = self._is_lossy or is_first_loss

    def read_object(self, kind: type[Message], value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Object):
            raise _Unsalvageable
        fields, names, prefix = _fields_of(kind), _names_of(kind), f"{path}." if path else ""
        given = {name: item for name, item in value.items() if name in fields}
        for name, item in value.items():
            if name not in fields:
                right_name = FIELD_NAMES.get((kind, name)) or names.get(name.casefold())
                known = right_name is not None and right_name not in given
                if right_name is not None and known:
                    given[right_name] = item
                shown = prefix + printable(name[:_NAME_LENGTH])
                self.note(DeviationKind.FIELD_NAME if known else DeviationKind.UNKNOWN_FIELD, shown, item)
        for name in value.duplicates:
            self.note(DeviationKind.DUPLICATE_FIELD, prefix + printable(name[:_NAME_LENGTH]), value[name])
        result = {}
        for name, field in fields.items():
            place = _Place(kind, name, prefix + name)
            item = self.read_field(field, given[name], place) if name in given else self.absent(place, None)
            if item is not UNSET:
                result[name] = item
            elif field.required:
                raise _Unsalvageable
        return result

    def read_field(self, field: inspect.Field, value: Any, place: _Place) -> Any:
        if _is_nothing(field.type, value):
            if not field.required:
                self.note(DeviationKind.NULL, place.path, value)
                return UNSET
            if (place.owner, place.name) in MEANT_BY_NOTHING:
                self.note(DeviationKind.NULL, place.path, value)
                return MEANT_BY_NOTHING[place.owner, place.name]
            return self.absent(place, value)
        try:
            return self.read_value(field.type, value, place)
        except _Unsalvageable:
            if field.required:
                return self.unreadable(place, value)
            if place.owner not in REPORTS:
                raise
            self.note(DeviationKind.UNREADABLE_FIELD, place.path, value)
            return UNSET

    def unreadable(self, place: _Place, value: Any) -> Any:
        """What stands for a required field of a transaction message."""
        stands = STANDS_FOR.get((place.owner, place.name))
        if stands is None:
            raise _Unsalvageable
        self.note(DeviationKind.UNREADABLE_REQUIRED, place.path, value)
        return stands

    def absent(self, place: _Place, value: Any) -> Any:
        """What stands in for a field that is not there, where something can; else UNSET."""
        key = (place.owner, place.name)
        if key in STANDS_FOR:
            return self.unreadable(place, value)
        if key in TIME_OF_RECEIPT:
            self.note(DeviationKind.TIME_UNREADABLE, place.path, value)
            return Timestamp.unreadable("")
        if key == (core.StopTransactionRequest, "transactionId"):
            self.note(DeviationKind.UNREADABLE_TRANSACTION, place.path, value)
            return NO_TRANSACTION
        return UNSET

    def read_value(self, node: inspect.Type, value: Any, place: _Place) -> Any:
        match node:
            case inspect.StructType(cls=kind) if issubclass(kind, Message):
                return self.read_object(kind, value, place.path)
            case inspect.ListType():
                return self.read_list(node, value, place)
            case inspect.StrType():
                return self.read_string(node, value, place)
            case inspect.EnumType(cls=kind):
                return self.read_word(kind, value, place)
            case inspect.IntType():
                return self.read_integer(value, place)
            case inspect.BoolType():
                return self.read_boolean(value, place)
            case inspect.CustomType(cls=kind) if kind is Timestamp:
                return self.read_time(value, place)
            case inspect.CustomType(cls=kind) if kind is ChargingRate:
                return self.read_rate(value, place)
        raise NotImplementedError(f"no tolerant reading for {node!r}")

    def read_list(self, node: inspect.ListType, value: Any, place: _Place) -> list[Any]:
        if isinstance(value, Object) or (isinstance(value, str) and isinstance(node.item_type, inspect.StrType)):
            self.note(DeviationKind.SINGLE_ITEM, place.path, value)
            value = [value]
        if not isinstance(value, list):
            raise _Unsalvageable
        kind = node.item_type.cls if isinstance(node.item_type, inspect.StructType) else None
        result: list[Any] = []
        for index, item in enumerate(value):
            here = place._replace(path=f"{place.path}[{index}]")
            if kind is datatypes.MeterValue and isinstance(item, Object) and _is_wrapper_of_1_5(item):
                self.note(DeviationKind.FIELD_NAME, f"{here.path}.values", item)
                inner = here._replace(path=f"{here.path}.values")
                result += self.read_list(node, item["values"], inner)
                continue
            try:
                if kind is datatypes.SampledValue:
                    result.append(self.read_sample(item, here.path))
                else:
                    result.append(self.read_value(node.item_type, item, here))
            except _Unsalvageable:
                if kind not in (datatypes.SampledValue, datatypes.MeterValue):
                    raise
                self.note(DeviationKind.ITEM_LEFT_OUT, here.path, item)
        return result

    def read_sample(self, value: Any, path: str) -> dict[str, Any]:
        if isinstance(value, str):
            self.note(DeviationKind.OTHER_WORD, path, value)
            value = Object([("value", value)])
        result = self.read_object(datatypes.SampledValue, value, path)
        lost = {name for name, item in result.items() if item is _UNKNOWN_WORD}
        kept = {name: item for name, item in result.items() if item is not _UNKNOWN_WORD}
        # Absent, these words have defaults (§7.43) that would turn the value into another amount of energy.
        if lost - {"context"} and ("measurand" in lost or kept.get("measurand", "Energy.").startswith("Energy.")):
            raise _Unsalvageable
        return kept

    def read_string(self, node: inspect.StrType, value: Any, place: _Place) -> str:
        if isinstance(value, Number):
            self.note(DeviationKind.NUMBER_AS_TEXT, place.path, value)
        elif isinstance(value, bool):
            self.note(DeviationKind.NUMBER_AS_TEXT, place.path, value)
            value = json_text(value)
        elif not isinstance(value, str):
            if (place.owner, place.name) not in DATA:
                raise _Unsalvageable
            self.note(DeviationKind.OBJECT_AS_TEXT, place.path, value)
            value = json_text(value)
        text = printable(str(value))
        if place.name in ("idTag", "parentIdTag"):
            text = "".join(character for character in text if character >= " " and character != "\ufffd")
        if text != value:
            self.note(DeviationKind.CONTROL_CHARACTERS, place.path, value)
        if node.max_length is not None and len(text) > node.max_length:
            if (place.owner, place.name) not in MAY_BE_CUT:
                raise _Unsalvageable
            self.note(DeviationKind.TOO_LONG, place.path, value)
            text = text[: node.max_length]
        return text

    def read_word(self, kind: type[enum.Enum], value: Any, place: _Place) -> Any:
        if type(value) is not str:
            raise _Unsalvageable
        words = _words_of(kind)
        text = value.strip().casefold()
        if text in words:
            if words[text] != value:
                self.note(DeviationKind.LETTER_CASE, place.path, value)
            return words[text]
        other_word = WORDS.get(kind, {}).get(text)
        if other_word is not None:
            self.note(DeviationKind.OTHER_WORD, place.path, value)
            return other_word
        any_other_word = ANY_OTHER_WORD.get((place.owner, place.name))
        if any_other_word is None and place.owner is not datatypes.SampledValue:
            raise _Unsalvageable
        self.note(DeviationKind.UNKNOWN_WORD, place.path, value)
        return any_other_word or _UNKNOWN_WORD

    def read_integer(self, value: Any, place: _Place) -> int:
        key = (place.owner, place.name)
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            return self.no_integer(value, place)
        exact = Decimal(value.strip())
        if type(value) is str:
            self.note(DeviationKind.TEXT_AS_NUMBER, place.path, value)
        if not INT64_MIN <= exact <= INT64_MAX:
            if key in TRANSACTION_IDS or key in CONNECTORS:
                self.note(DeviationKind.TOO_LARGE, place.path, value)
                return NO_TRANSACTION if key in TRANSACTION_IDS else NO_CONNECTOR
            if key in METER_READINGS:
                self.note(DeviationKind.TOO_LARGE, place.path, value)
                return INT64_MAX if exact > 0 else INT64_MIN
            raise _Unsalvageable
        whole = int(exact)
        if whole != exact and key not in METER_READINGS:
            return self.no_integer(value, place)
        if whole != exact:
            self.note(DeviationKind.FRACTION, place.path, value)
        elif not value.strip().lstrip("+-").isdigit():
            self.note(DeviationKind.NUMBER_FORM, place.path, value)
        return whole

    def no_integer(self, value: Any, place: _Place) -> int:
        if (place.owner, place.name) not in TRANSACTION_IDS:
            raise _Unsalvageable
        self.note(DeviationKind.UNREADABLE_TRANSACTION, place.path, value)
        return NO_TRANSACTION

    def read_boolean(self, value: Any, place: _Place) -> bool:
        if isinstance(value, bool):
            return value
        text = value.strip().casefold() if isinstance(value, str) else ""
        if text not in ("true", "false", "1", "0"):
            raise _Unsalvageable
        self.note(DeviationKind.TEXT_AS_BOOLEAN, place.path, value)
        return text in ("true", "1")

    def read_time(self, value: Any, place: _Place) -> Timestamp:
        stamp = _time_or_none(value)
        if stamp is not None:
            if stamp.text != value:
                self.note(DeviationKind.TIME_FORM, place.path, value)
            return stamp
        if (place.owner, place.name) not in TIME_OF_RECEIPT:
            raise _Unsalvageable
        self.note(DeviationKind.TIME_UNREADABLE, place.path, value)
        text = _text_of(value)
        if len(text) > _SAMPLE_LENGTH:
            self.note(DeviationKind.TIME_TOO_LONG, place.path, value)
        return Timestamp.unreadable(printable(text[:_SAMPLE_LENGTH]))

    def read_rate(self, value: Any, place: _Place) -> Decimal:
        if not isinstance(value, str):
            raise _Unsalvageable
        try:
            exact = Decimal(value.strip())
            rounded = exact.quantize(_TENTH)
        except InvalidOperation:
            raise _Unsalvageable from None
        if type(value) is str:
            self.note(DeviationKind.TEXT_AS_NUMBER, place.path, value)
        if rounded != exact:
            self.note(DeviationKind.FRACTION, place.path, value)
            return rounded
        return exact


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json_text(value)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _sample_of(value: Any) -> str:
    return printable(_text_of(value)[:_SAMPLE_LENGTH])


def _is_nothing(node: inspect.Type, value: Any) -> bool:
    """Whether the value says that there is none; in a string the letters of null are a string."""
    if isinstance(value, str):
        return not isinstance(node, inspect.StrType) and value.strip().casefold() in ("", "null")
    return value is None or (value == [] and isinstance(node, inspect.ListType) and bool(node.min_length))


def _time_or_none(value: Any) -> Timestamp | None:
    if type(value) is not str:
        return None
    try:
        return Timestamp.parse(value.strip())
    except ValueError:
        return None


def _is_wrapper_of_1_5(item: Object) -> bool:
    """OCPP 1.5 puts the meter values of a StopTransaction one level deeper."""
    return "timestamp" not in item and isinstance(item.get("values"), list)
