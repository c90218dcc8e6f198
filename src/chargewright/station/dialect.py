"""How other stations speak: deviations that are seen in the field, put on what a station of ours says.

For makers of central systems, who can try them without the hardware. A dialect changes how messages are written, and
a few habits of the connection; what is said stays true. Several can be spoken at once.
"""

import enum
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.base import UNSET

__all__ = ["DESCRIPTIONS", "Dialect", "Translator", "dialects", "numbered_call_ids"]


class Dialect(enum.StrEnum):
    """One deviation."""

    DECIMAL_IDS = "decimal-ids"
    NUMBER_IDS = "number-ids"
    REPEATED_IDS = "repeated-ids"
    BLANKS = "blanks"
    TIMES_WITHOUT_FRACTIONS = "times-without-fractions"
    TIMES_WITH_MICROSECONDS = "times-with-microseconds"
    TIMES_WITHOUT_ZONE = "times-without-zone"
    TIMES_WITH_OFFSET = "times-with-offset"
    WITHOUT_OPTIONAL_FIELDS = "without-optional-fields"
    NULL_PAYLOADS = "null-payloads"
    NULL_FIELDS = "null-fields"
    DEFLATE_OFFERED = "deflate-offered"
    BOOT_ON_RECONNECT = "boot-on-reconnect"
    STATUSES_REVERSED = "statuses-reversed"


DESCRIPTIONS: Final = {
    Dialect.DECIMAL_IDS: 'message ids are decimal numbers, as text: "17"',
    Dialect.NUMBER_IDS: "message ids are JSON numbers, not text: 17",
    Dialect.REPEATED_IDS: "message ids begin at 1 again after each boot",
    Dialect.BLANKS: "blanks and line breaks between the elements of the JSON",
    Dialect.TIMES_WITHOUT_FRACTIONS: "time stamps in whole seconds: 2026-01-01T12:00:00Z",
    Dialect.TIMES_WITH_MICROSECONDS: "time stamps with six decimals: 2026-01-01T12:00:00.000000Z",
    Dialect.TIMES_WITHOUT_ZONE: "time stamps without a zone, meant as UTC: 2026-01-01T12:00:00",
    Dialect.TIMES_WITH_OFFSET: "time stamps of a zone of its own, two hours ahead: 2026-01-01T14:00:00+02:00",
    Dialect.WITHOUT_OPTIONAL_FIELDS: "no field that may be left out, but those that a bill needs",
    Dialect.NULL_PAYLOADS: "null where a payload is empty",
    Dialect.NULL_FIELDS: "null for fields that are not set, instead of leaving them out",
    Dialect.DEFLATE_OFFERED: "offers permessage-deflate when it connects",
    Dialect.BOOT_ON_RECONNECT: "BootNotification after every reconnect, not only after a boot",
    Dialect.STATUSES_REVERSED: "statuses after a boot from the last connector to the first, the station itself last",
}

_EXCLUSIVE: Final = (
    {Dialect.DECIMAL_IDS, Dialect.NUMBER_IDS},
    {
        Dialect.TIMES_WITHOUT_FRACTIONS,
        Dialect.TIMES_WITH_MICROSECONDS,
        Dialect.TIMES_WITHOUT_ZONE,
        Dialect.TIMES_WITH_OFFSET,
    },
    {Dialect.WITHOUT_OPTIONAL_FIELDS, Dialect.NULL_FIELDS},
)
_TIMES: Final = _EXCLUSIVE[1]
# Of a frame as text; the rest of what a dialect is, the station does itself.
_WRITTEN: Final = frozenset({*_TIMES, *_EXCLUSIVE[2], Dialect.NUMBER_IDS, Dialect.BLANKS, Dialect.NULL_PAYLOADS})
# Without these a transaction could not be told, or its energy would be lost.
_KEPT: Final = frozenset({"transactionId", "transactionData", "reservationId"})
_ZONE_AHEAD: Final = timezone(timedelta(hours=2))
_CALL, _RESULT = 2, 3

_READER: Final = msgspec.json.Decoder(float_hook=Decimal)
_WRITER: Final = msgspec.json.Encoder(decimal_format="number")


def dialects(names: Iterable[str]) -> frozenset[Dialect]:
    """The dialects of these names; raises `ConfigurationError` for an unknown one, and for two that cannot both be."""
    chosen = set()
    for name in names:
        try:
            chosen.add(Dialect(name))
        except ValueError:
            known = ", ".join(dialect.value for dialect in Dialect)
            raise ConfigurationError("--dialect", "", name, f"one of {known}") from None
    for group in _EXCLUSIVE:
        if len(both := sorted(chosen & group)) > 1:
            raise ConfigurationError("--dialect", "", " and ".join(both), "one of them: they contradict each other")
    return frozenset(chosen)


