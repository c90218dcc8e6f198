"""Passwords and security profiles in virtual time; real TLS is in test_security_extension.py."""

import ssl
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from tests.station.bench import Bench
from tests.station.test_security import SECURITY
from tests.station.world import World, live, product

from chargewright.clock import LoopClock
from chargewright.errors import ConfigurationError, ConnectionLost
from chargewright.pki.authorities import make_authority
from chargewright.protocol.v16.security import CertificateUse
from chargewright.simulation import simulate
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.configuration import StationConfiguration
from chargewright.station.security_profile import Provisioning, SecurityProfiles
from chargewright.station.store import StationStore
from chargewright.transport.errors import UpgradeRefused
from chargewright.transport.security_profile import SecurityProfile

KEY = "00112233445566778899AABBCCDDEEFF"
OTHER_KEY = "FF" * 20
PASSWORD = bytes.fromhex(KEY)
# Where virtual time begins.
AT = datetime(2020, 1, 1, tzinfo=UTC)
ROOT = make_authority("Root", AT, days=30_000)
OWN = ROOT.client("Acme", "CW-1", AT, days=20_000)


class Desk:
    """Security profiles on the bench."""

    def __init__(self, store: StationStore | None = None, profiles: tuple[int, ...] = (1, 2, 3), **given: Any) -> None:
        self.bench = Bench(product(security=msgspec.structs.replace(SECURITY, profiles=profiles)))
        if store is not None:
            self.bench = self._on(store)
        self.renewals = 0
        self.certificates = CertificateStore(self.bench.context.store)
        self.profiles = SecurityProfiles(
            self.bench.context,
            self.certificates,
            Provisioning(**({"url": "ws://csms/ocpp"} | given)),
            self.bench.configuration.set,
            self._renew,
        )

    def _on(self, store: StationStore) -> Bench:
        self.bench.store = store
        self.bench.configuration = StationConfiguration(self.bench.context.product, store)
        self.bench.context = msgspec.structs.replace(
            self.bench.context, store=store, configuration=self.bench.configuration
        )
        return self.bench

    def _renew(self) -> None:
        self.renewals += 1


def secure(**given: Any) -> dict[str, Any]:
    return {"url": "wss://csms/ocpp", "roots_pem": ROOT.pem, "password": PASSWORD} | given


OWN_FILES = {"certificate_pem": OWN.chain_pem, "key_pem": OWN.key_pem}


@pytest.mark.parametrize(
    ("given", "profile", "url", "password"),
    [
        ({}, 0, "ws://csms/ocpp", None),
        ({"password": PASSWORD}, 1, "ws://csms/ocpp", PASSWORD),
        (secure(), 2, "wss://csms/ocpp", PASSWORD),
        (secure(**OWN_FILES), 3, "wss://csms/ocpp", None),
        (secure(url="ws://csms:9000/ocpp", profile=2), 2, "wss://csms:9000/ocpp", PASSWORD),
        (secure(url="ws://a/", secure_url="wss://b/", profile=2), 2, "wss://b/", PASSWORD),
        (secure(profile=2, **OWN_FILES), 2, "wss://csms/ocpp", PASSWORD),
    ],
)
def test_the_profile_follows_from_what_was_given(
    given: dict[str, Any], profile: int, url: str, password: bytes | None
) -> None:
    desk = Desk(**given)
    access = desk.profiles.access()
    assert desk.profiles.current == profile
    assert (access.url, access.password, access.tls is not None) == (url, password, profile >= 2)
    assert "password" not in repr(access)


