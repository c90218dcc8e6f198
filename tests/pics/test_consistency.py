"""Rows that contradict one another are refused, each by its own rule."""

from dataclasses import dataclass

import pytest
from tests.pics.edited import FILE, load_edited

from chargewright.errors import ConfigurationError
from chargewright.pics.consistency import inconsistencies
from chargewright.pics.loading import load, names

GREEK_NO = "\N{GREEK CAPITAL LETTER NU}\N{GREEK SMALL LETTER OMICRON}"
KOOLSIGN, KEMPOWER, XCHARGE, KERI = "koolsign_kcap7pg_cl5g", "kempower_s_series", "xcharge_c6", "keri_kcsms_001"


@dataclass
class Contradiction:
    """A change to a built-in file, and the row, value and expectation that its refusal names."""

    name: str
    changes: list[tuple[str, str]]
    row: str
    value: object
    expected: str


CONTRADICTIONS = [
    # limits with which no station works
    Contradiction("minimal", [('"ORS-1" = ', '"ORS-1" = 0 #')], "ORS-1", 0, "1 to 2147483647: a station could not"),
    Contradiction("minimal", [('"ORS-8" = ', '"ORS-8" = 1 #')], "ORS-8", 1, "2 to 2147483647"),
    Contradiction(
        "reference",
        [("CertificateSignedMaxChainSize = 10000", "CertificateSignedMaxChainSize = 10001")],
        "assumed.limits.CertificateSignedMaxChainSize",
        10_001,
        "1 to 10000",
    ),
    # keys of the maker's own
    Contradiction(
        "reference",
        [("DisplayText =", "heartbeatInterval =")],
        "assumed.vendor_keys.heartbeatInterval",
        "heartbeatInterval",
        "HeartbeatInterval is a key of the specification",
    ),
    Contradiction(
        "reference",
        [("DisplayText =", 'displaytext = "a"\nDisplayText =')],
        "assumed.vendor_keys.DisplayText",
        "DisplayText",
        "differs in the case of letters only",
    ),
    Contradiction(
        "reference",
        [("DisplayText =", f"{'K' * 51} =")],
        f"assumed.vendor_keys.{'K' * 51}",
        "K" * 51,
        "1 to 50 characters",
    ),
    Contradiction(
        "reference",
        [('"Welcome"', f'"{"x" * 501}"')],
        "assumed.vendor_keys.DisplayText",
        "x" * 501,
        "at most 500 characters",
    ),
    # results
    Contradiction("minimal", [('"Core" = "Supported"', '"Core" = "Pass"')], "profiles.Core", "Pass", "Supported, or a"),
    Contradiction(
        KOOLSIGN,
        [('"Reservation" = "Pass"', '"Reservation" = "Supported"')],
        "profiles.Reservation",
        "Supported",
        "Pass or Not Tested",
    ),
    Contradiction(
        "minimal",
        [('"Core" = "Supported"', '"Core" = "Not Supported"')],
        "profiles.Core",
        "Not Supported",
        "without Core",
    ),
    Contradiction(
        "minimal", [('"Core" = "Supported"', '"Core" = "Not Tested"')], "profiles.Core", "Not Tested", "without Core"
    ),
    # connectors and hardware
    Contradiction(KEMPOWER, [('"HFS-8" = 2', '"HFS-8" = 3')], "HFS-8", 3, "2, the number of [[connectors]]"),
    Contradiction(
        KEMPOWER, [("connector = 2", "connector = 1")], "connectors.2.connector", 1, "2: connectors count from 1"
    ),
    Contradiction(KOOLSIGN, [('phases = "1&3"\n', "")], "connectors.1.phases", None, "because the current is AC"),
    Contradiction(
        KEMPOWER, [('current = "DC"', 'current = "DC"\nphases = "3"')], "connectors.1.phases", "3", "no phases"
    ),
    Contradiction(
        "minimal",
        [('cable = "Detachable Cable"', 'cable = "Fixed Cable"')],
        "connectors.1.cable",
        "Fixed Cable",
        "Detachable Cable, because the type is sType2",
    ),
    Contradiction(KOOLSIGN, [('"HFS-1" = "No"', '"HFS-1" = "Yes"')], "HFS-1", "Yes", "No, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-2" = "Yes"', '"HFS-2" = "No"')], "HFS-2", "No", "Yes, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-3" = "Yes"', '"HFS-3" = "No"')], "HFS-3", "No", "Yes, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-4" = "No"', '"HFS-4" = "Yes"')], "HFS-4", "Yes", "No, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-5" = "Yes"', '"HFS-5" = "No"')], "HFS-5", "No", "Yes, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-6" = "No"', '"HFS-6" = "Yes"')], "HFS-6", "Yes", "No, as the [[connectors]]"),
    Contradiction(KOOLSIGN, [('"HFS-7" = "Yes"', '"HFS-7" = "No"')], "HFS-7", "No", "Yes, as the [[connectors]]"),
    # rows that need a profile
    Contradiction(
        KEMPOWER,
        [("[security]", '[reservation]\n"R-1" = "No"\n[security]')],
        "R-1",
        "No",
        "no such row, because Reservation is not supported",
    ),
    Contradiction(
        KOOLSIGN, [('[reservation]\n"R-1" = "No"\n', "")], "R-1", None, "an answer, because Reservation is supported"
    ),
    Contradiction(
        KOOLSIGN, [('[firmware]\n"F-1" = "Yes"\n', "")], "F-1", None, "because Firmware Management is supported"
    ),
    Contradiction(
        KOOLSIGN,
        [('"Smart Charging" = "Pass"', '"Smart Charging" = "Not Tested"')],
        "SC-1.1",
        "Yes",
        "because Smart Charging is not supported",
    ),
    Contradiction(
        KOOLSIGN,
        [('"Local Authorization List Management" = "Pass"', '"Local Authorization List Management" = "Not Tested"')],
        "ORS-12",
        48,
        "because Local Authorization List Management is not supported",
    ),
    Contradiction(
        KOOLSIGN,
        [('"Security extension" = "Pass"', '"Security extension" = "Not Tested"')],
        "SEC-1",
        "No",
        "because Security extension is not supported",
    ),
    Contradiction(KOOLSIGN, [('"AQ-1" = "Yes"\n', "")], "AQ-1", None, "because Security extension is supported"),
    Contradiction(KOOLSIGN, [('"C-06.1" = "Yes"', '"C-06.1" = "No"')], "C-06.1", "No", "one of C-06.1, C-06.2"),
    Contradiction(KOOLSIGN, [('"AQ-7.2" = "Yes"', '"AQ-7.2" = "No"')], "AQ-7.1", "No", "one of AQ-7.1, AQ-7.2"),
    Contradiction(KOOLSIGN, [('"SC-1.1" = "Yes"', '"SC-1.1" = "No"')], "SC-1.1", "No", "one of SC-1.1, SC-1.2"),
    # cipher suites
    Contradiction(
        KOOLSIGN,
        [(', "TLS_RSA_WITH_AES_256_GCM_SHA384"]', "]")],
        "SEC-4",
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_128_GCM_SHA256 with TLS_RSA_WITH_AES_256_GCM_SHA384",
    ),
    Contradiction(
        XCHARGE,
        [('"SEC-2" = "Yes"', '"SEC-2" = "No"'), ('"SEC-3" = "Yes"', '"SEC-3" = "No"')],
        "SEC-4",
        "TLS_RSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_256_GCM_SHA384",
        "because neither SEC-2 nor SEC-3 is Yes",
    ),
    # measurands
    Contradiction(
        XCHARGE,
        [('tested = ["Energy.Active.Import.Register"]', 'tested = ["Voltage"]')],
        "C-09.2.tested",
        ["Voltage"],
        "only measurands that C-09.2.supported holds too",
    ),
    Contradiction(
        XCHARGE,
        [("[assumed.meter_values]", '[assumed.meter_values]\nMeterValuesSampledData = ["SoC"]')],
        "assumed.meter_values.MeterValuesSampledData",
        "SoC",
        "nothing, because row C-09.1 claims it",
    ),
    Contradiction(
        KEMPOWER,
        [('MeterValuesAlignedData = ["Energy.Active.Import.Register", "Power.Active.Import"]\n', "")],
        "assumed.meter_values.MeterValuesAlignedData",
        None,
        "a list of measurands, because row C-09.2 is absent",
    ),
    # limits
    Contradiction(
        KOOLSIGN,
        [("[assumed.limits]", "[assumed.limits]\nNumberOfTeapots = 1")],
        "assumed.limits.NumberOfTeapots",
        1,
        "one of the limits GetConfigurationMaxKeys",
    ),
    Contradiction(
        KOOLSIGN,
        [("[assumed.limits]", "[assumed.limits]\nLocalAuthListMaxLength = 1000")],
        "assumed.limits.LocalAuthListMaxLength",
        1000,
        "nothing, because row ORS-12 claims 48",
    ),
    Contradiction(
        "minimal",
        [("[assumed.limits]", "[assumed.limits]\nLocalAuthListMaxLength = 1000")],
        "assumed.limits.LocalAuthListMaxLength",
        1000,
        "nothing, because Local Authorization List Management is not supported",
    ),
    Contradiction(
        XCHARGE,
        [("ChargingScheduleMaxPeriods = 24\n", "")],
        "assumed.limits.ChargingScheduleMaxPeriods",
        None,
        "row ORS-15 or an assumed whole number",
    ),
    Contradiction(
        XCHARGE,
        [("MaxChargingProfilesInstalled = 10\n", "")],
        "assumed.limits.MaxChargingProfilesInstalled",
        None,
        "an assumed whole number",
    ),
    Contradiction(
        KOOLSIGN, [('"ORS-7" = 3600', '"ORS-7" = 9')], "ORS-7", 9, "at least 10, the MinimumHeartbeatInterval"
    ),
    Contradiction(
        KEMPOWER,
        [("MinimumMeterValueSampleInterval = 1\n", "MinimumMeterValueSampleInterval = 86401\n")],
        "assumed.limits.MaximumMeterValueSampleInterval",
        86400,
        "at least 86401",
    ),
    Contradiction(
        KOOLSIGN,
        [("[assumed]\n", '[assumed]\nfile_transfer_protocols = ["ftp"]\n')],
        "assumed.file_transfer_protocols",
        "ftp",
        "because row ORS-16 claims them",
    ),
    # assumed connectors
    Contradiction(
        KOOLSIGN,
        [("rated_power_w = 7000", "rated_power_w = 23000")],
        "assumed.connectors.1.rated_power_w",
        23000.0,
        "at most 22080: voltage × current × 3",
    ),
    Contradiction(
        KEMPOWER,
        [("rated_power_w = 80000", "rated_power_w = 190000")],
        "assumed.connectors.1.rated_power_w",
        190000.0,
        "at most 184000",
    ),
    Contradiction(
        "minimal",
        [("[[assumed.connectors]]\nconnector = 1", "[[assumed.connectors]]\nconnector = 2")],
        "assumed.connectors.1.connector",
        2,
        "1: connectors count from 1",
    ),
    Contradiction(
        "minimal",
        [('model = "CW-MINIMAL"', 'model = "CW-MÍNIMAL"')],
        "assumed.model",
        "CW-MÍNIMAL",
        "printable ASCII (the text holds LATIN CAPITAL LETTER I WITH ACUTE)",
    ),
    # printed texts
    Contradiction(
        KOOLSIGN, [("[printed]\n", '[printed]\n"HFS-11" = "No"\n')], "printed.HFS-11", "No", "the id of a row that this"
    ),
    Contradiction(
        KOOLSIGN,
        [("[printed]\n", '[printed]\n"HFS-2" = "' + GREEK_NO + '"\n')],
        "printed.HFS-2",
        GREEK_NO,
        "a text that reads as Yes",
    ),
    Contradiction(
        KOOLSIGN,
        [("[printed]\n", '[printed]\n"HFS-1" = "N\N{CYRILLIC SMALL LETTER O}"\n')],
        "printed.HFS-1",
        "N\N{CYRILLIC SMALL LETTER O}",
        "CYRILLIC SMALL LETTER O",
    ),
    Contradiction(
        KOOLSIGN,
        [('"O.61"', '"O.62"')],
        "printed.performance.Transaction authorization time by RemoteStartTransaction.measured_minimum",
        "O.62",
        "a number in ASCII digits",
    ),
    Contradiction(
        KOOLSIGN,
        [('"AQ-1" = "CentralSystemRootCertificate"', '"AQ-1" = "RootCertificate"')],
        "AQ-1",
        "RootCertificate",
        "CSMSRootCertificate",
    ),
    # a CSMS
    Contradiction(
        KERI,
        [('measured_value = "00:00:02"', 'measured_value = "2 minutes"')],
        "performance.OCPP response timeout.measured_value",
        "2 minutes",
        "a duration like 60s",
    ),
    Contradiction(
        KERI,
        [('"Core" = "Pass"', '"Core" = "Not Tested"')],
        "profiles.Core",
        "Not Tested",
        "nothing works without Core",
    ),
]


