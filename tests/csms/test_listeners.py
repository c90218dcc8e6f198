"""The TLS listener of a running CSMS: suites, versions, profiles, attempts, and certificates renewed under a live
connection."""

import asyncio
import base64
import os
import signal
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from tests.csms.conftest import StartCsms
from tests.csms.wire import PASSWORD, WireStation, eventually
from tests.serving import ServeProcess
from tests.tls.certificates import Key, issue, new_key
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from chargewright.csms.app import Csms
from chargewright.csms.attempts import Attempts
from chargewright.csms.outcomes import Answered
from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.core import ClearCacheRequest, ClearCacheResponse
from chargewright.tls.client import client_context
from chargewright.tls.server import CertificateFiles

SEED = f"""
[[station]]
identity = "SECURE"
password = "{PASSWORD}"
security_profile = 2
[[station]]
identity = "BASIC"
password = "{PASSWORD}"
[[station]]
identity = "OPEN"
"""
LIBRARIES = ["picows", "websockets"]
SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES256-GCM-SHA384"]


@pytest.fixture(scope="module")
def keys() -> tuple[Key, Key]:
    return new_key("EC"), new_key("RSA")


class Tls:
    """A CSMS with a TLS listener, its certificates, and stations that trust them."""

    def __init__(self, folder: Path, keys: tuple[Key, Key], start_csms: StartCsms) -> None:
        self.folder = folder
        self.keys = keys
        self._start_csms = start_csms
        self.pairs = self.write(serial=1)

    def write(self, serial: int) -> list[CertificateFiles]:
        return [
            issue(self.folder, key, name, serial=serial) for key, name in zip(self.keys, ("ec", "rsa"), strict=True)
        ]

    def settings(self, **settings: Any) -> dict[str, Any]:
        return {
            "seed": SEED,
            "ocpps": "127.0.0.1:0",
            "tls_certificates": tuple(files.certificate for files in self.pairs),
            "tls_keys": tuple(files.key for files in self.pairs),
        } | settings

    async def start(self, **settings: Any) -> Csms:
        return await self._start_csms(**self.settings(**settings))

    async def serial(self, address: str) -> int:
        """The number of the certificate that a new handshake shows."""
        host, port = address.split(":")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(shown).serial_number


@pytest.fixture
def tls(tmp_path: Path, keys: tuple[Key, Key], start_csms: StartCsms) -> Tls:
    return Tls(tmp_path, keys, start_csms)


class LibraryStation(ChargePoint):  # type: ignore[misc]  # the library has no types
    """Knows one command."""

    @on("ClearCache")
    async def on_clear_cache(self) -> Any:
        return call_result.ClearCache(status="Rejected")


class SecureStation(WireStation):
    """A station of profile 2."""

    def __init__(self, url: str, identity: str, authorities: Path, password: str | None = PASSWORD) -> None:
        super().__init__(url, identity, password)
        self.context = client_context(authorities)

    async def __aenter__(self) -> "SecureStation":
        self._socket = await connect(
            self.url,
            subprotocols=self.subprotocols,  # type: ignore[arg-type]
            additional_headers=self.headers,
            ssl=self.context,
            proxy=None,  # type: ignore[arg-type]
        )
        return self


async def s_client(address: str, *options: str) -> str:
    """What OpenSSL's own client sees that asks for an upgrade as SECURE, up to the answer's first line or the end."""
    secret = base64.b64encode(b"SECURE:" + bytes.fromhex(PASSWORD)).decode()
    request = (
        "GET /SECURE HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {secret}\r\n\r\n"
    )
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", address, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None and process.stdout is not None
    seen = b""
    try:
        process.stdin.write(request.encode())
        async with asyncio.timeout(20):
            while b"HTTP/1.1 " not in seen and (chunk := await process.stdout.read(4096)):
                seen += chunk
    finally:
        process.stdin.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()
    return seen.decode(errors="replace")


@pytest.mark.parametrize("library", LIBRARIES)
async def test_openssl_gets_through_with_each_of_the_four_suites(library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library)
    for suite in SUITES:
        seen = await s_client(csms.addresses.ocpps[0], "-tls1_2", "-cipher", suite)
        assert f"Cipher is {suite}" in seen, seen
        assert "HTTP/1.1 101" in seen, seen
        assert "Compression: NONE" in seen
        assert "Secure Renegotiation IS supported" in seen
    seen = await s_client(csms.addresses.ocpps[0], "-tls1_3")
    assert "New, TLSv1.3" in seen and "HTTP/1.1 101" in seen, seen


