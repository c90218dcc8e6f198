"""The closed enumerations: what a result means, and answers that tell the truth in a condition."""

import pytest

from chargewright.pics.enumerations import Answer, CertificationProfile, Phases, Support, TestResult
from chargewright.protocol.v16.actions import FeatureProfile


def test_no_is_false_in_a_condition() -> None:
    assert bool(Answer.YES) is True
    assert bool(Answer.NO) is False


@pytest.mark.parametrize(
    ("printed", "meaning"),
    [
        ("Pass", Support.SUPPORTED),
        ("Supported", Support.SUPPORTED),
        ("Not Tested", Support.NOT_TESTED),
        ("Not Supported", Support.NOT_SUPPORTED),
    ],
)
def test_a_result_is_mapped_to_support(printed: str, meaning: Support) -> None:
    assert TestResult(printed).support is meaning


def test_every_result_has_a_meaning() -> None:
    assert {result.support for result in TestResult} == set(Support)


def test_every_certification_profile_is_a_feature_profile_and_security_is_the_extension() -> None:
    mapped = [profile.feature_profile for profile in CertificationProfile]
    assert sorted([*mapped, FeatureProfile.SECURITY], key=str) == sorted(FeatureProfile, key=str)


@pytest.mark.parametrize(("printed", "numbers"), [("1", (1,)), ("1&3", (1, 3)), ("1&2&3", (1, 2, 3))])
def test_phases_are_read_as_numbers(printed: str, numbers: tuple[int, ...]) -> None:
    assert Phases(printed).numbers == numbers
