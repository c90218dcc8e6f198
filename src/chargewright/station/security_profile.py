"""How a station reaches its CSMS: security profile, password, certificates (A00, A01, A05).

What was given at the first start (`Provisioning`) is kept; from then on the CSMS changes it over OCPP, and only what a
person gives anew counts more.
"""

import hashlib
import ssl
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.pki.certificates import (
    PkiError,
    check_validity,
    is_valid,
    load_chain,
    parse,
    pem,
    public_key,
    same_key,
)
from chargewright.protocol.v16.security import CertificateUse
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.context import Context
from chargewright.station.product import Security
from chargewright.tls.client import client_context
from chargewright.tls.failures import TlsFailure, tls_failure
from chargewright.tls.station import station_context
from chargewright.transport.basic_auth import is_authorization_key, password_from_key
from chargewright.transport.errors import UpgradeRefused
from chargewright.transport.security_profile import PROFILES, SecurityProfile, is_upgrade

__all__ = ["Access", "Provisioning", "SecurityProfiles"]

_CENTRAL: Final = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
_PLAIN: Final = "ws://"
# A new profile has so many attempts where nobody answers at all; one that is refused has failed at once (A05.FR.08).
TRIAL_ATTEMPTS: Final = 3
UNAUTHORIZED: Final = 401

EVENT_OF_FAILURE: Final[Mapping[TlsFailure, SecurityEvent]] = {
    TlsFailure.SERVER_CERTIFICATE: SecurityEvent.INVALID_CENTRAL_SYSTEM_CERTIFICATE,
    TlsFailure.CLIENT_CERTIFICATE: SecurityEvent.FAILED_TO_AUTHENTICATE_AT_CENTRAL_SYSTEM,
    TlsFailure.VERSION: SecurityEvent.INVALID_TLS_VERSION,
    TlsFailure.CIPHER_SUITE: SecurityEvent.INVALID_TLS_CIPHER_SUITE,
}


class Provisioning(msgspec.Struct, frozen=True, kw_only=True):
    """What a person gives a station before its first connection.

    `url` is the endpoint; under profiles 2 and 3 it is `secure_url`, or else `url` with TLS. `password` is raw bytes.
    `roots_pem` are the CentralSystemRootCertificates; `certificate_pem` is the station's own with its chain, `key_pem`
    its key. `profile` None: that which fits the rest.
    """

    url: str
    secure_url: str | None = None
    profile: int | None = None
    password: bytes | None = None
    roots_pem: str = ""
    certificate_pem: str = ""
    key_pem: str = ""

    def __repr__(self) -> str:
        return f"Provisioning(url={self.url!r}, profile={self.profile})"


class Access(msgspec.Struct, frozen=True):
    """What the next connection is made with."""

    url: str
    password: bytes | None
    tls: ssl.SSLContext | None

    def __repr__(self) -> str:
        return f"Access(url={self.url!r})"


