"""Values as the specification wants them, and texts that say the same."""

import pytest

from chargewright.csms.services.configuration_values import is_same_value, standard_name, value_problem
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS, Access


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("HeartbeatInterval", "60", None),
        ("heartbeatinterval", "0", None),
        ("HeartbeatInterval", "-1", "at least 0 s"),
        ("HeartbeatInterval", "1.5", "whole number"),
        ("HeartbeatInterval", "9" * 19, "whole number"),
        ("LightIntensity", "101", "0 to 100 %"),
        ("LocalAuthorizeOffline", "True", None),
        ("LocalAuthorizeOffline", "yes", "true or false"),
        ("NumberOfConnectors", "2", "read-only"),
        ("CpoName", "", "1 to 64 characters"),
        ("AuthorizationKey", "00", "32 to 40 characters"),
        ("MeterValuesSampledData", "Voltage.L1", None),
        ("VendorOwn", "anything", None),
    ],
)
def test_what_speaks_against_a_value(key: str, value: str, problem: str | None) -> None:
    found = value_problem(key, value)
    if problem is None:
        assert found is None
    else:
        assert found is not None and problem in found and "§" in found


@pytest.mark.parametrize("name", [n for n, key in CONFIGURATION_KEYS.items() if key.access is Access.READ_ONLY])
def test_no_read_only_key_is_to_be_written(name: str) -> None:
    assert "read-only" in (value_problem(name, "1") or "")


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("HeartbeatInterval", "060", "60", True),
        ("HeartbeatInterval", "60", "61", False),
        ("HeartbeatInterval", "x", "X", False),
        ("LocalAuthorizeOffline", "TRUE", "true", True),
        ("MeterValuesSampledData", "a, b", "a,b", True),
        ("MeterValuesSampledData", "a,b", "b,a", False),
        ("VendorOwn", "On", "on", False),
        ("CpoName", "A", "A", True),
        ("CpoName", "A", "a", False),
        ("HeartbeatInterval", None, "60", False),
        ("HeartbeatInterval", None, None, True),
    ],
)
def test_texts_that_say_the_same(key: str, one: str | None, other: str | None, same: bool) -> None:
    assert is_same_value(key, one, other) is same


def test_a_name_has_the_standard_spelling_and_a_vendor_s_own_stays() -> None:
    assert standard_name("HEARTBEATINTERVAL") == "HeartbeatInterval"
    assert standard_name("vendorOwn") == "vendorOwn"
