"""What tolerant reading found wrong, in words that can be counted per station."""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["IS_LOSSY", "Deviation", "DeviationKind"]


class DeviationKind(enum.StrEnum):
    """What was found; in the comments what was made of it."""

    UNKNOWN_FIELD = "unknown-field"  # dropped
    FIELD_NAME = "field-name"  # other letter case, or the name of OCPP 1.5: read as the field of 1.6
    DUPLICATE_FIELD = "duplicate-field"  # the last one counts
    NULL = "null"  # an optional field with null, "null" or nothing in it: absent; an errorCode: NoError
    UNREADABLE_FIELD = "unreadable-field"  # an optional field of a station's report: absent
    SINGLE_ITEM = "single-item"  # where a list belongs: a list of one
    ITEM_LEFT_OUT = "item-left-out"  # a sample or meter value that cannot be read, or would be misread
    TOO_LONG = "too-long"  # cut
    CONTROL_CHARACTERS = "control-characters"  # removed from an id tag; NUL and lone surrogates replaced elsewhere
    NUMBER_AS_TEXT = "number-as-text"  # a JSON number where text belongs: its digits as written
    OBJECT_AS_TEXT = "object-as-text"  # JSON where text that holds JSON belongs
    TEXT_AS_NUMBER = "text-as-number"  # text where a number belongs
    TEXT_AS_BOOLEAN = "text-as-boolean"  # text, 0 or 1 where a boolean belongs
    FRACTION = "fraction"  # more decimal places than allowed: those of a meter are cut, a rate is rounded
    NUMBER_FORM = "number-form"  # a whole number written with a point or an exponent
    TOO_LARGE = "too-large"  # an integer beyond 64 bits: a meter is clamped, transactionId and connectorId become -1
    UNREADABLE_TRANSACTION = "unreadable-transaction"  # a transactionId that is none, or is missing: -1
    UNREADABLE_REQUIRED = "unreadable-required"  # a field that a transaction message needs: see `salvage`
    LETTER_CASE = "letter-case"  # a word in other letter case: the right word
    OTHER_WORD = "other-word"  # of OCPP 1.5, or of the specification's text, which means a word of 1.6
    UNKNOWN_WORD = "unknown-word"  # in a sample: dropped; elsewhere: read as `Other` or `OtherError`
    TIME_UNREADABLE = "time-unreadable"  # `Timestamp.unreadable`: use the time of receipt
    TIME_TOO_LONG = "time-too-long"  # what stands for a time is cut to 200 characters
    TIME_FORM = "time-form"  # white space around a time


_KIND = DeviationKind
# Whether what was sent cannot be told any more from the repaired message. Who stores one should then store the text as
# sent beside it.
IS_LOSSY: Final[Mapping[str, bool]] = {
    _KIND.UNKNOWN_FIELD: True,
    _KIND.FIELD_NAME: False,
    _KIND.DUPLICATE_FIELD: True,
    _KIND.NULL: False,
    _KIND.UNREADABLE_FIELD: True,
    _KIND.SINGLE_ITEM: False,
    _KIND.ITEM_LEFT_OUT: True,
    _KIND.TOO_LONG: True,
    _KIND.CONTROL_CHARACTERS: True,
    _KIND.NUMBER_AS_TEXT: False,
    _KIND.OBJECT_AS_TEXT: False,
    _KIND.TEXT_AS_NUMBER: False,
    _KIND.TEXT_AS_BOOLEAN: False,
    _KIND.FRACTION: True,
    _KIND.NUMBER_FORM: False,
    _KIND.TOO_LARGE: True,
    _KIND.UNREADABLE_TRANSACTION: True,
    _KIND.UNREADABLE_REQUIRED: True,
    _KIND.LETTER_CASE: False,
    _KIND.OTHER_WORD: False,
    _KIND.UNKNOWN_WORD: True,
    _KIND.TIME_UNREADABLE: False,  # its text is kept
    _KIND.TIME_TOO_LONG: True,
    _KIND.TIME_FORM: False,
}


class Deviation(msgspec.Struct, frozen=True, gc=False):
    """One kind of deviation at one field: `field` is the path of the first place, as in
    `meterValue[0].sampledValue[2].unit`, `sample` what stood there, at most 200 characters."""

    kind: str
    field: str
    sample: str

    @property
    def is_lossy(self) -> bool:
        """Whether something that was sent is lost in the repaired message."""
        return IS_LOSSY[self.kind]
