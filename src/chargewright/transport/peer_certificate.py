"""Who is at the other end of a socket: its address, and the subject of its certificate."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from chargewright.transport.connection import Peer

__all__ = ["address_of", "certificate_subject", "peer_of"]

# RFC 4514 §3 short names, by the names that Python's ssl module reports.
_SHORT_NAMES: Final = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_SPECIAL: Final = frozenset('",+;<>\\=')


def certificate_subject(certificate: Mapping[str, Any] | None) -> str | None:
    """The subject in `certificate` (from `SSLObject.getpeercert()`) as `O=Operator,CN=SN-4711`.

    Values are escaped as RFC 4514 §2.4 says; the order is the certificate's, and parts of a multi-valued name are
    joined by `+`. None without a certificate, or where it was not verified (Python then reports an empty mapping).
    """
    if not certificate:
        return None
    names: Iterable[Iterable[tuple[str, str]]] = certificate.get("subject", ())
    return ",".join(
        "+".join(f"{_SHORT_NAMES.get(kind, kind)}={_escaped(value)}" for kind, value in part) for part in names
    )


def _escaped(value: str) -> str:
    text = "".join(f"\\{character}" if character in _SPECIAL else character for character in value)
    text = text.replace("\0", "\\00")
    if text.startswith((" ", "#")):
        text = "\\" + text
    if text.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def address_of(extra_info: Callable[[str], Any]) -> str:
    """`host:port` of the other end of an asyncio transport, through its `get_extra_info`."""
    name = extra_info("peername")
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "unknown")


def peer_of(extra_info: Callable[[str], Any], subprotocol: str | None) -> Peer:
    """What an asyncio transport, through its `get_extra_info`, tells of the other end."""
    tls = extra_info("ssl_object")
    return Peer(
        address=address_of(extra_info),
        subprotocol=subprotocol,
        certificate_subject=certificate_subject(tls.getpeercert()) if tls is not None else None,
        is_encrypted=tls is not None,
    )
