"""The alert of a failed handshake reaches the peer's socket, and nothing is kept after one that went well."""

import socket
import ssl
from pathlib import Path

import pytest
from tests.tls.certificates import issue, new_key

from chargewright.tls.alerts import HANDSHAKE_SOCKET, AlertingContext

# TLS record: alert, and in it: fatal, no matter what.
ALERT, FATAL = 21, 2


def server_object(folder: Path, sent: bytes) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """A server's end that has received `sent`, and what it writes."""
    files = issue(folder, new_key("EC"))
    context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(sent)
    return context.wrap_bio(incoming, outgoing, server_side=True), outgoing


def client_hello(ciphers: str) -> bytes:
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("is_peer_gone", [False, True])
def test_the_alert_is_sent(is_peer_gone: bool, tmp_path: Path) -> None:
    ours, peers = socket.socketpair()
    with ours, peers:
        token = HANDSHAKE_SOCKET.set(ours)
        # An RSA suite, where there is no RSA key.
        server, _ = server_object(tmp_path, client_hello("AES128-GCM-SHA256"))
        HANDSHAKE_SOCKET.reset(token)
        if is_peer_gone:
            peers.close()
        with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
            server.do_handshake()
        if not is_peer_gone:
            record = peers.recv(100)
            assert (record[0], record[5]) == (ALERT, FATAL)


def test_a_handshake_that_only_waits_sends_nothing_by_itself(tmp_path: Path) -> None:
    ours, peers = socket.socketpair()
    with ours, peers:
        token = HANDSHAKE_SOCKET.set(ours)
        server, outgoing = server_object(tmp_path, client_hello("ECDHE-ECDSA-AES128-GCM-SHA256"))
        HANDSHAKE_SOCKET.reset(token)
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        assert outgoing.pending > 0, "the loop sends that"
        peers.setblocking(False)
        with pytest.raises(BlockingIOError):
            peers.recv(1)


def test_without_a_socket_it_is_an_ordinary_context(tmp_path: Path) -> None:
    server, outgoing = server_object(tmp_path, client_hello("AES128-GCM-SHA256"))
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        server.do_handshake()
    assert outgoing.read()[0] == ALERT
