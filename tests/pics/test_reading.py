"""Printed cells: every spelling that was seen is read, and nothing else is."""

import datetime

import pytest

from chargewright.errors import ConfigurationError
from chargewright.pics import reading
from chargewright.pics.enumerations import (
    Answer,
    CipherSuite,
    FileTransferProtocol,
    RfidReaders,
    Technology,
    TestResult,
)
from chargewright.protocol.v16.datatypes import Measurand

GREEK_NO = "\N{GREEK CAPITAL LETTER NU}\N{GREEK SMALL LETTER OMICRON}"
CYRILLIC_TYPE = (
    "\N{CYRILLIC CAPITAL LETTER TE}\N{CYRILLIC SMALL LETTER U}\N{CYRILLIC SMALL LETTER ER}\N{CYRILLIC SMALL LETTER IE}"
)


def cell(text: str, row: str = "C-06.2") -> reading.Cell:
    return reading.Cell(where="seen.toml", row=row, text=text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", Answer.YES),
        ("No", Answer.NO),
        (" No ", Answer.NO),
        ("True", Answer.YES),
        (GREEK_NO, Answer.NO),
    ],
)
def test_an_answer_is_read(text: str, answer: Answer) -> None:
    assert reading.read_answer(cell(text)) is answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "Y",
        "N0",
        "N\N{GREEK SMALL LETTER OMICRON}",
        "\N{GREEK CAPITAL LETTER NU}o",
        "N\N{CYRILLIC SMALL LETTER O}",
        "Y\N{CYRILLIC SMALL LETTER IE}s",
        "Yes No",
        "False",
        "true",
        "✓",
    ],
)
def test_an_unknown_glyph_is_refused_and_never_a_yes(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        reading.read_answer(cell(text))
    assert (refused.value.where, refused.value.key, refused.value.value) == ("seen.toml", "C-06.2", text)
    assert "one of Yes, No" in refused.value.expected


def test_letters_that_only_look_right_are_called_by_name() -> None:
    with pytest.raises(ConfigurationError, match="the text holds CYRILLIC SMALL LETTER O"):
        reading.read_answer(cell("N\N{CYRILLIC SMALL LETTER O}"))


def test_what_is_ascii_has_no_odd_characters() -> None:
    assert reading.name_odd_characters("No, ~!") == ""
    assert "U+0085" in reading.name_odd_characters("\x85")


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("2147483647", 2**31 - 1), ("007", 7)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    assert reading.read_integer(cell(text, "ORS-1")) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "1_000", "1 000", "\N{ARABIC-INDIC DIGIT ONE}", "O"])
def test_other_whole_numbers_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a whole number in ASCII digits"):
        reading.read_integer(cell(text, "ORS-1"))


@pytest.mark.parametrize(("text", "number"), [("60", 60.0), ("0.27", 0.27), ("O.61", 0.61)])
def test_a_number_is_read(text: str, number: float) -> None:
    assert reading.read_float(cell(text, "performance")) == number


@pytest.mark.parametrize("text", ["O.62", "0,27", ".5", "nan", "inf", "1e3", "-0.1"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a number in ASCII digits"):
        reading.read_float(cell(text, "performance"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("1s", 1), ("30 Sec", 30), ("0 Sec", 0), ("00:00:02", 2), ("00:00:00", 0), ("01:02:03", 3723)],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert reading.read_seconds(cell(text)) == seconds


@pytest.mark.parametrize("text", ["60", "1 min", "00:02", "00:60:00", "6Os", "-1s", "1.5s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="60s, 30 Sec or 00:00:02"):
        reading.read_seconds(cell(text))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-10-22", datetime.date(2024, 10, 22)),
        ("2022.02.17", datetime.date(2022, 2, 17)),
        ("October 22, 2024", datetime.date(2024, 10, 22)),
        ("January 4, 2025", datetime.date(2025, 1, 4)),
        ("December 18, 2024", datetime.date(2024, 12, 18)),
    ],
)
def test_a_date_is_read(text: str, day: datetime.date) -> None:
    assert reading.read_date(cell(text)) == day


@pytest.mark.parametrize("text", ["22/10/2024", "2024-10.22", "October 2024", "Okt 22, 2024", "2023-02-29", ""])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        reading.read_date(cell(text))


def test_a_name_broken_over_lines_is_whole_again() -> None:
    assert reading.read_text(cell("KERI (Korea\n\nInstitute)")) == "KERI (Korea Institute)"
    with pytest.raises(ConfigurationError, match="not empty"):
        reading.read_text(cell(" \n"))


def test_measurands_are_read_from_commas_blanks_and_broken_words() -> None:
    read = reading.read_like(
        cell("Current.Export, Energy.Reactive.Export.Regist er, SoC Voltage", "C-09.1.supported"), (Measurand.SOC,)
    )
    assert read == (
        Measurand.CURRENT_EXPORT,
        Measurand.ENERGY_REACTIVE_EXPORT_REGISTER,
        Measurand.SOC,
        Measurand.VOLTAGE,
    )


@pytest.mark.parametrize("text", ["Energy.Active.Import.Regist er", "Soc", "Energy", "", "SoC;Voltage"])
def test_other_measurands_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        reading.read_like(cell(text, "C-09.1.supported"), (Measurand.SOC,))
    assert refused.value.key == "C-09.1.supported"


@pytest.mark.parametrize("separator", [" + ", " ", ", "])
def test_cipher_suites_are_read_with_any_separator_seen(separator: str) -> None:
    suites = (CipherSuite.RSA_AES_128_GCM, CipherSuite.RSA_AES_256_GCM)
    assert reading.read_like(cell(separator.join(suite.value for suite in suites)), suites) == suites


def test_protocols_technologies_and_readers_are_read() -> None:
    protocols = (FileTransferProtocol.HTTP, FileTransferProtocol.FTPS)
    assert reading.read_like(cell("http ftps"), protocols) == protocols
    technologies = (Technology.ETHERNET, Technology.WIFI, Technology.MOBILE_NETWORK)
    assert reading.read_like(cell("Ethernet, WiFi, Mobile Network"), technologies) == technologies
    assert reading.read_like(cell("Ethernet Linemet"), Technology.ETHERNET) is Technology.ETHERNET
    assert reading.read_like(cell("Single"), RfidReaders.NONE) is RfidReaders.SINGLE
    with pytest.raises(ConfigurationError):
        reading.read_like(cell("Linemet"), Technology.ETHERNET)


def test_a_certificate_never_prints_our_word_supported() -> None:
    assert reading.read_like(cell("Pass"), TestResult.NOT_TESTED) is TestResult.PASS
    with pytest.raises(ConfigurationError, match="Pass"):
        reading.read_like(cell("Supported"), TestResult.PASS)


def test_wordings_are_closed_too() -> None:
    assert reading.read_wording(cell("CSMSRootCertificate", "AQ-1")) == "CentralSystemRootCertificate"
    assert reading.read_wording(cell("ChargingStationCertificate", "AQ-3")) == "ChargePointCertificate"
    assert reading.read_wording(cell(CYRILLIC_TYPE, "connectors.type")) == "Type"
    with pytest.raises(ConfigurationError, match="CSMSRootCertificate"):
        reading.read_wording(cell("RootCertificate", "AQ-1"))
    with pytest.raises(ConfigurationError, match="whose wording varies"):
        reading.read_wording(cell("Yes", "HFS-1"))