class SecurityProfiles:
    """Chooses how to connect, changes it when it was told to, and goes back when that does not work.

    `set_key(name, value)` sets a configuration key, `renew` closes the connection in order and makes another. Raises
    `ConfigurationError` for what was given and cannot work. A product without the security extension connects as the
    URL and the password say.
    """

    def __init__(
        self,
        context: Context,
        store: CertificateStore,
        given: Provisioning,
        set_key: Callable[[str, str], None],
        renew: Callable[[], None],
    ) -> None:
        self._context = context
        self._security = context.product.security
        self._store = store
        self._given = given
        self._set_key = set_key
        self._renew = renew
        self._records = context.store.records("security")
        self._is_to_renew = False
        self._noted: set[SecurityEvent] = set()
        self._trial_attempts = 0
        # Which of several roots and own certificates the next attempt uses.
        self._uses_fallback_root = False
        self._own_choice = 0
        self._offered: frozenset[str] = frozenset()
        self._roots_in_use: frozenset[str] = frozenset()
        self._plain_tls: ssl.SSLContext | None = None
        self._latest: tuple[tuple[str, str], ssl.SSLContext] | None = None
        if self._security is not None:
            with context.store.atomically():
                self._provision(self._security)

    @property
    def current(self) -> SecurityProfile:
        """The profile of this station; `NONE` on a product without the security extension."""
        if self._security is None:
            return SecurityProfile.NONE
        return SecurityProfile(self._context.configuration.integer("SecurityProfile"))

    @property
    def roots_in_use(self) -> frozenset[str]:
        """Fingerprints of the roots that the present connection may rest on; none without TLS."""
        return self._roots_in_use

    # First provisioning.

    def _provision(self, security: Security) -> None:
        given, configuration = self._given, self._context.configuration
        if given.roots_pem and self._is_new("roots", given.roots_pem.encode()):
            try:
                for certificate in load_chain(given.roots_pem, most_characters=len(given.roots_pem)):
                    self._store.put_root(_CENTRAL, certificate)
            except PkiError as error:
                raise ConfigurationError("--ca", "", error.what, f"root certificates in PEM ({error.why})") from error
        if given.certificate_pem and self._is_new("certificate", given.certificate_pem.encode()):
            self._check_own()
            self._store.put_own(given.certificate_pem, given.key_pem)
        if given.password is not None and self._is_new("password", given.password):
            key = given.password.hex().upper()
            if not is_authorization_key(key):
                raise ConfigurationError("password", "", "(hidden)", "16 to 20 bytes: 32 to 40 hexadecimal digits")
            if configuration.has("AuthorizationKey"):
                self._set_key("AuthorizationKey", key)
        is_first = self._is_new("begun", b"")
        if given.profile is not None:
            if self._is_new("profile", str(given.profile).encode()):
                self._set_profile(security, given.profile)
        elif is_first and "SecurityProfile" not in self._context.store.configuration():
            self._set_profile(security, self._fitting_profile())
        self._check_usable()

    def _is_new(self, what: str, value: bytes) -> bool:
        """Whether it was not given in the same form before: then the CSMS may have changed it since."""
        digest = hashlib.sha256(value).digest()
        if self._records.get(f"given {what}") == digest:
            return False
        self._records.put(f"given {what}", digest)
        return True

    def _check_own(self) -> None:
        what = "--client-certificate"
        try:
            chain = load_chain(self._given.certificate_pem)
            key = parse("its key", lambda: load_pem_private_key(self._given.key_pem.encode(), None)).public_key()
            if not same_key(public_key(chain[0]), key):  # type: ignore[arg-type]  # of whatever kind: then it differs
                raise PkiError("its key", "it belongs to another certificate (--client-key)")
            check_validity(chain[0], self._context.clock.now())
        except PkiError as error:
            raise ConfigurationError(what, "", error.what, f"a certificate that can be used: {error.why}") from error

    def _fitting_profile(self) -> int:
        given = self._given
        if _is_secure(given.url):
            return 3 if self._store.own() else 2
        return 1 if given.password is not None else 0

    def _set_profile(self, security: Security, profile: int) -> None:
        if profile != 0 and profile not in security.profiles:
            names = ", ".join(str(number) for number in security.profiles)
            how = " (with TLS: --csms wss://… --ca FILE, and --password-file FILE or --client-certificate FILE)"
            expected = f"one of the profiles that this product has: {names}" + (how if profile == 1 else "")
            raise ConfigurationError("security profile", "", profile, expected)
        self._set_key("SecurityProfile", str(profile))
        self._records.remove("trial")

    def _check_usable(self) -> None:
        profile = self.current
        if _is_secure(self._given.url) and not PROFILES[profile].tls:
            expected = "a ws:// URL, or --security-profile 2 or 3 to raise it by hand"
            raise ConfigurationError(
                "URL of the central system", "", self._given.url, f"for profile {profile}: {expected}"
            )
        missing = self._missing(profile)
        if missing is not None:
            raise ConfigurationError("security profile", "", int(profile), missing)

    def _missing(self, profile: SecurityProfile) -> str | None:
        """What a profile needs and the station lacks (A05.FR.02–04)."""
        needs, now = PROFILES[profile], self._context.clock.now()
        if needs.password and not self._key():
            return "an AuthorizationKey for it (--password-file)"
        if needs.tls and not any(is_valid(root.certificate, now) for root in self._store.roots(_CENTRAL)):
            return "a CentralSystemRootCertificate that is valid for it (--ca)"
        if needs.client_certificate and not self._store.own_valid(now):
            return "a certificate of the station that is valid for it (--client-certificate, --client-key)"
        return None

    def _key(self) -> str:
        configuration = self._context.configuration
        return configuration.text("AuthorizationKey") if configuration.has("AuthorizationKey") else ""

    # Changes over OCPP.

    def allows_profile(self, value: str) -> bool:
        """Whether SecurityProfile may be set to `value` now: it rises, and what it needs is there (A05.FR.01–04)."""
        wanted = SecurityProfile(int(value))
        if not is_upgrade(self.current, wanted):
            return False
        missing = self._missing(wanted)
        if missing is not None:
            self._context.log.warning("a security profile was refused", profile=int(wanted), missing=missing)
            return False
        # Before it is set: a power cut in between only means going back to where the station is anyway.
        self._records.put("trial", str(int(self.current)).encode())
        self._trial_attempts = 0
        return True

    def configuration_changed(self, name: str) -> None:
        """A key was set; what follows from it happens after the answer, by `apply`."""
        if name == "AuthorizationKey":
            self._note_change("AuthorizationKey changed")
            self._is_to_renew |= PROFILES[self.current].password
        elif name == "SecurityProfile":
            self._note_change(f"SecurityProfile is {int(self.current)} now")
            self._is_to_renew = True

    def apply(self) -> None:
        """Connect again if something changed that needs it (A01, A05.FR.05–07)."""
        if self._is_to_renew:
            self._is_to_renew = False
            self._renew()

    def certificate_renewed(self) -> None:
        """The station has a new certificate: under profile 3 it is used at once (A02.FR.08)."""
        self._own_choice = 0
        if self.current is SecurityProfile.TLS_CLIENT_CERTIFICATE:
            self._renew()

    # Connecting.

    def access(self) -> Access:
        """What to connect with now. Raises `ConfigurationError` where there is no way."""
        given, security = self._given, self._security
        if security is None:
            if _is_secure(given.url) and self._plain_tls is None:
                self._plain_tls = client_context(authorities_pem=given.roots_pem or None)
            return Access(given.url, given.password, self._plain_tls)
        needs = PROFILES[self.current]
        password = password_from_key(self._key()) if needs.password else None
        if not needs.tls:
            return Access(given.url, password, None)
        return Access(
            given.secure_url or _with_tls(given.url), password, self._context_for(security, needs.client_certificate)
        )

    def _context_for(self, security: Security, shows_certificate: bool) -> ssl.SSLContext:
        roots = self._roots()
        certificate, key = "", ""
        if shows_certificate:
            own = self._store.own_valid(self._context.clock.now())
            if own:
                chosen = own[self._own_choice % len(own)]
                certificate, key = chosen.chain_pem, chosen.key_pem
        if self._latest is None or self._latest[0] != (roots, certificate):
            made = station_context(roots, security.cipher_suites, certificate, key)
            self._latest = ((roots, certificate), made)
        return self._latest[1]

    def _roots(self) -> str:
        roots = self._store.roots(_CENTRAL)
        fallbacks = [root for root in roots if root.is_fallback]
        chosen = (
            fallbacks if self._uses_fallback_root and fallbacks else [root for root in roots if not root.is_fallback]
        )
        self._offered = frozenset(root.fingerprint for root in chosen)
        return "".join(pem(root.certificate) for root in chosen)

    def connected(self) -> None:
        """The connection is there: what was on trial has proved itself."""
        self._noted.clear()
        self._trial_attempts = 0
        self._own_choice = 0
        if self._security is None:
            return
        if self._records.get("trial") is not None:
            self._records.remove("trial")
        self._roots_in_use = self._offered if PROFILES[self.current].tls else frozenset()
        if PROFILES[self.current].tls and not self._uses_fallback_root:
            self._store.drop_fallbacks()
        # The next connection begins with the new root again.
        self._uses_fallback_root = False

    def lost(self) -> None:
        """The connection is gone."""
        self._roots_in_use = frozenset()

    def failed(self, error: ChargewrightError) -> bool:
        """An attempt failed; returns whether to try again at once, in another way."""
        if self._security is None:
            return False
        failure = tls_failure(error)
        if failure is TlsFailure.SERVER_CERTIFICATE and self._tries_other_root():
            return True
        if failure is TlsFailure.CLIENT_CERTIFICATE and self._tries_other_certificate():
            return True
        event = EVENT_OF_FAILURE.get(failure) if failure is not None else None
        if isinstance(error, UpgradeRefused) and error.status == UNAUTHORIZED:
            event = SecurityEvent.FAILED_TO_AUTHENTICATE_AT_CENTRAL_SYSTEM
        if event is not None and event not in self._noted:
            # Once until a connection works: every attempt would tell the same.
            self._noted.add(event)
            self._context.note_security_event(event, str(error))
        return self._goes_back(was_refused=failure is not None or isinstance(error, UpgradeRefused))

    def _tries_other_root(self) -> bool:
        """M05.FR.13: a server that the new root does not verify may still show a certificate of the old one."""
        has_fallback = any(root.is_fallback for root in self._store.roots(_CENTRAL))
        self._uses_fallback_root = has_fallback and not self._uses_fallback_root
        return self._uses_fallback_root

    def _tries_other_certificate(self) -> bool:
        self._own_choice += 1
        if self._own_choice < len(self._store.own_valid(self._context.clock.now())):
            return True
        self._own_choice = 0
        return False

    def _goes_back(self, *, was_refused: bool) -> bool:
        """A05.FR.08: a profile that does not work is given up for the one before."""
        before = self._records.get("trial")
        if before is None:
            return False
        self._trial_attempts += 1
        if not was_refused and self._trial_attempts < TRIAL_ATTEMPTS:
            return False
        self._context.log.warning("the new security profile does not work", now=int(self.current), back_to=int(before))
        self._records.remove("trial")
        self._set_key("SecurityProfile", before.decode("ascii"))
        self._is_to_renew = False
        return True

    def _note_change(self, what: str) -> None:
        self._context.note_security_event(SecurityEvent.RECONFIGURATION_OF_SECURITY_PARAMETERS, what)


def _is_secure(url: str) -> bool:
    return url.lower().startswith("wss://")


def _with_tls(url: str) -> str:
    return "wss://" + url[len(_PLAIN) :] if url.lower().startswith(_PLAIN) else url
