"""Upgrades: in which order they are checked, and what each wrong one gets."""

import base64
from typing import Any

import pytest

from chargewright.csms.admission import AdmissionRules, Doorkeeper
from chargewright.csms.attempts import Attempts
from chargewright.csms.directory import Directory
from chargewright.csms.services.credential_changes import CredentialChangesService
from chargewright.csms.storage.base import StationRow
from chargewright.transport.basic_auth import hash_credential
from chargewright.transport.connection import Admission, Refusal, UpgradeRequest
from chargewright.transport.subprotocol import NoneInCommon, NoneOffered, SubprotocolPolicy

KEY = b"k" * 32
PASSWORD = bytes(range(20))
HASH = hash_credential(PASSWORD, KEY, b"s" * 16)
STATIONS = [
    StationRow(id=1, identity="SECURED", security_profile=1, credential_hash=HASH),
    StationRow(id=2, identity="OPEN", security_profile=0, ping_interval_seconds=7),
    StationRow(id=3, identity="TLS", security_profile=2, credential_hash=HASH),
    StationRow(id=4, identity="CERTIFICATE", security_profile=3),
    StationRow(id=5, identity="FORGOTTEN", security_profile=1, credential_hash=None),
    StationRow(id=6, identity="A:B", security_profile=1, credential_hash=HASH),
]


def basic(identity: str, password: bytes) -> str:
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()


class Adoptions:
    """Whom the doorkeeper sends there."""

    def __init__(self, welcomed: list[Any]) -> None:
        self.welcomed = welcomed
        self.rooms = 1000

    def has_room(self, identity: str) -> bool:
        return self.rooms > 0

    def adopt(self, identity: str, connection: Any) -> None:
        self.rooms -= 1
        self.welcomed.append(f"new {identity}")


class Door:
    """A doorkeeper and what it told."""

    def __init__(self, **rules: Any) -> None:
        self.welcomed: list[Any] = []
        self.closed: str | None = None
        self.has_room = True
        self.adoptions = Adoptions(self.welcomed)
        adoption: Any = self.adoptions
        nowhere: Any = None  # nothing is on its way to a station, so nothing is written
        self.changes = CredentialChangesService(nowhere, nowhere, lambda password, known: "")
        self.attempts = Attempts(lambda: 1_000_000)
        self.keeper = Doorkeeper(
            Directory(STATIONS),
            AdmissionRules(credential_key=KEY, **rules),
            welcome=lambda station, connection: self.welcomed.append(station.identity),
            adoption=adoption,
            is_closed=lambda: self.closed,
            may_enter=lambda: self.has_room,
            attempts=self.attempts,
            changes=self.changes,
        )

    def ask(self, path: str, authorization: str | None = None, offered: str | None = "ocpp1.6") -> Any:
        headers = {}
        if authorization is not None:
            headers["authorization"] = authorization
        if offered is not None:
            headers["sec-websocket-protocol"] = offered
        return self.keeper.admit(UpgradeRequest(path, headers))

    def status(self, *arguments: Any, **named: Any) -> int:
        decision = self.ask(*arguments, **named)
        if isinstance(decision, Refusal):
            return int(decision.status)
        return 101


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/SECURED", basic("SECURED", PASSWORD), 101),
        ("/ocpp/16/SECURED?x=1", basic("SECURED", PASSWORD), 101),
        ("/SECURED", basic("SECURED", PASSWORD.hex().encode()), 101),
        ("/SECURED", basic("SECURED", b"wrong"), 401),
        ("/SECURED", basic("OPEN", PASSWORD), 401),
        ("/SECURED", "Bearer x", 401),
        ("/SECURED", "Basic ???", 401),
        ("/SECURED", None, 401),
        ("/secured", basic("secured", PASSWORD), 404),
        ("/A%3AB", basic("A:B", PASSWORD), 101),
        ("/OPEN", None, 101),
        ("/OPEN", basic("OPEN", b"whatever"), 101),
        ("/TLS", basic("TLS", PASSWORD), 401),
        ("/CERTIFICATE", None, 401),
        ("/FORGOTTEN", basic("FORGOTTEN", b""), 401),
        ("/UNKNOWN", None, 404),
        ("/", None, 404),
        ("/a%2Fb", None, 404),
        ("/a%00b", None, 404),
    ],
)
def test_who_may_come_in(path: str, authorization: str | None, status: int) -> None:
    door = Door()
    assert door.status(path, authorization) == status
    assert door.keeper.refused == ({} if status == 101 else {status: 1})


