"""Real TLS at the other end: OpenSSL by Python, WebSockets by `websockets`, and nothing of ours but the authorities."""

import asyncio
import base64
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.serving import ServeProcess, data_arguments
from tests.station.test_security import SECURITY
from tests.station.world import product
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chargewright.clock import SystemClock
from chargewright.pki.authorities import Authority, Identity, KeyKind, make_authority
from chargewright.station.security_profile import Provisioning
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

AT = datetime.now(UTC)
ROOT = make_authority("Root", AT)
KEY = "00112233445566778899AABBCCDDEEFF"
BASIC = "Basic " + base64.b64encode(b"CW:" + bytes.fromhex(KEY)).decode()
BOTH = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
)
PICOWS_AND_WEBSOCKETS = pytest.mark.parametrize("transport", ["picows", "websockets"])


class CentralSystem:
    """Takes a station on, whichever way it comes; `came` are the ways, `calls` what it said."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str | None, str | None]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuses: Callable[[bool], bool] = lambda is_encrypted: False
        self._changed = asyncio.Event()
        self._connection: ServerConnection | None = None
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        tls = connection.transport.get_extra_info("ssl_object")
        if self.refuses(tls is not None):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        certificate = tls.getpeercert() if tls is not None else None
        names = {key: value for part in (certificate or {}).get("subject", ()) for key, value in part}
        version = tls.version() if tls is not None else "plain"
        self.came.append((version, request.headers.get("Authorization"), names.get("commonName")))
        return None

    async def serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        try:
            async for text in connection:
                await self._receive(connection, json.loads(text))
        except ConnectionClosed:
            return

    async def _receive(self, connection: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            self._answers.pop(frame[1]).set_result(frame[2] if frame[0] == 3 else frame[2:4])
            return
        _, call_id, action, payload = frame
        self.calls.append((action, payload))
        now = datetime.now(UTC).isoformat()
        answers = {
            "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 300},
            "Heartbeat": {"currentTime": now},
            "SignCertificate": {"status": "Accepted"},
        }
        # What the station said before it closed is read to the end, even where it cannot be answered any more.
        with suppress(ConnectionClosed):
            await connection.send(json.dumps([3, call_id, answers.get(action, {})]))
        self._changed.set()

    async def call(self, action: str, **payload: Any) -> Any:
        assert self._connection is not None
        call_id = f"{action}-{len(self.calls)}-{len(self._answers)}"
        self._answers[call_id] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps([2, call_id, action, payload]))
        return await asyncio.wait_for(self._answers[call_id], 20)

    async def expect(self, action: str, count: int = 1, **wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while len(found := [x for name, x in self.calls if name == action and wanted.items() <= x.items()]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]

    async def came_again(self, count: int) -> None:
        """Wait until the station is connected for the `count`-th time, and speaks."""
        async with asyncio.timeout(20):
            while (  # noqa: ASYNC110  # the library has no event for it
                len(self.came) < count or self._connection is None or self._connection.state.name != "OPEN"
            ):
                await asyncio.sleep(0.01)
        heartbeats = len([name for name, _ in self.calls if name == "Heartbeat"])
        async with asyncio.timeout(20):
            # Before it is accepted it refuses; what it says after that wakes us up.
            self._changed.clear()
            while await self.call("TriggerMessage", requestedMessage="Heartbeat") != {"status": "Accepted"}:
                await self._changed.wait()
                self._changed.clear()
        await self.expect("Heartbeat", heartbeats + 1)


def context_of(folder: Path, *servers: Identity, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    for server in servers:
        (folder / "server.pem").write_text(server.key_pem + server.chain_pem)
        context.load_cert_chain(folder / "server.pem")
    if clients is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=clients.pem)
    return context


@asynccontextmanager
async def listening(
    system: CentralSystem, context: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[tuple[Server, int]]:
    async with serve(
        system.serve,
        "127.0.0.1",
        port,
        ssl=context,
        process_request=system.admit,
        subprotocols=[Subprotocol("ocpp1.6")],
    ) as server:
        yield server, next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def living(
    given: Provisioning, store: StationStore, transport: str = "picows", suites: tuple[str, ...] = BOTH
) -> AsyncIterator[VirtualStation]:
    security = msgspec.structs.replace(SECURITY, cipher_suites=suites)
    virtual = VirtualStation(
        "CW",
        given.url,
        product(security=security),
        store,
        connect=implementation(transport).connect,
        clock=SystemClock(),
        random=Random(1),
        delay_seconds=lambda attempt, random: 0.05,
        provisioning=given,
    )
    life = asyncio.create_task(virtual.station.run())
    try:
        yield virtual
    finally:
        await virtual.station.close()
        await life


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with StationStore(tmp_path / "station.sqlite3", Random(1)) as made:
        yield made


def kinds(virtual: VirtualStation) -> list[str]:
    return [entry.kind for entry in virtual.station._blocks.security.events.entries()]


async def until_noted(virtual: VirtualStation, kind: str) -> None:
    async with asyncio.timeout(20):
        while kind not in kinds(virtual):  # noqa: ASYNC110  # the log has no event for tests
            await asyncio.sleep(0.01)


@PICOWS_AND_WEBSOCKETS
async def test_a_station_rises_from_profile_1_to_2_to_3(transport: str, tmp_path: Path, store: StationStore) -> None:
    system = CentralSystem()
    below = ROOT.subordinate("CPO", AT)
    server = context_of(tmp_path, below.server(["localhost"], AT), clients=ROOT)
    async with listening(system) as (_, plain), listening(system, server) as (_, secure):
        given = Provisioning(
            url=f"ws://127.0.0.1:{plain}/ocpp",
            secure_url=f"wss://localhost:{secure}/ocpp",
            password=bytes.fromhex(KEY),
        )
        async with living(given, store, transport):
            await system.came_again(1)
            assert await system.call("ChangeConfiguration", key="SecurityProfile", value="2") == {"status": "Rejected"}
            use = "CentralSystemRootCertificate"
            answer = await system.call("InstallCertificate", certificateType=use, certificate=ROOT.pem)
            assert answer == {"status": "Accepted"}
            assert await system.call("ChangeConfiguration", key="SecurityProfile", value="3") == {"status": "Rejected"}
            assert await system.call("ChangeConfiguration", key="SecurityProfile", value="2") == {"status": "Accepted"}
            await system.came_again(2)
            ids = await system.call("GetInstalledCertificateIds", certificateType=use)
            (name,) = ids["certificateHashData"]
            deleted = await system.call("DeleteCertificate", certificateHashData=name)
            assert deleted == {"status": "Failed"}, "the connection rests on it"
            assert await system.call("ChangeConfiguration", key="CpoName", value="Acme") == {"status": "Accepted"}
            await system.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
            csr = (await system.expect("SignCertificate"))["csr"]
            signed = await system.call("CertificateSigned", certificateChain=below.answer(csr, AT))
            assert signed == {"status": "Accepted"}
            assert await system.call("ChangeConfiguration", key="SecurityProfile", value="3") == {"status": "Accepted"}
            await system.came_again(3)
            # Under profile 3 a new certificate is used at once.
            await system.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
            csr = (await system.expect("SignCertificate", 2))["csr"]
            signed = await system.call("CertificateSigned", certificateChain=below.answer(csr, AT))
            assert signed == {"status": "Accepted"}
            await system.came_again(4)
    assert system.came == [
        ("plain", BASIC, None),
        ("TLSv1.2", BASIC, None),
        ("TLSv1.2", None, "CW-1"),
        ("TLSv1.2", None, "CW-1"),
    ]
    assert [name for name, _ in system.calls].count("BootNotification") == 1


@PICOWS_AND_WEBSOCKETS
async def test_a_profile_that_does_not_work_is_left_again(transport: str, tmp_path: Path, store: StationStore) -> None:
    system = CentralSystem()
    stranger = make_authority("Stranger", AT)
    server = context_of(tmp_path, stranger.server(["localhost"], AT))
    async with listening(system) as (_, plain), listening(system, server) as (_, secure):
        given = Provisioning(
            url=f"ws://127.0.0.1:{plain}/ocpp",
            secure_url=f"wss://localhost:{secure}/ocpp",
            password=bytes.fromhex(KEY),
            roots_pem=ROOT.pem,
        )
        async with living(given, store, transport) as virtual:
            await system.came_again(1)
            assert await system.call("ChangeConfiguration", key="SecurityProfile", value="2") == {"status": "Accepted"}
            await system.came_again(2)
            told = await system.call("GetConfiguration", key=["SecurityProfile"])
            assert told["configurationKey"][0]["value"] == "1"
            await system.expect("SecurityEventNotification", type="InvalidCentralSystemCertificate")
            assert "ReconfigurationOfSecurityParameters" in kinds(virtual)
    assert system.came == [("plain", BASIC, None)] * 2


def certificate(names: list[str], kind: KeyKind = "EC", authority: Authority = ROOT) -> Identity:
    return authority.server(names, AT, kind=kind)


@asynccontextmanager
async def openssl_server(folder: Path, server: Identity, *options: str) -> AsyncIterator[int]:
    """OpenSSL's own server: unlike that of asyncio it tells by an alert why it ends a handshake."""
    (folder / "openssl.pem").write_text(server.key_pem + server.chain_pem)
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(folder / "openssl.pem"), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            while not (line := await process.stdout.readline()).startswith(b"ACCEPT"):
                assert line, "openssl s_server ended"
        yield int(line.decode().strip().rpartition(":")[2])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def stranger(folder: Path) -> AsyncIterator[int]:
    context = context_of(folder, certificate(["localhost"], authority=make_authority("Root", AT)))
    async with listening(CentralSystem(), context) as (_, port):
        yield port