@pytest.mark.parametrize(
    ("given", "profiles", "why"),
    [
        ({"password": PASSWORD}, (2, 3), r"1 is not right; expected one of .*: 2, 3 \(with TLS: --csms wss://"),
        ({"profile": 1}, (1, 2), "AuthorizationKey"),
        (secure(roots_pem=""), (1, 2), "--ca"),
        (secure(profile=3), (1, 2, 3), "--client-certificate"),
        (secure(profile=3, **OWN_FILES), (1, 2), "one of the profiles that this product has: 1, 2"),
        (secure(profile=1), (1, 2), "wss://csms/ocpp"),
        ({"password": b"short"}, (1,), "16 to 20 bytes"),
        (secure(roots_pem="nonsense"), (2,), "--ca"),
        (secure(certificate_pem=OWN.chain_pem, key_pem=ROOT.client("A", "B", AT).key_pem), (3,), "another certificate"),
        (secure(certificate_pem=OWN.chain_pem, key_pem="nonsense"), (3,), "its key"),
    ],
)
def test_what_cannot_work_is_told_at_the_start(given: dict[str, Any], profiles: tuple[int, ...], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        Desk(profiles=profiles, **given)
    assert KEY.lower() not in str(caught.value).lower()


def test_what_the_csms_changed_outlives_a_restart_with_the_same_options() -> None:
    store = StationStore(":memory:", Random(1))
    first = Desk(store, password=PASSWORD)
    first.bench.set("AuthorizationKey", OTHER_KEY)
    again = Desk(store, password=PASSWORD)
    assert again.profiles.access().password == bytes.fromhex(OTHER_KEY)
    given_anew = Desk(store, password=b"x" * 16)
    assert given_anew.profiles.access().password == b"x" * 16
    raised = Desk(store, profile=2, roots_pem=ROOT.pem)
    assert raised.profiles.access().url == "wss://csms/ocpp"
    assert Desk(store, password=b"x" * 16).profiles.current == 2


@pytest.mark.parametrize("current", SecurityProfile)
@pytest.mark.parametrize("wanted", SecurityProfile)
@pytest.mark.parametrize("has_key", [False, True])
@pytest.mark.parametrize("has_root", [False, True])
@pytest.mark.parametrize("has_own", [False, True])
def test_a_profile_rises_where_its_needs_are_met(
    current: SecurityProfile, wanted: SecurityProfile, has_key: bool, has_root: bool, has_own: bool
) -> None:
    desk = Desk()
    if has_key:
        desk.bench.set("AuthorizationKey", KEY)
    if has_root:
        desk.certificates.put_root(CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE, ROOT.certificate)
    if has_own:
        desk.certificates.put_own(OWN.chain_pem, OWN.key_pem)
    desk.bench.set("SecurityProfile", str(int(current)))
    needs = {1: has_key, 2: has_key and has_root, 3: has_root and has_own}
    assert desk.profiles.allows_profile(str(int(wanted))) is (wanted > current and needs[int(wanted)])


def test_expired_certificates_do_not_count() -> None:
    desk = Desk(password=PASSWORD, roots_pem=ROOT.pem)
    assert desk.profiles.allows_profile("2")
    desk.bench.timers.pass_time(timedelta(days=40_000).total_seconds())
    assert not desk.profiles.allows_profile("2")


def refusal(status: int = 401) -> UpgradeRefused:
    return UpgradeRefused(status, "no")


def test_a_refused_password_is_noted_once_until_a_connection_works() -> None:
    desk = Desk(password=PASSWORD)
    for _ in range(3):
        assert desk.profiles.failed(refusal()) is False
    desk.profiles.connected()
    desk.profiles.failed(refusal())
    assert [kind.value for kind, _ in desk.bench.security_events] == ["FailedToAuthenticateAtCentralSystem"] * 2
    desk.profiles.failed(refusal(503))
    desk.profiles.failed(ConnectionLost("nobody"))
    assert len(desk.bench.security_events) == 2


def upgraded(desk: Desk) -> None:
    assert desk.profiles.allows_profile("2")
    desk.bench.set("SecurityProfile", "2")


def test_a_profile_that_is_refused_is_given_up_at_once() -> None:
    desk = Desk(password=PASSWORD, roots_pem=ROOT.pem)
    upgraded(desk)
    assert desk.profiles.failed(refusal()) is True
    assert desk.profiles.access().url == "ws://csms/ocpp"
    assert desk.profiles.failed(refusal()) is False, "the old one is not on trial"


def test_where_nobody_answers_a_new_profile_has_three_attempts() -> None:
    desk = Desk(password=PASSWORD, roots_pem=ROOT.pem)
    upgraded(desk)
    lost = ConnectionLost("nobody listens")
    assert [desk.profiles.failed(lost) for _ in range(3)] == [False, False, True]
    assert desk.profiles.current == 1


def test_a_profile_that_has_worked_stays() -> None:
    desk = Desk(password=PASSWORD, roots_pem=ROOT.pem)
    upgraded(desk)
    desk.profiles.connected()
    assert [desk.profiles.failed(refusal()) for _ in range(5)] == [False] * 5
    assert desk.profiles.current == 2


def refused_by_tls(reason: str) -> ConnectionLost:
    error = ConnectionLost("wss://csms")
    error.__cause__ = cause = ssl.SSLError(1, reason)
    cause.reason = reason
    return error


def test_a_refused_certificate_gives_way_to_the_one_before() -> None:
    desk = Desk(**secure(**OWN_FILES))
    newer = ROOT.client("Acme", "CW-1", AT + timedelta(days=1), days=20_000)
    desk.certificates.put_own(newer.chain_pem, newer.key_pem)
    alert = refused_by_tls("TLSV1_ALERT_UNKNOWN_CA")
    first = desk.profiles.access().tls
    assert desk.profiles.failed(alert) is True
    assert desk.profiles.access().tls is not first
    assert desk.profiles.failed(alert) is False, "there is no third"
    assert [kind.value for kind, _ in desk.bench.security_events] == ["FailedToAuthenticateAtCentralSystem"]


# In virtual time, over the wire.


Seen = list[tuple[str, bytes | None]]


def secured(main: Callable[[World, Seen], Coroutine[Any, Any, Any]]) -> None:
    """A station of profile 1; `main` also gets the URLs and passwords that it came with."""
    made = product(security=SECURITY)

    async def run(clock: LoopClock) -> None:
        with StationStore(":memory:", Random(7)) as memory:
            # What an earlier start left behind.
            memory.set_configuration("AuthorizationKey", KEY)
            memory.set_configuration("SecurityProfile", "1")
            memory.records("security").put("given begun", b"")
            world = World(made, clock, memory)
            seen: Seen = []
            connect = world.csms.connect

            async def watched(url: str, **options: Any) -> Any:
                seen.append((url, options["password"]))
                return await connect(url, **options)

            world.csms.connect = watched  # type: ignore[method-assign]  # the test listens in
            world.virtual = world._make(None)
            try:
                await main(world, seen)
            finally:
                await world.close()

    simulate(run)


def test_a_new_password_is_answered_first_and_used_at_once() -> None:
    async def main(world: World, seen: Seen) -> None:
        await world.boot()
        assert await world.change("AuthorizationKey", OTHER_KEY) == "Accepted"
        await world.csms.expect("Heartbeat", within=4000)
        assert [password for _, password in seen] == [PASSWORD, bytes.fromhex(OTHER_KEY)]
        assert world.csms.closed == [1000]
        assert len(world.csms.of("BootNotification")) == 1
        for wrong in ("FF" * 15, "F" * 33, "xyz", "FF" * 21, ""):
            assert await world.change("AuthorizationKey", wrong) == "Rejected"

    secured(main)


def test_the_password_is_never_told() -> None:
    async def main(world: World, seen: Seen) -> None:
        await world.boot()
        everything = await world.csms.call("GetConfiguration")
        names = {item["key"] for item in everything["configurationKey"]}
        assert "AuthorizationKey" not in names and {"SecurityProfile", "CpoName"} <= names
        asked = await world.csms.call("GetConfiguration", key=["authorizationkey"])
        assert asked == {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]}
        await world.change("AuthorizationKey", OTHER_KEY)
        log = world.virtual.station._blocks.security.events.text()
        assert "AuthorizationKey changed" in log
        assert KEY not in log and OTHER_KEY not in log

    secured(main)


