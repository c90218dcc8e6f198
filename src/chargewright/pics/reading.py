"""How the printed cells of certificates are read: closed tables of accepted spellings, and nothing by guess.

Certificates are typed by hand and scanned: one prints its No in Greek letters, one a letter O for a zero, one breaks
words. Each such spelling that was seen is a row here. Any other text is refused, so that a glyph nobody has looked at
never turns into a Yes.
"""

import datetime
import enum
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from chargewright.errors import ConfigurationError
from chargewright.pics.enumerations import (
    Answer,
    Cable,
    CipherSuite,
    ConnectorType,
    Current,
    FileTransferProtocol,
    Phases,
    RfidReaders,
    Technology,
    TestResult,
)
from chargewright.protocol.v16.datatypes import Measurand

__all__ = [
    "WORDINGS",
    "Cell",
    "name_odd_characters",
    "read_answer",
    "read_date",
    "read_float",
    "read_integer",
    "read_like",
    "read_seconds",
    "read_text",
    "read_wording",
]

Enumeration = TypeVar("Enumeration", bound=enum.Enum)


def _printed(enumeration: type[Enumeration], odd: Mapping[str, Enumeration] | None = None) -> dict[str, Enumeration]:
    return {member.value: member for member in enumeration} | dict(odd or {})


# Spellings seen on certificates, beside the values themselves.
ANSWERS: Final = _printed(
    Answer,
    {
        "Νο": Answer.NO,  # GREEK CAPITAL LETTER NU, GREEK SMALL LETTER OMICRON
        "True": Answer.YES,  # F-1
    },
)
# `Supported` is our own word for a claim without a certificate; a certificate prints none.
RESULTS: Final = {result.value: result for result in TestResult if result is not TestResult.SUPPORTED}
TECHNOLOGIES: Final = _printed(
    Technology,
    {
        "WiFi": Technology.WIFI,
        "Mobile Network": Technology.MOBILE_NETWORK,
        "Ethernet Linemet": Technology.ETHERNET,  # the word, and the same word misread from the line below it
    },
)
NUMBERS: Final[Mapping[str, float]] = {"O.61": 0.61}  # the letter O
MEASURANDS: Final = _printed(Measurand)
BROKEN_WORDS: Final[Mapping[str, str]] = {
    "Energy.Reactive.Export.Regist er": "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Regist er": "Energy.Reactive.Import.Register",
}
# Where certificates word a row or a header differently, or differently from the specification: row → {printed: meant}.
WORDINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "AQ-1": {
        "CentralSystemRootCertificate": "CentralSystemRootCertificate",
        "CSMSRootCertificate": "CentralSystemRootCertificate",
    },
    "AQ-3": {
        "ChargePointCertificate": "ChargePointCertificate",
        "ChargingStationCertificate": "ChargePointCertificate",
    },
    "ORS-14": {"ChargingProfileMaxStackLevel": "ChargeProfileMaxStackLevel"},
    "connectors.type": {
        "Type": "Type",
        "Туре": "Type",  # CYRILLIC CAPITAL LETTER TE, SMALL U, ER, IE
    },
}

INTEGER = re.compile(r"[0-9]+")
DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
DURATIONS: Final = (
    re.compile(r"(?P<seconds>[0-9]+)s"),
    re.compile(r"(?P<seconds>[0-9]+) Sec"),
    re.compile(r"(?P<hours>[0-9]{2}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9])"),
)
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# Not strptime: its month names follow the locale, and it takes the digits of every script.
DATES: Final = (
    re.compile(r"(?P<year>[0-9]{4})(?P<separator>[-.])(?P<month>[0-9]{2})(?P=separator)(?P<day>[0-9]{2})"),
    re.compile(rf"(?P<name>{'|'.join(MONTHS)}) (?P<day>[0-9]{{1,2}}), (?P<year>[0-9]{{4}})"),
)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A printed cell and where it stands: the file, and the row's id."""

    where: str
    row: str
    text: str

    def refused(self, expected: str) -> ConfigurationError:
        """The error for a text that no table knows; characters beyond ASCII are called by name."""
        return ConfigurationError(self.where, self.row, self.text, expected + name_odd_characters(self.text))


def name_odd_characters(text: str) -> str:
    """Name the characters beyond ASCII: `Νο` and `No` look the same in a message."""
    odd = dict.fromkeys(unicodedata.name(character, f"U+{ord(character):04X}") for character in text if character > "~")
    return f" (the text holds {', '.join(odd)})" if odd else ""


def _look_up(cell: Cell, table: Mapping[str, Enumeration]) -> Enumeration:
    found = table.get(cell.text.strip())
    if found is None:
        raise cell.refused("one of " + ", ".join(table))
    return found


