"""The security profiles: who proves what by which means, and which may follow which (security whitepaper §2, A00, A05).

Profile 0 is no profile of the specification but the state of a station without security. A station uses one profile at
a time, the CSMS refuses a connection that is not made with the one it has on record (A00.FR.001–003), and over OCPP a
profile only ever rises (A00.FR.005, A05.FR.01).
"""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = [
    "PROFILES",
    "UPGRADES",
    "Mismatch",
    "Offer",
    "Requirements",
    "SecurityProfile",
    "check_offer",
    "is_upgrade",
]


class SecurityProfile(enum.IntEnum):
    """The values of the configuration key SecurityProfile."""

    NONE = 0
    BASIC = 1
    TLS_BASIC = 2
    TLS_CLIENT_CERTIFICATE = 3


class Requirements(msgspec.Struct, frozen=True):
    """What a connection under a profile must show: TLS, the password of HTTP Basic, a certificate of the station."""

    tls: bool
    password: bool
    client_certificate: bool


PROFILES: Final[Mapping[SecurityProfile, Requirements]] = {
    SecurityProfile.NONE: Requirements(tls=False, password=False, client_certificate=False),
    SecurityProfile.BASIC: Requirements(tls=False, password=True, client_certificate=False),
    SecurityProfile.TLS_BASIC: Requirements(tls=True, password=True, client_certificate=False),
    SecurityProfile.TLS_CLIENT_CERTIFICATE: Requirements(tls=True, password=False, client_certificate=True),
}

# A05.FR.01: never the same, never lower; more than one step at once is nowhere forbidden.
UPGRADES: Final[Mapping[SecurityProfile, frozenset[SecurityProfile]]] = {
    SecurityProfile.NONE: frozenset(
        {SecurityProfile.BASIC, SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT_CERTIFICATE}
    ),
    SecurityProfile.BASIC: frozenset({SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT_CERTIFICATE}),
    SecurityProfile.TLS_BASIC: frozenset({SecurityProfile.TLS_CLIENT_CERTIFICATE}),
    SecurityProfile.TLS_CLIENT_CERTIFICATE: frozenset(),
}


class Offer(msgspec.Struct, frozen=True):
    """What a connection shows: it runs over TLS, has an Authorization header, has a verified client certificate."""

    tls: bool
    password: bool
    client_certificate: bool


class Mismatch(enum.Enum):
    """Why a connection does not fit the profile on record. A wrong password is found later, by whoever knows it."""

    TLS_MISSING = "the profile on record needs TLS"
    TLS_UNEXPECTED = "the profile on record is without TLS"
    PASSWORD_MISSING = "the profile on record needs HTTP Basic authentication"
    CERTIFICATE_MISSING = "the profile on record needs a client certificate"


def is_upgrade(current: SecurityProfile, wanted: SecurityProfile) -> bool:
    """Whether a station under `current` may be told over OCPP to change to `wanted` (A05.FR.01)."""
    return wanted in UPGRADES[current]


def check_offer(profile: SecurityProfile, offer: Offer) -> Mismatch | None:
    """What keeps a connection that shows `offer` from being one under `profile`; None where it fits.

    A password or certificate beyond what the profile asks for is no mismatch: stations send stored credentials under
    every profile, and a TLS client may show its certificate to any server that asks. TLS itself must match both ways,
    because it decides which profile is in use.
    """
    required = PROFILES[profile]
    if required.tls != offer.tls:
        return Mismatch.TLS_MISSING if required.tls else Mismatch.TLS_UNEXPECTED
    if required.client_certificate and not offer.client_certificate:
        return Mismatch.CERTIFICATE_MISSING
    if required.password and not offer.password:
        return Mismatch.PASSWORD_MISSING
    return None
