"""What a station asks for when it opens its connection (OCPP-J 1.6 §3.1)."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import msgspec

from chargewright.errors import ConfigurationError, ConnectionLost
from chargewright.transport.basic_auth import authorization_header
from chargewright.transport.errors import SubprotocolNotAgreed
from chargewright.transport.identity import url_for_identity

__all__ = ["ClientRequest", "check_answered_subprotocol", "check_endpoint", "client_request", "extension_taken_up"]


class ClientRequest(msgspec.Struct, frozen=True):
    """The whole URL, whether it means TLS, and the headers beyond those of every WebSocket handshake."""

    url: str
    is_encrypted: bool
    subprotocols: tuple[str, ...]
    authorization: str | None
    extensions: str | None = None


def check_endpoint(url: str, where: str) -> SplitResult:
    """The parts of the URL of a CSMS; raises ConfigurationError that names `where` when it cannot be one."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and not parts.fragment and parts.port != 0
    except ValueError:  # a port that is no number, or half an IPv6 address
        is_usable = False
    else:
        if "@" in parts.netloc:
            raise ConfigurationError(
                where, "", f"{parts.scheme}://…@{parts.hostname}", "a URL without user and password"
            )
    if not is_usable:
        shown = "(hidden)" if "@" in url else url
        raise ConfigurationError(where, "", shown, "ws:// or wss://, a host, and no fragment")
    return parts


def client_request(
    url: str,
    identity: str | None,
    subprotocols: Sequence[str],
    password: bytes | None,
    extensions: str | None = None,
) -> ClientRequest:
    """The request to the CSMS at endpoint `url` (`ws:` or `wss:`).

    `identity` becomes the last segment of the path, or is part of `url` already where None. `password` (raw bytes) is
    sent by HTTP Basic, for which an identity is needed. Raises ConfigurationError where the URL cannot be used; one
    with a user or password in it is refused too, because it would end up in logs.
    """
    parts = check_endpoint(url, "CSMS URL")
    if password is not None and identity is None:
        raise ConfigurationError("CSMS URL", "", url, "an identity beside it, which a password needs")
    return ClientRequest(
        url=url if identity is None else url_for_identity(url, identity),
        is_encrypted=parts.scheme == "wss",
        subprotocols=tuple(subprotocols),
        authorization=None if identity is None or password is None else authorization_header(identity, password),
        extensions=extensions,
    )


def check_answered_subprotocol(request: ClientRequest, answered: str | None) -> None:
    """Raise SubprotocolNotAgreed unless `answered` is one of those offered (none offered: none answered)."""
    if answered not in (request.subprotocols or (None,)):
        raise SubprotocolNotAgreed(request.subprotocols, answered)


def extension_taken_up(request: ClientRequest, answered: str) -> ConnectionLost:
    """Why a connection is given up whose server took up an extension: its frames could not be read (RFC 6455 §9.1)."""
    return ConnectionLost(f"{request.url}: the server took up {answered}, which was offered only to be declined")
