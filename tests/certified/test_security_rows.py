"""Security profiles and cipher suites, SEC-1 to SEC-4, over real sockets with OpenSSL at the other end."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from tests.certified.claims import Claim, shown_by
from tests.station.test_security_extension import BASIC, KEY, CentralSystem, context_of, listening
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from chargewright.clock import SystemClock
from chargewright.errors import ConfigurationError
from chargewright.pki.authorities import KeyKind, make_authority
from chargewright.station.product import Product
from chargewright.station.security_profile import Provisioning
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

AT: Final = datetime.now(UTC)
ROOT: Final = make_authority("Root", AT)
# The RFC's words: IANA's number, OpenSSL's word, and the key of the server's certificate.
SUITES: Final[dict[str, tuple[int, str, KeyKind]]] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256", "EC"),
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384", "EC"),
    "TLS_RSA_WITH_AES_128_GCM_SHA256": (0x009C, "AES128-GCM-SHA256", "RSA"),
    "TLS_RSA_WITH_AES_256_GCM_SHA384": (0x009D, "AES256-GCM-SHA384", "RSA"),
}
# Tells of secure renegotiation, and is no suite (RFC 5746 §3.3).
RENEGOTIATION: Final = 0x00FF


class Noting(CentralSystem):
    """Notes with which suite each connection is encrypted, too."""

    def __init__(self) -> None:
        super().__init__()
        self.suites: list[str] = []

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        tls = connection.transport.get_extra_info("ssl_object")
        if tls is not None:
            self.suites.append(tls.cipher()[0])
        return await super().admit(connection, request)


@asynccontextmanager
async def living(product: Product, given: Provisioning) -> AsyncIterator[VirtualStation]:
    """A station on real sockets, with a memory of its own."""
    with StationStore(":memory:", Random(1)) as store:
        virtual = VirtualStation(
            "CW",
            given.url,
            product,
            store,
            connect=implementation("picows").connect,
            clock=SystemClock(),
            random=Random(1),
            delay_seconds=lambda attempt, random: 0.05,
            provisioning=given,
        )
        life = asyncio.create_task(virtual.run())
        try:
            yield virtual
        finally:
            await virtual.close()
            await life


def _server(product: Product, folder: Path, suite: str | None = None) -> ssl.SSLContext:
    """As a CSMS has it, with a certificate that fits the station's suites, or for one suite only."""
    assert product.security is not None
    _, word, kind = SUITES[product.security.cipher_suites[0] if suite is None else suite]
    context = context_of(folder, ROOT.server(["localhost"], AT, kind=kind), clients=ROOT)
    if suite is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{word}:@SECLEVEL=0")
    return context


def _secure(port: int, **more: Any) -> Provisioning:
    return Provisioning(url=f"wss://localhost:{port}/ocpp", roots_pem=ROOT.pem, **more)


async def _refuses(product: Product, given: Provisioning, profile: int) -> None:
    """Neither a person nor the CSMS can have a profile that is not claimed."""
    with pytest.raises(ConfigurationError, match="security profile"):
        async with living(product, given):
            raise AssertionError("it must not start")
    system = CentralSystem()
    async with listening(system) as (_, port), living(product, Provisioning(url=f"ws://127.0.0.1:{port}/ocpp")):
        await system.expect("BootNotification")
        answer = await system.call("ChangeConfiguration", key="SecurityProfile", value=str(profile))
        assert answer == {"status": "Rejected"}


async def _told_profile(system: CentralSystem) -> str:
    await system.expect("BootNotification")
    answer = await system.call("GetConfiguration", key=["SecurityProfile"])
    return str(answer["configurationKey"][0]["value"])


async def profile_1(claim: Claim, folder: Path) -> None:
    system = CentralSystem()
    async with listening(system) as (_, port):
        given = Provisioning(url=f"ws://127.0.0.1:{port}/ocpp", password=bytes.fromhex(KEY))
        if not claim.is_yes:
            await _refuses(claim.product, given, 1)
            return
        async with living(claim.product, given):
            assert await _told_profile(system) == "1"
    assert system.came == [("plain", BASIC, None)]


async def profile_2(claim: Claim, folder: Path) -> None:
    system = CentralSystem()
    async with listening(system, _server(claim.product, folder)) as (_, port):
        given = _secure(port, password=bytes.fromhex(KEY))
        if not claim.is_yes:
            await _refuses(claim.product, given, 2)
            return
        async with living(claim.product, given):
            assert await _told_profile(system) == "2"
    assert system.came == [("TLSv1.2", BASIC, None)]


async def profile_3(claim: Claim, folder: Path) -> None:
    system = CentralSystem()
    kind: KeyKind = SUITES[claim.product.security.cipher_suites[0]][2] if claim.product.security else "EC"
    own = ROOT.client("Acme", claim.product.serial_number, AT, kind=kind)
    async with listening(system, _server(claim.product, folder)) as (_, port):
        given = _secure(port, certificate_pem=own.chain_pem, key_pem=own.key_pem)
        if not claim.is_yes:
            await _refuses(claim.product, given, 3)
            return
        async with living(claim.product, given):
            assert await _told_profile(system) == "3"
    assert system.came == [("TLSv1.2", None, claim.product.serial_number)]


async def _offered(product: Product) -> list[int]:
    """The suites of the first ClientHello, taken apart by hand."""
    hello: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await reader.readexactly(5)
        record = await reader.readexactly(int.from_bytes(header[3:5]))
        if not hello.done():
            hello.set_result(record)
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with living(product, _secure(port, password=bytes.fromhex(KEY), profile=2)):
            record = await asyncio.wait_for(hello, 20)
    # Handshake header 4, version 2, random 32, session id.
    at = 38 + 1 + record[38]
    length = int.from_bytes(record[at : at + 2])
    numbers = [int.from_bytes(record[i : i + 2]) for i in range(at + 2, at + 2 + length, 2)]
    return [number for number in numbers if number != RENEGOTIATION]


async def cipher_suites(claim: Claim, folder: Path) -> None:
    claimed = [suite.value for suite in claim.value]
    assert await _offered(claim.product) == [SUITES[suite][0] for suite in claimed]
    for suite in claimed:
        system = Noting()
        server = listening(system, _server(claim.product, folder, suite))
        async with server as (_, port), living(claim.product, _secure(port, password=bytes.fromhex(KEY))):
            await system.expect("BootNotification")
        assert system.suites == [SUITES[suite][1]]


SCENARIOS: Final = {"SEC-1": profile_1, "SEC-2": profile_2, "SEC-3": profile_3, "SEC-4": cipher_suites}


@shown_by(SCENARIOS)
async def test_row(claim: Claim, tmp_path: Path) -> None:
    await SCENARIOS[claim.row](claim, tmp_path)
