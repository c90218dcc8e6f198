"""What a station offers in its ClientHello, taken apart by hand, and whom it trusts, over sockets in memory."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargewright.errors import ConfigurationError
from chargewright.pki.authorities import Authority, Identity, make_authority
from chargewright.tls.station import station_context

AT = datetime.now(UTC)
ECDSA = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
RSA = ("TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384")
# IANA's numbers; 0x00FF tells of secure renegotiation and is no suite (RFC 5746 §3.3).
NUMBERS = {0xC02B: ECDSA[0], 0xC02C: ECDSA[1], 0x009C: RSA[0], 0x009D: RSA[1]}
ROOT = make_authority("Root", AT)


def offered(context: ssl.SSLContext) -> list[str]:
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    hello = outgoing.read()
    assert hello[0] == 22 and hello[5] == 1
    # Record header 5, handshake header 4, version 2, random 32.
    at = 43 + 1 + hello[43]
    length = int.from_bytes(hello[at : at + 2])
    numbers = [int.from_bytes(hello[i : i + 2]) for i in range(at + 2, at + 2 + length, 2)]
    compressions = hello[at + 2 + length + 1 : at + 2 + length + 1 + hello[at + 2 + length]]
    assert compressions == b"\0", "no compression is offered"
    return [NUMBERS.get(number, hex(number)) for number in numbers if number != 0x00FF]


@pytest.mark.parametrize("suites", [ECDSA, RSA, ECDSA + RSA])
def test_exactly_the_suites_of_the_product_are_offered(suites: tuple[str, ...]) -> None:
    assert offered(station_context(ROOT.pem, suites)) == list(suites)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject:
    """Both ends in memory; raises what either finds wrong. Returns the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [one, other]
    for _ in range(20):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            return other
    raise AssertionError("the handshake does not end")


def server_of(identity: Identity, folder: Path, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=1")
    (folder / "server.pem").write_text(identity.key_pem + identity.chain_pem)
    context.load_cert_chain(folder / "server.pem")
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    return context


def test_a_server_of_the_installed_root_is_trusted_under_its_name_only(tmp_path: Path) -> None:
    server = server_of(ROOT.subordinate("Sub", AT).server(["localhost"], AT), tmp_path)
    end = handshake(station_context(ROOT.pem, ECDSA), server)
    assert end.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname mismatch"):
        handshake(station_context(ROOT.pem, ECDSA), server, "elsewhere")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(station_context(make_authority("Root", AT).pem, ECDSA), server)


def test_verification_ends_at_a_root_that_another_has_signed(tmp_path: Path) -> None:
    old = make_authority("Old", AT)
    new = make_authority("New", AT, replaces=old)
    server = server_of(new.server(["localhost"], AT), tmp_path)
    handshake(station_context(new.pem, ECDSA), server)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(station_context(old.pem, ECDSA), server)


def test_the_station_shows_its_certificate(tmp_path: Path) -> None:
    own = ROOT.subordinate("Sub", AT).client("Acme", "SN-1", AT)
    server = server_of(ROOT.server(["localhost"], AT), tmp_path, ROOT)
    end = handshake(station_context(ROOT.pem, ECDSA, own.chain_pem, own.key_pem), server)
    certificate = end.getpeercert()
    assert certificate is not None
    assert certificate["subject"] == ((("organizationName", "Acme"),), (("commonName", "SN-1"),))
    with pytest.raises(ssl.SSLError):
        handshake(station_context(ROOT.pem, ECDSA), server)


def test_what_cannot_be_used_is_told() -> None:
    own = ROOT.client("Acme", "SN", AT)
    with pytest.raises(ConfigurationError, match="cipher suites"):
        station_context(ROOT.pem, ())
    with pytest.raises(ConfigurationError, match="TLS_NULL"):
        station_context(ROOT.pem, ("TLS_NULL",))
    with pytest.raises(ConfigurationError, match="root certificates"):
        station_context("", ECDSA)
    with pytest.raises(ConfigurationError, match="station certificate"):
        station_context(ROOT.pem, ECDSA, own.chain_pem, ROOT.client("Acme", "SN", AT).key_pem)