@pytest.mark.parametrize(
    ("value", "status"), [("0", "Rejected"), ("1", "Rejected"), ("2", "Rejected"), ("4", "Rejected"), ("x", "Rejected")]
)
def test_without_root_and_certificate_no_profile_rises(value: str, status: str) -> None:
    async def main(world: World, seen: Seen) -> None:
        await world.boot()
        assert await world.change("SecurityProfile", value) == status
        asked = await world.csms.call("GetConfiguration", key=["SecurityProfile"])
        assert asked["configurationKey"][0]["value"] == "1"

    secured(main)


def test_a_profile_rises_and_the_station_comes_with_tls() -> None:
    async def main(world: World, seen: Seen) -> None:
        await world.boot()
        root = make_authority("Root", world.clock.now())
        install = {"certificateType": "CentralSystemRootCertificate", "certificate": root.pem}
        assert (await world.csms.call("InstallCertificate", **install))["status"] == "Accepted"
        assert await world.change("SecurityProfile", "2") == "Accepted"
        await world.csms.expect("Heartbeat", within=4000)
        assert [url for url, _ in seen] == ["ws://memory/ocpp", "wss://memory/ocpp"]
        asked = await world.csms.call("GetConfiguration", key=["SecurityProfile"])
        assert asked["configurationKey"][0]["value"] == "2"
        assert await world.change("SecurityProfile", "1") == "Rejected"

    secured(main)


def test_keys_of_the_extension_are_unknown_without_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for key in ("AuthorizationKey", "SecurityProfile", "CpoName", "CertificateStoreMaxLength"):
            assert await world.change(key, "1") == "NotSupported"
        answer = await world.csms.call("GetInstalledCertificateIds", certificateType="ManufacturerRootCertificate")
        assert answer[0] == "NotSupported"

    live(main)
