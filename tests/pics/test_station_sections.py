"""The station's sections: which rows there are, and which of them every station must answer."""

import msgspec
import pytest

from chargewright.pics import station_sections


def ids(section: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(section)]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (station_sections.Hardware, [f"HFS-{number}" for number in range(1, 11)]),
        (
            station_sections.CoreFeatures,
            ["C-01", "C-02", "C-03", "C-04", "C-05", "C-06.1", "C-06.2", "C-07", "C-08"],
        ),
        (station_sections.MeterValueFeatures, ["C-09.1", "C-09.2"]),
        (station_sections.SmartChargingFeatures, ["SC-1.1", "SC-1.2"]),
        (station_sections.ReservationFeatures, ["R-1"]),
        (station_sections.FirmwareFeatures, ["F-1"]),
        (station_sections.SecurityFeatures, ["SEC-1", "SEC-2", "SEC-3", "SEC-4"]),
        (
            station_sections.AdditionalQuestions,
            ["AQ-1", "AQ-2", "AQ-3", "AQ-4", "AQ-5", "AQ-6", "AQ-7.1", "AQ-7.2"],
        ),
        (station_sections.Settings, [f"ORS-{number}" for number in range(1, 17)]),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_section_has_the_rows_of_a_certificate(section: type[msgspec.Struct], expected: list[str]) -> None:
    assert ids(section) == expected


def test_hardware_and_core_are_always_answered_and_settings_may_all_be_absent() -> None:
    for section in (station_sections.Hardware, station_sections.CoreFeatures):
        assert all(field.required for field in msgspec.structs.fields(section))
    assert not any(field.required for field in msgspec.structs.fields(station_sections.Settings))