@pytest.mark.parametrize("library", LIBRARIES)
async def test_tls_1_1_and_other_suites_are_refused_and_noted(library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library)
    address = csms.addresses.ocpps[0]
    # At security level 0 OpenSSL's client offers what it would not by itself: the refusal is the server's.
    seen = await s_client(address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in seen and "alert protocol version" in seen, seen
    seen = await s_client(address, "-tls1_2", "-cipher", "AES128-SHA")
    assert "Cipher is (NONE)" in seen, seen
    await eventually(lambda: sum(row.count for row in csms.attempts.entries()) == 2)
    (row,) = csms.attempts.entries()
    assert (row.cause, row.detail, row.count) == ("TLS handshake failed", "NO_SHARED_CIPHER", 2)
    assert row.address is not None and row.address.startswith("127.0.0.1:")
    assert row.identity is None


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_station_of_profile_2_boots(library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library)
    url = f"wss://{csms.addresses.ocpps[0]}"
    async with SecureStation(url, "SECURE", tls.pairs[0].certificate) as station:
        assert (await station.boot())["status"] == "Accepted"
        session = next(iter(csms._sessions))
        assert session.connection.peer.is_encrypted
    assert csms.attempts.entries() == []


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("certificate", ["ec", "rsa"])
async def test_a_charge_point_of_another_library_boots_and_is_commanded(
    certificate: str, library: str, tls: Tls
) -> None:
    """Profile 2, with nothing of ours at the other end: the `ocpp` library, `websockets`, and Python's own TLS."""
    csms = await tls.start(websocket=library)
    context = ssl.create_default_context(cafile=str(tls.pairs[["ec", "rsa"].index(certificate)].certificate))
    # Only the suites that the certificate of its authority can answer.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES[0] if certificate == "ec" else SUITES[2])
    secret = base64.b64encode(b"SECURE:" + bytes.fromhex(PASSWORD)).decode()
    async with connect(
        f"wss://{csms.addresses.ocpps[0]}/SECURE",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {secret}"},
        ssl=context,
        proxy=None,  # type: ignore[arg-type]
    ) as socket:
        station = LibraryStation("SECURE", socket)
        reading = asyncio.create_task(station.start())
        boot = await station.call(call.BootNotification(charge_point_model="Shelf", charge_point_vendor="Library"))
        assert boot.status == "Accepted"
        number = (await station.call(call.StartTransaction(1, "TAG", 0, "2026-03-01T10:00:00Z"))).transaction_id
        assert number > 0
        assert csms._commanding is not None
        (session,) = csms._sessions
        assert session.connection.peer.is_encrypted
        outcome = await csms._commanding.commander.send(session.station.id, ClearCacheRequest(), timeout_seconds=10)
        assert isinstance(outcome, Answered), outcome
        assert isinstance(outcome.response, ClearCacheResponse)
        assert outcome.response.status == "Rejected"
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert csms.attempts.entries() == []


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_station_that_does_not_trust_us_is_noted(version: str, library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library)
    seen = await s_client(csms.addresses.ocpps[0], version, "-verify_return_error")
    assert "self-signed certificate" in seen, seen
    await eventually(lambda: csms.attempts.entries() != [])
    (row,) = csms.attempts.entries()
    assert row.cause == "TLS handshake failed"
    assert "UNKNOWN_CA" in row.detail


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("identity", "is_tls", "password", "status", "cause"),
    [
        ("SECURE", False, PASSWORD, 401, "TLS missing"),
        ("BASIC", True, PASSWORD, 401, "TLS unexpected"),
        ("OPEN", True, None, 401, "TLS unexpected"),
        ("SECURE", True, "00" * 16, 401, "wrong credentials"),
        ("SECURE", True, None, 401, "missing credentials"),
        ("NOBODY", True, None, 404, "unknown identity"),
    ],
)
async def test_what_is_refused_is_an_attempt(
    identity: str, is_tls: bool, password: str | None, status: int, cause: str, library: str, tls: Tls
) -> None:
    csms = await tls.start(websocket=library)
    station: WireStation
    if is_tls:
        url = f"wss://{csms.addresses.ocpps[0]}"
        station = SecureStation(url, identity, tls.pairs[0].certificate, password)
    else:
        station = WireStation(f"ws://{csms.addresses.ocpp[0]}", identity, password)
    with pytest.raises(InvalidStatus) as caught:
        await station.__aenter__()
    assert caught.value.response.status_code == status
    (row,) = csms.attempts.entries()
    assert (row.identity, row.path, row.cause, row.subprotocols) == (identity, f"/{identity}", cause, "ocpp1.6")
    assert row.address is not None and row.address.startswith("127.0.0.1:")
    assert row.count == 1