def numbered_call_ids(prefix: str, boot: int, spoken: frozenset[Dialect]) -> Iterator[str]:
    """Message ids of one boot: unique over all boots of the station (OCPP-J 4.1.4), unless the dialect repeats them."""
    decimal = not spoken.isdisjoint({Dialect.DECIMAL_IDS, Dialect.NUMBER_IDS})
    number = 0 if Dialect.REPEATED_IDS in spoken or not decimal else boot * 1_000_000_000
    while True:
        number += 1
        if decimal:
            yield str(number)
        else:
            yield str(number) if Dialect.REPEATED_IDS in spoken else f"{prefix}-{boot}-{number}"


class Translator:
    """Rewrites the messages of a station, one by one; does nothing where no dialect concerns their text."""

    def __init__(self, spoken: frozenset[Dialect]) -> None:
        self._spoken = spoken
        self._is_needed = not spoken.isdisjoint(_WRITTEN)
        self._rewrite_time = next((_TIME_FORMS[item] for item in _TIMES if item in spoken), None)

    def outgoing(self, message: bytes) -> bytes:
        """The same message as the dialect writes it."""
        if not self._is_needed:
            return message
        frame = _READER.decode(message)
        place = 3 if frame[0] == _CALL else 2 if frame[0] == _RESULT else None
        if place is not None:
            frame[place] = self._payload(frame[place], frame[2] if frame[0] == _CALL else None)
        if Dialect.NUMBER_IDS in self._spoken and frame[0] == _CALL:
            frame[1] = int(frame[1])
        if Dialect.BLANKS in self._spoken:
            return json.dumps(json.loads(_WRITER.encode(frame)), indent=1).encode()
        return _WRITER.encode(frame)

    def incoming(self, message: bytes) -> bytes:
        """An answer to a message id that was a number carries that number: it is made text again."""
        if Dialect.NUMBER_IDS not in self._spoken:
            return message
        try:
            frame = _READER.decode(message)
        except msgspec.DecodeError:
            return message  # whoever reads it next tells what is wrong with it
        if isinstance(frame, list) and len(frame) > 1 and type(frame[1]) is int:
            frame[1] = str(frame[1])
            return _WRITER.encode(frame)
        return message

    def _payload(self, payload: dict[str, Any], action: str | None) -> dict[str, Any] | None:
        if self._rewrite_time is not None:
            _rewrite_times(payload, self._rewrite_time)
        if action is not None:
            if Dialect.WITHOUT_OPTIONAL_FIELDS in self._spoken:
                for name in _optional_fields(action):
                    payload.pop(name, None)
                _strip_samples(payload)
            if Dialect.NULL_FIELDS in self._spoken:
                payload = payload | {name: None for name in _optional_fields(action) if name not in payload}
        if not payload and Dialect.NULL_PAYLOADS in self._spoken:
            return None
        return payload


@cache
def _optional_fields(action: str) -> tuple[str, ...]:
    """The fields of its request that may be left out, and carry nothing that a bill needs."""
    fields = msgspec.structs.fields(ACTIONS[action].request)
    return tuple(field.encode_name for field in fields if field.default is UNSET and field.encode_name not in _KEPT)


def _strip_samples(payload: dict[str, Any]) -> None:
    for meter_value in payload.get("meterValue", []) + payload.get("transactionData", []):
        for sampled in meter_value["sampledValue"]:
            for name in ("context", "format", "location"):
                sampled.pop(name, None)


def _rewrite_times(value: Any, rewrite: Callable[[datetime], str]) -> None:
    """All fields named timestamp, at any depth."""
    if isinstance(value, list):
        for item in value:
            _rewrite_times(item, rewrite)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "timestamp" and isinstance(item, str):
                value[name] = rewrite(datetime.fromisoformat(item).astimezone(UTC))
            else:
                _rewrite_times(item, rewrite)


_TIME_FORMS: Final[dict[Dialect, Callable[[datetime], str]]] = {
    Dialect.TIMES_WITHOUT_FRACTIONS: lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
    Dialect.TIMES_WITH_MICROSECONDS: lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z",
    Dialect.TIMES_WITHOUT_ZONE: lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}",
    Dialect.TIMES_WITH_OFFSET: lambda moment: moment.astimezone(_ZONE_AHEAD).isoformat(timespec="seconds"),
}