@asynccontextmanager
async def other_name(folder: Path) -> AsyncIterator[int]:
    async with listening(CentralSystem(), context_of(folder, certificate(["elsewhere"]))) as (_, port):
        yield port


@asynccontextmanager
async def too_old(folder: Path) -> AsyncIterator[int]:
    """What a server says that knows no TLS 1.2: alert 70. (OpenSSL finds no suite before it looks that far.)"""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(bytes.fromhex("15 03 01 00 02 02 46"))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def other_suites(folder: Path) -> Any:
    return openssl_server(folder, certificate(["localhost"], "RSA"), "-tls1_2")


@PICOWS_AND_WEBSOCKETS
@pytest.mark.parametrize(
    ("event", "bad"),
    [
        ("InvalidCentralSystemCertificate", stranger),
        ("InvalidCentralSystemCertificate", other_name),
        ("InvalidTLSVersion", too_old),
        ("InvalidTLSCipherSuite", other_suites),
    ],
    ids=["stranger", "other name", "TLS 1.1", "RSA"],
)
async def test_a_bad_server_is_left_and_told_of_on_the_next_good_connection(
    event: str, bad: Callable[[Path], Any], transport: str, tmp_path: Path, store: StationStore
) -> None:
    system = CentralSystem()
    async with bad(tmp_path) as port:
        given = Provisioning(
            url=f"wss://localhost:{port}/ocpp", password=bytes.fromhex(KEY), roots_pem=ROOT.pem, profile=2
        )
        station = living(given, store, transport, suites=BOTH[:2])
        virtual = await station.__aenter__()
        await until_noted(virtual, event)
    assert system.came == []
    async with listening(system, context_of(tmp_path, certificate(["localhost"])), port):
        told = await system.expect("SecurityEventNotification", type=event)
        noted = next(entry for entry in virtual.station._blocks.security.events.entries() if entry.kind == event)
        assert abs((datetime.fromisoformat(told["timestamp"]) - noted.timestamp).total_seconds()) < 0.01
        assert kinds(virtual).count(event) == 1
        await station.__aexit__(None, None, None)
    assert system.came == [("TLSv1.2", BASIC, None)]


