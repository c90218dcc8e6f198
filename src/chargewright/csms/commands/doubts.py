"""What is odd about values that several commands have: locations of files, retries, times, PEM and hexadecimal texts.

Each function yields whole sentences for the warnings of a command; the names in them are those of the wire.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from chargewright.csms.instants import microseconds
from chargewright.csms.locations import mask_location, scheme_of
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import Timestamp, UnsetType

__all__ = [
    "FILE_TRANSFER_PROTOCOLS",
    "base64_doubts",
    "location_doubts",
    "order_doubts",
    "past_doubts",
    "pem_doubts",
    "retry_doubts",
]

# The ability under which it is remembered what the station said of SupportedFileTransferProtocols.
FILE_TRANSFER_PROTOCOLS: Final = "file-transfer-protocols"
# What the specification speaks of (§8, SupportedFileTransferProtocols).
_USUAL_SCHEMES: Final = ("ftp", "ftps", "http", "https")
# Clocks of stations differ; nobody means a time this long ago.
_PAST_MICROSECONDS: Final = 24 * 3600 * 1_000_000
_HOUR_MICROSECONDS: Final = 3600 * 1_000_000
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def location_doubts(field: str, location: str, station: StationRow, services: Services) -> Iterable[str]:
    """A location that the station cannot reach in any way it knows."""
    scheme = scheme_of(location)
    shown = mask_location(location)[:200]
    if scheme is None or "//" not in location:
        yield f"{field} {shown!r}: is no URL with scheme and host"
        return
    told = services.abilities.of(station.id, FILE_TRANSFER_PROTOCOLS)
    if isinstance(told, str) and told.strip():
        supported = [word.strip().lower() for word in told.split(",")]
        if scheme not in supported:
            yield f"{field} {shown!r}: {station.identity} supports {told} (SupportedFileTransferProtocols)"
    elif scheme not in _USUAL_SCHEMES:
        yield f"{field} {shown!r}: stations know {', '.join(_USUAL_SCHEMES)} (§8)"


def retry_doubts(retries: int | UnsetType, retry_interval: int | UnsetType) -> Iterable[str]:
    """Numbers below zero."""
    for field, value in (("retries", retries), ("retryInterval", retry_interval)):
        if not isinstance(value, UnsetType) and value < 0:
            yield f"{field} {value}: is less than 0"


def past_doubts(field: str, stamp: Timestamp | UnsetType, now: int) -> Iterable[str]:
    """A time more than a day ago."""
    instant = _instant(stamp)
    if instant is not None and now - instant > _PAST_MICROSECONDS:
        hours = (now - instant) // _HOUR_MICROSECONDS
        yield f"{field} {_text(stamp)}: is {hours} hours ago; the station may begin at once, or refuse"


def order_doubts(first: str, start: Timestamp | UnsetType, second: str, end: Timestamp | UnsetType) -> Iterable[str]:
    """An end before its beginning."""
    began, ended = _instant(start), _instant(end)
    if began is not None and ended is not None and ended < began:
        yield f"{second} {_text(end)}: is before {first} {_text(start)}"


def pem_doubts(field: str, text: str) -> Iterable[str]:
    """What is no certificate in PEM, by its form; nothing is verified."""
    found = _CERTIFICATE.findall(text)
    if not found:
        yield f"{field}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
    for number, certificate in enumerate(found, 1):
        try:
            ssl.PEM_cert_to_DER_cert(certificate)
        except ValueError:
            yield f"{field}: certificate {number} in it is not base64"


def base64_doubts(field: str, text: str) -> Iterable[str]:
    """What is not base64."""
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        yield f"{field}: is not base64"


def _instant(stamp: Timestamp | UnsetType) -> int | None:
    if isinstance(stamp, UnsetType):
        return None
    return microseconds(stamp if stamp.tzinfo is not None else stamp.in_zone(UTC))


def _text(stamp: Timestamp | UnsetType) -> str:
    return "" if isinstance(stamp, UnsetType) else stamp.text
