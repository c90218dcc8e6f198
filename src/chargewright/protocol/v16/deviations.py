"""What tolerant reading found wrong, in words that can be counted per station."""

import enum

import msgspec

__all__ = ["Deviation", "DeviationKind"]


class DeviationKind(enum.StrEnum):
    """What was found; in the comments what was made of it."""

    UNKNOWN_FIELD = "unknown-field"  # dropped
    FIELD_NAME = "field-name"  # other letter case, or the name of OCPP 1.5: read as the field of 1.6
    DUPLICATE_FIELD = "duplicate-field"  # the last one counts
    NULL = "null"  # an optional field with null, "null" or nothing in it: absent
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
    TOO_LARGE = "too-large"  # an integer beyond 64 bits: a meter is clamped, a transactionId becomes -1
    UNREADABLE_TRANSACTION = "unreadable-transaction"  # a transactionId that is none, or is missing: -1
    LETTER_CASE = "letter-case"  # a word in other letter case: the right word
    OTHER_WORD = "other-word"  # a word of OCPP 1.5, or one that is read as `Other` or `OtherError`
    UNKNOWN_WORD = "unknown-word"  # in a sample: dropped
    TIME_UNREADABLE = "time-unreadable"  # `Timestamp.unreadable`: use the time of receipt
    TIME_FORM = "time-form"  # white space around a time


class Deviation(msgspec.Struct, frozen=True, gc=False):
    """One kind of deviation at one field: `field` is the path of the first place, as in
    `meterValue[0].sampledValue[2].unit`, `sample` what stood there, at most 200 characters."""

    kind: str
    field: str
    sample: str