def test_the_hex_text_as_password_can_be_forbidden() -> None:
    assert Door(accepts_hex_passwords=False).status("/SECURED", basic("SECURED", PASSWORD.hex().encode())) == 401


def test_the_challenge_names_the_scheme() -> None:
    assert Door().ask("/SECURED").headers["WWW-Authenticate"].startswith("Basic ")


def test_identity_comes_before_credentials_and_they_before_the_subprotocol() -> None:
    door = Door()
    assert door.status("/UNKNOWN", "Basic ???", "ocpp0.1") == 404
    assert door.status("/SECURED", "Basic ???", "ocpp0.1") == 401
    assert door.status("/SECURED", basic("SECURED", PASSWORD), "ocpp0.1") == 400
    door.has_room = False
    assert door.status("/SECURED", basic("SECURED", PASSWORD), "ocpp0.1") == 400
    assert door.status("/SECURED", basic("SECURED", PASSWORD)) == 503
    door.closed = "the database is away"
    assert door.status("/UNKNOWN") == 503


def test_who_is_turned_away_for_a_while_is_told_when_to_come_back() -> None:
    door = Door()
    door.closed = "stopping"
    refusal = door.ask("/OPEN")
    assert (refusal.text, refusal.headers["Retry-After"]) == ("stopping", "10")


@pytest.mark.parametrize(
    ("offered", "chosen"), [("ocpp1.6", "ocpp1.6"), ("ocpp2.0.1, ocpp1.6", "ocpp1.6"), ("ocpp0.1,ocpp1.6", "ocpp1.6")]
)
def test_the_subprotocol_is_agreed_on(offered: str, chosen: str) -> None:
    decision = Door().ask("/OPEN", offered=offered)
    assert isinstance(decision, Admission)
    assert decision.subprotocol == chosen


@pytest.mark.parametrize("offered", [None, "ocpp0.1"])
def test_the_letter_of_the_specification_completes_and_closes(offered: str | None) -> None:
    policy = SubprotocolPolicy(NoneInCommon.COMPLETE_THEN_CLOSE, NoneOffered.COMPLETE_THEN_CLOSE)
    door = Door(subprotocols=policy)
    decision = door.ask("/OPEN", offered=offered)
    assert isinstance(decision, Admission)
    assert decision.subprotocol is None
    closed: list[int] = []

    class Connection:
        def close(self, code: int, reason: str) -> None:
            closed.append(code)

    connection: Any = Connection()
    decision.on_connected(connection)
    assert closed == [1002]
    assert door.welcomed == []


def test_pings_are_the_stations_own_or_the_servers() -> None:
    door = Door(ping_interval_seconds=50, ping_timeout_seconds=5)
    own, servers = door.ask("/OPEN").keepalive, door.ask("/SECURED", basic("SECURED", PASSWORD)).keepalive
    assert (own.interval_seconds, servers.interval_seconds, servers.timeout_seconds) == (7, 50, 5)


def test_an_unknown_station_is_adopted_where_the_operator_says_so() -> None:
    door = Door(accepts_unknown_stations=True)
    connection: Any = object()
    door.ask("/NEW").on_connected(connection)
    door.ask("/OPEN").on_connected(connection)
    assert door.welcomed == ["new NEW", "OPEN"]
    assert door.status("/bad%20%01") == 404
    assert door.status("/SECURED") == 401


def test_there_is_an_end_to_taking_on_unknown_stations() -> None:
    door = Door(accepts_unknown_stations=True)
    door.adoptions.rooms = 1
    connection: Any = object()
    door.ask("/NEW-1").on_connected(connection)
    assert door.welcomed == ["new NEW-1"]
    assert door.status("/NEW-2") == 404
    assert door.status("/OPEN") == 101, "registered stations are not concerned"