@pytest.mark.parametrize("library", LIBRARIES)
async def test_new_certificates_are_shown_and_a_live_connection_stays(library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library, tls_reload_seconds=0.02)
    address = csms.addresses.ocpps[0]
    async with SecureStation(f"wss://{address}", "SECURE", tls.pairs[0].certificate) as station:
        assert await tls.serial(address) == 1
        tls.write(serial=2)
        await _until_serial(tls, address, 2)
        assert (await station.boot())["status"] == "Accepted"
        tls.pairs[1].key.write_text("half a file")
        issue(tls.folder, tls.keys[0], "ec", serial=3)
        kinds = await _kinds_until(csms, "alarm.certificates_refused")
        assert "certificates.renewed" in kinds
        assert await tls.serial(address) == 2, "the old ones stay, both of them"
        tls.write(serial=4)
        await _until_serial(tls, address, 4)
        assert "currentTime" in await station.call("Heartbeat")


async def _until_serial(tls: Tls, address: str, serial: int) -> None:
    async with asyncio.timeout(20):
        while await tls.serial(address) != serial:  # noqa: ASYNC110  # nothing tells when the next look will be
            await asyncio.sleep(0.02)


async def _kinds_until(csms: Csms, kind: str) -> list[str]:
    assert csms._storage is not None
    async with asyncio.timeout(20):
        while True:
            kinds = [event.kind for event in await csms._storage.events_after(0, 1000)]
            if kind in kinds:
                return kinds
            await asyncio.sleep(0.02)


async def test_sighup_reads_the_certificates_again(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "seed.toml").write_text(SEED)
    arguments = ["--data", str(tmp_path / "data"), "--seed", str(tmp_path / "seed.toml"), "--ocpps", "127.0.0.1:0"]
    for files in tls.pairs:
        arguments += ["--tls-certificate", str(files.certificate), "--tls-key", str(files.key)]
    server = await ServeProcess.start(*arguments, CHARGEWRIGHT_TLS_RELOAD_SECONDS="0")
    address = server.addresses["ocpps"][0]
    async with SecureStation(f"wss://{address}", "SECURE", tls.pairs[0].certificate) as station:
        await station.boot()
        tls.write(serial=2)
        assert await tls.serial(address) == 1
        server.process.send_signal(signal.SIGHUP)
        await _until_serial(tls, address, 2)
        assert "currentTime" in await station.call("Heartbeat")
    assert await server.stop() == 0


async def test_a_wrong_certificate_is_told_at_the_start_and_nothing_is_left(tls: Tls, tmp_path: Path) -> None:
    os.unlink(tls.pairs[1].key)
    with pytest.raises(ConfigurationError, match=r"rsa\.key"):
        await tls.start()
    tls.write(serial=1)
    await tls.start()


@pytest.mark.parametrize("library", LIBRARIES)
async def test_half_open_sockets_end_and_disturb_nobody(library: str, tls: Tls) -> None:
    csms = await tls.start(websocket=library)
    host, port = csms.addresses.ocpps[0].split(":")
    silent = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
    plain = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
    for reader, writer in plain:
        writer.write(b"GET /SECURE HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
    async with SecureStation(f"wss://{host}:{port}", "SECURE", tls.pairs[0].certificate) as station:
        await station.boot()
    await eventually(lambda: _counts(csms.attempts) == {"HTTP_REQUEST": 3})
    for _, writer in silent:
        writer.close()
    gone = "the peer went away in the middle of the TLS handshake"
    await eventually(lambda: _counts(csms.attempts).get(gone, _counts(csms.attempts).get("HTTP_REQUEST", 0)) >= 20)


def _counts(attempts: Attempts) -> dict[str, int]:
    return {row.detail: row.count for row in attempts.entries()}