@pytest.mark.parametrize("wrong", CONTRADICTIONS, ids=[f"{item.name}:{item.row}" for item in CONTRADICTIONS])
def test_a_contradiction_is_refused_with_file_row_value_and_what_would_be_right(wrong: Contradiction) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_edited(wrong.name, *wrong.changes)
    assert (error.value.where, error.value.key, error.value.value) == (FILE, wrong.row, wrong.value)
    assert wrong.expected in str(error.value)


@pytest.mark.parametrize("name", names())
def test_the_built_in_files_contradict_nothing(name: str) -> None:
    assert list(inconsistencies(load(name), name)) == []


def test_a_missing_test_report_and_missing_assumed_connectors_are_named() -> None:
    with pytest.raises(ConfigurationError) as error:
        load_edited(
            "minimal",
            (
                "[profiles]",
                """[certificate]
holder = "H"
number = "N"
product_designation = "P"
ocpp_software_version = "1"
certification_date = 2026-01-01
reference_specification = "R"
errata = "E"
[profiles]""",
            ),
        )
    assert error.value.key == "test_report"
    second = """[[assumed.connectors]]
connector = 2
rated_power_w = 80000
maximum_current_a = 200
maximum_voltage_v = 920
has_cable_lock = false
"""
    with pytest.raises(ConfigurationError) as error:
        load_edited(KEMPOWER, (second, ""))
    assert (error.value.key, error.value.value) == ("assumed.connectors", 1)