def _look_up_all(
    cell: Cell, table: Mapping[str, Enumeration], separator: str = r"\s*[,+]\s*|\s+"
) -> tuple[Enumeration, ...]:
    """Items separated by commas, plus signs or blanks, as certificates do within one cell."""
    items = re.split(separator, cell.text.strip())
    return tuple(_look_up(msgspec.structs.replace(cell, text=item), table) for item in items)


def read_answer(cell: Cell) -> Answer:
    """Yes or No."""
    return _look_up(cell, ANSWERS)


def read_integer(cell: Cell) -> int:
    """A whole number in ASCII digits."""
    text = cell.text.strip()
    if INTEGER.fullmatch(text) is None:
        raise cell.refused("a whole number in ASCII digits")
    return int(text)


def read_float(cell: Cell) -> float:
    """A number in ASCII digits with a decimal point or none."""
    text = cell.text.strip()
    if text in NUMBERS:
        return NUMBERS[text]
    if DECIMAL.fullmatch(text) is None:
        raise cell.refused("a number in ASCII digits")
    return float(text)


def read_seconds(cell: Cell) -> int:
    """A duration in seconds, printed as `60s`, `30 Sec` or `00:00:02`."""
    for form in DURATIONS:
        if match := form.fullmatch(cell.text.strip()):
            parts = {name: int(digits) for name, digits in match.groupdict().items()}
            return parts.get("hours", 0) * 3600 + parts.get("minutes", 0) * 60 + parts["seconds"]
    raise cell.refused("a duration like 60s, 30 Sec or 00:00:02")


def read_date(cell: Cell) -> datetime.date:
    """A day, printed as `2024-10-22`, `2022.02.17` or `October 22, 2024`."""
    for form in DATES:
        if match := form.fullmatch(cell.text.strip()):
            parts = match.groupdict()
            month = MONTHS.index(parts["name"]) + 1 if "name" in parts else int(parts["month"])
            try:
                return datetime.date(int(parts["year"]), month, int(parts["day"]))
            except ValueError as error:
                raise cell.refused("a day that exists") from error
    raise cell.refused("a date like 2024-10-22, 2022.02.17 or October 22, 2024")


def read_text(cell: Cell) -> str:
    """A name: any text, its line breaks and runs of blanks made single blanks."""
    text = " ".join(cell.text.split())
    if not text:
        raise cell.refused("a text that is not empty")
    return text


def read_wording(cell: Cell) -> str:
    """The name that OCPP 1.6 uses for what a certificate's row or header calls otherwise."""
    table = WORDINGS.get(cell.row)
    if table is None:
        raise cell.refused(f"a row whose wording varies: one of {', '.join(WORDINGS)}")
    if cell.text not in table:
        raise cell.refused("one of " + ", ".join(table))
    return table[cell.text]


def _read_measurands(cell: Cell) -> tuple[Measurand, ...]:
    text = cell.text
    for broken, whole in BROKEN_WORDS.items():
        text = text.replace(broken, whole)
    return _look_up_all(msgspec.structs.replace(cell, text=text), MEASURANDS)


READERS: Final[Mapping[type, Callable[[Cell], object]]] = {
    Answer: read_answer,
    TestResult: lambda cell: _look_up(cell, RESULTS),
    RfidReaders: lambda cell: _look_up(cell, _printed(RfidReaders)),
    Current: lambda cell: _look_up(cell, _printed(Current)),
    Phases: lambda cell: _look_up(cell, _printed(Phases)),
    ConnectorType: lambda cell: _look_up(cell, _printed(ConnectorType)),
    Cable: lambda cell: _look_up(cell, _printed(Cable)),
    Technology: lambda cell: _look_up(cell, TECHNOLOGIES),
    int: read_integer,
    float: read_float,
    datetime.date: read_date,
    str: read_text,
}
LIST_READERS: Final[Mapping[type, Callable[[Cell], object]]] = {
    Measurand: _read_measurands,
    CipherSuite: lambda cell: _look_up_all(cell, _printed(CipherSuite)),
    FileTransferProtocol: lambda cell: _look_up_all(cell, _printed(FileTransferProtocol)),
    # A name may hold a blank here, so only commas separate.
    Technology: lambda cell: _look_up_all(cell, TECHNOLOGIES, r"\s*,\s*"),
}


def read_like(cell: Cell, value: object) -> object:
    """Read the cell as the kind of thing that `value` is: what a row's value should have been printed as."""
    if isinstance(value, tuple) and value:
        return LIST_READERS[type(value[0])](cell)
    return READERS[type(value)](cell)
