"""Who may connect: each upgrade is decided from memory, inside the handshake.

In this order: is the CSMS taking anybody at all (503), is the identity known (404, OCPP-J 3.2), are its credentials
right (401, security whitepaper A00), do we share a subprotocol. What is refused here never becomes a WebSocket.
"""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
import structlog

from chargewright.csms.adoption import Adoption
from chargewright.csms.directory import Directory
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
from chargewright.transport.security_profile import PROFILES, Offer, SecurityProfile, check_offer
from chargewright.transport.subprotocol import SubprotocolPolicy, negotiate

__all__ = ["AdmissionRules", "Doorkeeper"]

SUBPROTOCOLS: Final = ("ocpp1.6",)

_UNKNOWN: Final = Refusal(HTTPStatus.NOT_FOUND, "This identity is not known here.")
_UNAUTHORIZED: Final = Refusal(HTTPStatus.UNAUTHORIZED, "Credentials are missing or wrong.", CHALLENGE)
_RETRY_SECONDS: Final = "10"

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
    """Answers upgrades. `welcome` takes an admitted connection over, with its station's row; `adoption` that of a
    station that nobody registered. `may_enter` is asked last: False turns everybody away with 503 for a while."""

    def __init__(
        self,
        directory: Directory,
        rules: AdmissionRules,
        *,
        welcome: Callable[[StationRow, Connection], None],
        adoption: Adoption,
        is_closed: Callable[[], str | None],
        may_enter: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._rules = rules
        self._welcome = welcome
        self._adoption = adoption
        self._is_closed = is_closed
        self._may_enter = may_enter
        self.refused: Counter[int] = Counter()  # by HTTP status

    def admit(self, request: UpgradeRequest) -> Admission | Refusal:
        """Decide one upgrade."""
        decision = self._decide(request)
        if isinstance(decision, Refusal):
            self.refused[int(decision.status)] += 1
        return decision

    def _decide(self, request: UpgradeRequest) -> Admission | Refusal:
        closed = self._is_closed()
        if closed is not None:
            return _unavailable(closed)
        identity = identity_from_path(request.path)
        if identity is None:
            return _UNKNOWN
        station = self._directory.station(identity)
        if station is None and not self._may_adopt(identity):
            return _UNKNOWN
        if station is not None and not self._is_authentic(station, request.headers.get("authorization")):
            _log.warning("upgrade refused: wrong or missing credentials", station=identity)
            return _UNAUTHORIZED
        agreement = negotiate(request.headers.get("sec-websocket-protocol"), SUBPROTOCOLS, self._rules.subprotocols)
        if isinstance(agreement, Refusal):
            _log.info(
                "upgrade refused: no common subprotocol",
                station=identity,
                offered=request.headers.get("sec-websocket-protocol", "")[:100],
            )
            return agreement
        if agreement.must_close:
            return Admission(None, _close_at_once)
        if not self._may_enter():
            return _unavailable("Too many stations are coming back at once.")

        def on_connected(connection: Connection) -> None:
            if station is None:
                self._adoption.adopt(identity, connection)
            else:
                self._welcome(station, connection)

        return Admission(agreement.subprotocol, on_connected, self._keepalive(station))

    def _may_adopt(self, identity: str) -> bool:
        """Whether a station that nobody registered may come in; each makes a row, so there is an end to it."""
        if not self._rules.accepts_unknown_stations:
            _log.info("upgrade refused: unknown identity", station=identity)
            return False
        if not self._adoption.has_room(identity):
            _log.warning("upgrade refused: the limit of unknown stations is reached", station=identity)
            return False
        return True

    def _is_authentic(self, station: StationRow, header: str | None) -> bool:
        # A00.FR.001: the connection is made as the profile on record wants it, TLS included, which is not served yet.
        offer = Offer(tls=False, password=header is not None, client_certificate=False)
        profile = SecurityProfile(station.security_profile)
        if check_offer(profile, offer) is not None:
            return False
        if not PROFILES[profile].password:
            return True
        if station.credential_hash is None or header is None:
            return False
        password = password_from_header(header, station.identity)
        return password is not None and verify_credential(
            password,
            self._rules.credential_key,
            station.credential_hash,
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
