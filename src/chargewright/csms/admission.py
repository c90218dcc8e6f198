"""Who may connect: each upgrade is decided from memory, inside the handshake.

In this order: is the CSMS taking anybody at all (503), is the identity known (404, OCPP-J 3.2), are its credentials
right (401, security whitepaper A00), do we share a subprotocol. What is refused here never becomes a WebSocket.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import structlog

from chargewright.csms.adoption import Adoption
from chargewright.csms.attempts import Attempts, Cause
from chargewright.csms.directory import Directory
from chargewright.csms.services.credential_changes import CredentialChangesService
from chargewright.csms.storage.base import StationRow
from chargewright.transport.basic_auth import CHALLENGE, password_from_header, verify_credential
from chargewright.transport.connection import (
    PROTOCOL_ERROR,
    Admission,
    Connection,
    Keepalive,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.identity import identity_from_path
from chargewright.transport.security_profile import PROFILES, Mismatch, Offer, SecurityProfile, check_offer
from chargewright.transport.subprotocol import SubprotocolPolicy, negotiate, offered_subprotocols

__all__ = ["DATABASE_AWAY", "AdmissionRules", "Doorkeeper"]

SUBPROTOCOLS: Final = ("ocpp1.6",)

_UNKNOWN: Final = Refusal(HTTPStatus.NOT_FOUND, "This identity is not known here.")
_UNAUTHORIZED: Final = Refusal(HTTPStatus.UNAUTHORIZED, "Credentials are missing or wrong.", CHALLENGE)
_RETRY_SECONDS: Final = "10"

DATABASE_AWAY: Final = "the database is away"
"""What `is_closed` says then."""

_CAUSE_OF_MISMATCH: Final[Mapping[Mismatch, Cause]] = {
    Mismatch.TLS_MISSING: Cause.TLS_MISSING,
    Mismatch.TLS_UNEXPECTED: Cause.TLS_UNEXPECTED,
    Mismatch.PASSWORD_MISSING: Cause.MISSING_CREDENTIALS,
    Mismatch.CERTIFICATE_MISSING: Cause.MISSING_CERTIFICATE,
}

_log = structlog.get_logger(__name__)


class AdmissionRules(msgspec.Struct, frozen=True):
    """What the operator decided; see the settings of the same names."""

    credential_key: bytes
    accepts_unknown_stations: bool = False
    accepts_hex_passwords: bool = True
    subprotocols: SubprotocolPolicy = SubprotocolPolicy()
    ping_interval_seconds: float = 60.0
    ping_timeout_seconds: float = 20.0


class Doorkeeper:
    """Answers upgrades, and notes each refusal in `attempts`.

    `welcome` takes an admitted connection over, with its station's row; `adoption` that of a station that nobody
    registered. `may_enter` is asked last: False turns everybody away with 503 for a while.
    """

    def __init__(
        self,
        directory: Directory,
        rules: AdmissionRules,
        *,
        welcome: Callable[[StationRow, Connection], None],
        adoption: Adoption,
        is_closed: Callable[[], str | None],
        may_enter: Callable[[], bool],
        attempts: Attempts,
        changes: CredentialChangesService,
    ) -> None:
        self._directory = directory
        self._rules = rules
        self._welcome = welcome
        self._adoption = adoption
        self._is_closed = is_closed
        self._may_enter = may_enter
        self._attempts = attempts
        self._changes = changes
        self.refused: Counter[int] = Counter()  # by HTTP status

    def admit(self, request: UpgradeRequest) -> Admission | Refusal:
        """Decide one upgrade that came without TLS."""
        return self._admit(request, tls=False)

    def admit_tls(self, request: UpgradeRequest) -> Admission | Refusal:
        """Decide one upgrade that came by TLS."""
        return self._admit(request, tls=True)

    def handshake_failed(self, address: str, reason: str) -> None:
        """Note a TLS handshake that came to nothing: who it was, nobody knows."""
        self._attempts.record(Cause.TLS_HANDSHAKE_FAILED, address=address, detail=reason)

    def _admit(self, request: UpgradeRequest, *, tls: bool) -> Admission | Refusal:
        decision = self._decide(request, tls)
        if isinstance(decision, Refusal):
            self.refused[int(decision.status)] += 1
        return decision

    def _decide(self, request: UpgradeRequest, tls: bool) -> Admission | Refusal:
        identity = identity_from_path(request.path)
        closed = self._is_closed()
        if closed is not None:
            self._note(request, identity, Cause.DATABASE_AWAY if closed == DATABASE_AWAY else Cause.NOT_READY, closed)
            return _unavailable(closed)
        if identity is None:
            self._note(request, None, Cause.MALFORMED_IDENTITY)
            return _UNKNOWN
        station = self._directory.station(identity)
        if station is None:
            cause = self._why_not_adopted(identity)
            if cause is not None:
                self._note(request, identity, cause)
                return _UNKNOWN
        else:
            cause = self._why_not_authentic(station, request.headers.get("authorization"), tls)
            if cause is not None:
                _log.warning("upgrade refused", station=identity, address=request.address, cause=cause.value)
                self._note(request, identity, cause)
                return _UNAUTHORIZED
        offered = request.headers.get("sec-websocket-protocol")
        agreement = negotiate(offered, SUBPROTOCOLS, self._rules.subprotocols)
        if isinstance(agreement, Refusal) or agreement.must_close:
            _log.info("upgrade refused: no common subprotocol", station=identity, offered=(offered or "")[:100])
            has_offered = bool(offered_subprotocols(offered))
            self._note(request, identity, Cause.NO_COMMON_SUBPROTOCOL if has_offered else Cause.NO_SUBPROTOCOL)
            return agreement if isinstance(agreement, Refusal) else Admission(None, _close_at_once)
        if not self._may_enter():
            self._note(request, identity, Cause.TOO_MANY_AT_ONCE)
            return _unavailable("Too many stations are coming back at once.")

        def on_connected(connection: Connection) -> None:
            if station is None:
                self._adoption.adopt(identity, connection)
            else:
                self._welcome(station, connection)

        return Admission(agreement.subprotocol, on_connected, self._keepalive(station))

    def _note(self, request: UpgradeRequest, identity: str | None, cause: Cause, detail: str = "") -> None:
        self._attempts.record(
            cause,
            identity=identity,
            address=request.address,
            path=request.path,
            subprotocols=request.headers.get("sec-websocket-protocol"),
            detail=detail,
        )

    def _why_not_adopted(self, identity: str) -> Cause | None:
        """What keeps a station that nobody registered outside; each makes a row, so there is an end to it."""
        if not self._rules.accepts_unknown_stations:
            _log.info("upgrade refused: unknown identity", station=identity)
            return Cause.UNKNOWN_IDENTITY
        if not self._adoption.has_room(identity):
            _log.warning("upgrade refused: the limit of unknown stations is reached", station=identity)
            return Cause.UNKNOWN_STATIONS_LIMIT
        return None

    def _why_not_authentic(self, station: StationRow, header: str | None, tls: bool) -> Cause | None:
        """What is wrong with how the station shows who it is; None where nothing is."""
        # A00.FR.001: the connection is made as the profile on record wants it, TLS included.
        offer = Offer(tls=tls, password=header is not None, client_certificate=False)
        profile = SecurityProfile(station.security_profile)
        change = self._changes.of(station.id)
        mismatch = check_offer(profile, offer)
        if change is not None and change.security_profile is not None:
            # A05: it was told to change, and may come either way until it came the new one.
            wanted = SecurityProfile(change.security_profile)
            if check_offer(wanted, offer) is None:
                profile, mismatch = wanted, None
        if mismatch is not None:
            return _CAUSE_OF_MISMATCH[mismatch]
        used: str | None = None
        if PROFILES[profile].password:
            password = None if header is None else password_from_header(header, station.identity)
            if password is None:
                return Cause.WRONG_CREDENTIALS
            pending = () if change is None else change.passwords
            good = (station.credential_hash, *(one.credential_hash for one in pending))
            used = next((one for one in good if self._is_password(password, one)), None)
            if used is None:
                return Cause.WRONG_CREDENTIALS
        if change is not None:
            self._changes.used(station, credential_hash=used, security_profile=profile.value)
        return None

    def _is_password(self, password: bytes, credential_hash: str | None) -> bool:
        return credential_hash is not None and verify_credential(
            password,
            self._rules.credential_key,
            credential_hash,
            accept_hex_text=self._rules.accepts_hex_passwords,
        )

    def _keepalive(self, station: StationRow | None) -> Keepalive:
        own = None if station is None else station.ping_interval_seconds
        interval = self._rules.ping_interval_seconds if own is None else own
        return Keepalive(interval_seconds=interval, timeout_seconds=self._rules.ping_timeout_seconds)


def _unavailable(text: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": _RETRY_SECONDS})


def _close_at_once(connection: Connection) -> None:
    # OCPP-J 3.2 by its letter: the handshake is completed without a subprotocol, and the connection closed.
    connection.close(PROTOCOL_ERROR, "no subprotocol in common")
