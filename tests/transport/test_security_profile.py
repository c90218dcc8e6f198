"""Both tables, walked over their full product."""

import itertools

import pytest

from chargewright.transport.security_profile import (
    PROFILES,
    UPGRADES,
    Mismatch,
    Offer,
    SecurityProfile,
    check_offer,
    is_upgrade,
)

BOTH = (False, True)


def test_the_tables_are_complete() -> None:
    assert set(PROFILES) == set(UPGRADES) == set(SecurityProfile)
    assert [int(profile) for profile in SecurityProfile] == [0, 1, 2, 3]


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(SecurityProfile, SecurityProfile)))
def test_profiles_only_rise(current: SecurityProfile, wanted: SecurityProfile) -> None:
    assert is_upgrade(current, wanted) == (int(wanted) > int(current))


@pytest.mark.parametrize(
    ("profile", "tls", "password", "certificate"), list(itertools.product(SecurityProfile, BOTH, BOTH, BOTH))
)
def test_every_offer_to_every_profile(profile: SecurityProfile, tls: bool, password: bool, certificate: bool) -> None:
    # Written out anew, from the whitepaper's table and not from ours.
    if profile in (0, 1):
        expected = Mismatch.TLS_UNEXPECTED if tls else None
    else:
        expected = None if tls else Mismatch.TLS_MISSING
    if expected is None and profile in (1, 2) and not password:
        expected = Mismatch.PASSWORD_MISSING
    if expected is None and profile == 3 and not certificate:
        expected = Mismatch.CERTIFICATE_MISSING
    assert check_offer(profile, Offer(tls, password, certificate)) == expected


def test_every_mismatch_can_happen() -> None:
    found = {
        check_offer(profile, Offer(*shown))
        for profile in SecurityProfile
        for shown in itertools.product(BOTH, BOTH, BOTH)
    }
    assert found == {None, *Mismatch}
