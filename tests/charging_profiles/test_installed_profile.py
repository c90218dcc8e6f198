"""Installed charging profiles: packed, and unpacked without loss."""

import sys
from decimal import Decimal

import pytest
from hypothesis import given
from tests.charging_profiles.building import DEFAULT, TX, A, W, at, make
from tests.charging_profiles.large import PERIODS, large_profiles
from tests.charging_profiles.strategies import placed

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.units import Limit
from chargewright.protocol.v16.coding import DECODE_FAILURES


@given(placed())
def test_what_is_written_down_is_read_back(item) -> None:
    connector, profile = item
    installed = InstalledProfile(profile, connector, at(7))
    again = InstalledProfile.decoded(installed.encoded())
    for kept in (installed, again):
        assert kept.profile == profile
        assert (kept.connector_id, kept.installed_at) == (connector, at(7))
        assert (kept.profile_id, kept.stack_level) == (profile.charging_profile_id, profile.stack_level)
        assert kept.purpose is profile.charging_profile_purpose
        assert kept.number_of_periods == len(profile.charging_schedule.charging_schedule_period)
    assert again.encoded() == installed.encoded()


def test_times_keep_the_text_that_was_sent() -> None:
    profile = make(TX, {0: 6}, transaction_id=8)
    again = InstalledProfile.decoded(InstalledProfile(profile, 1, at()).encoded())
    assert again.profile.charging_schedule.start_schedule.text == profile.charging_schedule.start_schedule.text
    assert again.transaction_id == 8
    assert InstalledProfile(make(TX, {0: 6}), 1, at()).transaction_id is None


def test_the_period_of_an_offset() -> None:
    installed = InstalledProfile(make(DEFAULT, {0: 6, 60: "16.1", 120: 0}, phases=1), 1, at())
    offsets = [0, 59_999_999, 60_000_000, 119_999_999, 120_000_000, 10**15]
    assert [installed.period_at(offset) for offset in offsets] == [0, 0, 1, 1, 2, 2]
    assert [installed.period_end(number) for number in range(3)] == [60_000_000, 120_000_000, None]
    assert installed.limit(1) == Limit(amperes=Decimal("16.1"), phases=1)


@pytest.mark.parametrize(("unit", "expected"), [(A, Limit(None, Decimal(6), 3)), (W, Limit(Decimal(6), None, 3))])
def test_a_limit_without_number_of_phases_is_for_three(unit, expected: Limit) -> None:
    assert InstalledProfile(make(DEFAULT, {0: 6}, unit=unit), 1, at()).limit(0) == expected


@pytest.mark.parametrize("periods", [{}, {1: 6}, {0: 6, 20: 7, 10: 8}])
def test_periods_without_sense_are_no_profile(periods: dict[int, float | str]) -> None:
    with pytest.raises(ValueError, match="chargingProfileId 9: "):
        InstalledProfile(make(DEFAULT, periods, number=9), 1, at())


def test_what_was_not_written_by_us_is_not_read() -> None:
    with pytest.raises(DECODE_FAILURES):
        InstalledProfile.decoded(b'{"connectorId":1}')


def test_a_period_takes_less_than_twenty_bytes() -> None:
    installed = InstalledProfile(large_profiles()[0], 1, at())
    packed = [getattr(installed, name) for name in ("_starts", "_tenths", "_phases")]
    assert sum(sys.getsizeof(part) for part in packed) < 20 * PERIODS
