"""The files against the certificates, both ways; and what is wrong is refused by file, row, value and expectation."""

import datetime
import enum
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.pics.certificates_table import CERTIFICATES, WORDINGS
from tests.pics.edited import FILE, load_edited, text_of

from chargewright.errors import ConfigurationError
from chargewright.pics.loading import load, loads, names
from chargewright.pics.reading import Cell, read_like
from chargewright.pics.rows import rows

GREEK_NO = "\N{GREEK CAPITAL LETTER NU}\N{GREEK SMALL LETTER OMICRON}"
CELLS = [(product, row, text) for product, cells in CERTIFICATES.items() for row, text in cells.items()]


def canonical(value: object) -> str:
    """The text that needs no entry in [printed]."""
    match value:
        case enum.Enum():
            return str(value.value)
        case tuple():
            return ", ".join(canonical(item) for item in value)
        case datetime.date():
            return value.isoformat()
    return str(value)


def test_the_certified_products_and_two_invented_ones_are_built_in() -> None:
    assert names() == tuple(sorted([*CERTIFICATES, "minimal", "reference"]))


@pytest.mark.parametrize("product", CERTIFICATES)
def test_a_file_has_exactly_the_rows_of_its_certificate(product: str) -> None:
    assert set(rows(load(product))) == set(CERTIFICATES[product])


@pytest.mark.parametrize(("product", "row", "text"), CELLS, ids=[f"{product}:{row}" for product, row, _ in CELLS])
def test_a_row_says_what_the_certificate_prints(product: str, row: str, text: str) -> None:
    pics = load(product)
    value = rows(pics)[row]
    assert read_like(Cell(where=product, row=row, text=text), value) == value
    is_odd = text != canonical(value) and not isinstance(value, float)
    if is_odd or text == "O.61":
        assert pics.printed[row] == text


@pytest.mark.parametrize("product", CERTIFICATES)
def test_printed_texts_and_wordings_are_the_certificates_own(product: str) -> None:
    pics = load(product)
    assert {row: CERTIFICATES[product][row] for row in pics.printed} == pics.printed
    assert pics.wording == WORDINGS[product]


def test_a_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text_of("minimal"))
    assert load(path) == load("minimal")
    assert load(str(path)) == load("minimal")


@pytest.mark.parametrize("name", ["nothing_like_it", "", "a\0b"])
def test_a_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(name)
    assert error.value.where == name
    assert "kempower_s_series" in error.value.expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff", "is no text in UTF-8: "),
        (b"product_type = ", "is no TOML file: "),
        (b"a = 1\na = 2", "is no TOML file: "),
        (b"a = " + b"[" * 5000, "is no TOML file: "),
        (b"", "one of Charging Station, Charging Station Management System"),
        (b'product_type = "Toaster"', "one of Charging Station, Charging Station Management System"),
        (b"product_type = [1]", "one of Charging Station, Charging Station Management System"),
    ],
)
def test_what_is_no_pics_is_refused(content: bytes, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        loads(content, FILE)
    assert error.value.where == FILE
    assert error.value.expected.startswith(expected)


@dataclass
class Refusal:
    old: str
    new: str
    row: str
    value: object
    expected: str


REFUSALS = [
    Refusal('"C-06.2" = "No"', f'"C-06.2" = "{GREEK_NO}"', "C-06.2", GREEK_NO, "Yes, No (the text holds GREEK CAPITAL"),
    Refusal('"HFS-1" = "No"', '"HFS-1" = false', "HFS-1", False, "one of Yes, No"),
    Refusal('"F-1" = "Yes"', '"F-1" = "True"', "F-1", "True", "one of Yes, No"),
    Refusal('"HFS-10" = "Single"', '"HFS-10" = "Two"', "HFS-10", "Two", "one of None, Single, Multiple"),
    Refusal('"HFS-9" = ["Ethernet"]', '"HFS-9" = ["Telex"]', "HFS-9.1", "Telex", "Ethernet, Wifi, Mobile network"),
    Refusal('"HFS-9" = ["Ethernet"]', '"HFS-9" = "Ethernet"', "HFS-9", "Ethernet", "a list, each item one of Ethernet"),
    Refusal('"ORS-1" = 30', '"ORS-1" = "30"', "ORS-1", "30", "a whole number, 0 or more"),
    Refusal('"ORS-1" = 30', '"ORS-1" = -1', "ORS-1", -1, "a whole number, 0 or more"),
    Refusal('"ORS-1" = 30', '"ORS-1" = true', "ORS-1", True, "a whole number, 0 or more"),
    Refusal('"ORS-1" = 30', '"ORS-1" = 30\n"ORS-17" = 1', "ORS-17", 1, "no such row; known here: ORS-1, ORS-2"),
    Refusal("[settings]", "[setting]\n[settings]", "setting", None, "no such section; known here: certificate"),
    Refusal('"C-01" = "Yes"\n', "", "C-01", None, "one of Yes, No"),
    Refusal('"Core" = "Pass"', '"Core" = "Passed"', "profiles.Core", "Passed", "Pass, Supported, Not Tested"),
    Refusal('type = "cType1"', 'type = "Type1"', "connectors.1.type", "Type1", "cType1"),
    Refusal('phases = "1&3"', 'phases = "3&1"', "connectors.1.phases", "3&1", "1&3"),
    Refusal('"Power.Active.Import"]', '"Power"]', "C-09.1.tested.2", "Power", "Power.Active.Import"),
    Refusal(
        '"Power.Active.Import"]',
        '"Energy.Active.Import.Register"]',
        "C-09.1.tested",
        ["Energy.Active.Import.Register"] * 2,
        "a list that names nothing twice",
    ),
    Refusal(
        "certification_date = 2024-09-13",
        'certification_date = "2024-09-13T"',
        "certificate.certification_date",
        "2024-09-13T",
        "a date like",
    ),
    Refusal('holder = "Koolsign Co.,Ltd."', 'holder = ""', "certificate.holder", "", "a text that is not empty"),
    Refusal(
        "pics_maximum = 60",
        "pics_maximum = -60",
        "performance.OCPP response timeout.pics_maximum",
        -60,
        "a number, 0 or more",
    ),
    Refusal(
        "MaxChargingProfilesInstalled = 10",
        'MaxChargingProfilesInstalled = "10"',
        "assumed.limits",
        {"MaxChargingProfilesInstalled": "10", "CertificateSignedMaxChainSize": 10000, "CertificateStoreMaxLength": 5},
        "a table of a text",
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[f"{refusal.row}={refusal.value}" for refusal in REFUSALS])
def test_a_wrong_row_is_refused_with_file_row_value_and_what_would_be_right(refusal: Refusal) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_edited("koolsign_kcap7pg_cl5g", (refusal.old, refusal.new))
    assert (error.value.where, error.value.key, error.value.value) == (FILE, refusal.row, refusal.value)
    assert refusal.expected in error.value.expected
    for part in (FILE, refusal.row, "" if refusal.value is None else repr(refusal.value), refusal.expected):
        assert part in str(error.value)


def test_a_section_must_be_a_table_and_connectors_a_list_of_them() -> None:
    with pytest.raises(ConfigurationError) as error:
        loads(b'product_type = "Charging Station"\nprofiles = 3', FILE)
    assert (error.value.key, error.value.value, error.value.expected) == ("profiles", 3, "a table")
    with pytest.raises(ConfigurationError) as error:
        loads(text_of("minimal").replace("[[connectors]]", "[connectors]").encode(), FILE)
    assert error.value.key == "connectors"
    assert error.value.expected == "a list, each item a table"
