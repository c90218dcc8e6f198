"""The station's side: whom it trusts, and which name it wants; over memory, with the server's context at the other
end."""

import datetime
import ssl
from pathlib import Path

import pytest
from tests.tls.certificates import issue, new_key

from chargewright.errors import ConfigurationError
from chargewright.tls.client import client_context
from chargewright.tls.server import server_context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A handshake without sockets; the client's end of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    return ends[0]


def test_the_servers_chain_and_name_are_checked(tmp_path: Path) -> None:
    files = issue(tmp_path, new_key("EC"))
    stranger = issue(tmp_path, new_key("EC"), "stranger")
    server, _ = server_context([files], datetime.datetime.now(datetime.UTC))
    assert shake_hands(client_context(files.certificate), server, "localhost").version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(client_context(files.certificate), server, "example.com")
    for authorities in (stranger.certificate, None):
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            shake_hands(client_context(authorities), server, "localhost")


def test_an_older_server_is_refused(tmp_path: Path) -> None:
    files = issue(tmp_path, new_key("EC"))
    client = client_context(files.certificate)
    assert client.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client.options & ssl.OP_NO_COMPRESSION


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_root_certificates_that_cannot_be_read_are_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"roots\.pem"):
        client_context(path)