@PICOWS_AND_WEBSOCKETS
async def test_a_wrong_password_is_logged_and_not_sent(transport: str, store: StationStore) -> None:
    system = CentralSystem()
    system.refuses = lambda is_encrypted: True
    async with listening(system) as (_, port):
        given = Provisioning(url=f"ws://127.0.0.1:{port}/ocpp", password=bytes.fromhex(KEY))
        async with living(given, store, transport) as virtual:
            await until_noted(virtual, "FailedToAuthenticateAtCentralSystem")
            system.refuses = lambda is_encrypted: False
            await system.expect("SecurityEventNotification", type="StartupOfTheDevice")
            assert kinds(virtual) == ["StartupOfTheDevice", "FailedToAuthenticateAtCentralSystem"]
    assert [item["type"] for name, item in system.calls if name == "SecurityEventNotification"] == [
        "StartupOfTheDevice"
    ]


async def test_the_old_root_serves_until_the_new_one_has(tmp_path: Path, store: StationStore) -> None:
    system = CentralSystem()
    second = make_authority("Second", AT, replaces=ROOT)
    given_security = {"checks_additional_root": True}
    async with listening(system, context_of(tmp_path, certificate(["localhost"]))) as (_, port):
        given = Provisioning(url=f"wss://localhost:{port}/", password=bytes.fromhex(KEY), roots_pem=ROOT.pem)
        made = product(security=msgspec.structs.replace(SECURITY, cipher_suites=BOTH, **given_security))
        virtual = VirtualStation(
            "CW",
            given.url,
            made,
            store,
            connect=implementation("picows").connect,
            clock=SystemClock(),
            random=Random(1),
            delay_seconds=lambda attempt, random: 0.05,
            provisioning=given,
        )
        life = asyncio.create_task(virtual.station.run())
        await system.came_again(1)
        use = "CentralSystemRootCertificate"
        answer = await system.call("InstallCertificate", certificateType=use, certificate=second.pem)
        assert answer == {"status": "Accepted"}
        other = "FF" * 16
        await system.call("ChangeConfiguration", key="AuthorizationKey", value=other)
        await system.came_again(2)  # the server still shows a certificate of the old root
        assert len((await system.call("GetInstalledCertificateIds", certificateType=use))["certificateHashData"]) == 2
    async with listening(system, context_of(tmp_path, certificate(["localhost"], authority=second)), port):
        await system.came_again(3)
        (left,) = (await system.call("GetInstalledCertificateIds", certificateType=use))["certificateHashData"]
        assert left["serialNumber"] == f"{second.certificate.serial_number:x}"
        assert "InvalidCentralSystemCertificate" not in kinds(virtual)
        await virtual.station.close()
        await life


