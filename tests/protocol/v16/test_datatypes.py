"""The words of the shared data types."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import datatypes

# Enumeration, a message that uses it, the field.
ROWS = [
    (datatypes.AuthorizationStatus, "AuthorizeResponse", "idTagInfo.status"),
    (datatypes.ReadingContext, "MeterValuesRequest", "meterValue.sampledValue.context"),
    (datatypes.ValueFormat, "MeterValuesRequest", "meterValue.sampledValue.format"),
    (datatypes.Measurand, "MeterValuesRequest", "meterValue.sampledValue.measurand"),
    (datatypes.Phase, "MeterValuesRequest", "meterValue.sampledValue.phase"),
    (datatypes.Location, "MeterValuesRequest", "meterValue.sampledValue.location"),
    (datatypes.UnitOfMeasure, "MeterValuesRequest", "meterValue.sampledValue.unit"),
    (
        datatypes.ChargingProfilePurposeType,
        "SetChargingProfileRequest",
        "csChargingProfiles.chargingProfilePurpose",
    ),
    (datatypes.ChargingProfileKindType, "SetChargingProfileRequest", "csChargingProfiles.chargingProfileKind"),
    (datatypes.RecurrencyKindType, "SetChargingProfileRequest", "csChargingProfiles.recurrencyKind"),
    (
        datatypes.ChargingRateUnitType,
        "SetChargingProfileRequest",
        "csChargingProfiles.chargingSchedule.chargingRateUnit",
    ),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(datatypes).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == datatypes.__name__
    }
    assert defined == {words for words, _, _ in ROWS}


def test_both_spellings_of_the_degree_are_words() -> None:
    assert {"Celcius", "Celsius"} <= {unit.value for unit in datatypes.UnitOfMeasure}
    assert "Hertz" not in {unit.value for unit in datatypes.UnitOfMeasure}