async def run_by_command(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chargewright.cli.main", "station", "run", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    told, complained = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, told.decode(), complained.decode()


async def test_the_command_connects_to_our_own_central_system_as_the_certificate_says(tmp_path: Path) -> None:
    """Koolsign: profile 2 with RSA suites, and never a password without TLS."""
    server = ROOT.server(["localhost"], AT, kind="RSA")
    for name, text in (("server.pem", server.chain_pem), ("server.key", server.key_pem), ("ca.pem", ROOT.pem)):
        (tmp_path / name).write_text(text)
    csms = await ServeProcess.start(
        *data_arguments(tmp_path, f'[[station]]\nidentity = "CW"\npassword = "{KEY}"\nsecurity_profile = 2\n'),
        *("--ocpps", "127.0.0.1:0", "--tls-certificate", str(tmp_path / "server.pem")),
        *("--tls-key", str(tmp_path / "server.key")),
    )
    port = csms.addresses["ocpps"][0].rpartition(":")[2]
    always = ("koolsign_kcap7pg_cl5g", "--id", "CW", "--password-env", "CW_KEY", "--driver", "none", "--json")
    given = (*always, "--data", str(tmp_path / "station"), "--for", "2")
    try:
        code, told, complained = await run_by_command(
            *given, "--csms", f"wss://localhost:{port}", "--ca", str(tmp_path / "ca.pem"), CW_KEY=KEY
        )
        assert (code, json.loads(told or "{}").get("was_accepted")) == (0, True), complained
    finally:
        assert await csms.stop() == 0
    other = (*always, "--data", str(tmp_path / "other"), "--csms", csms.ocpp_url)
    code, _, complained = await run_by_command(*other, CW_KEY=KEY)
    assert code == 2
    assert "one of the profiles that this product has: 2, 3 (with TLS: --csms wss://" in complained
    assert KEY not in complained
