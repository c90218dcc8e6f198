"""Which station asks: the identity in the URL (OCPP-J 1.6 §3.1.1).

The station appends its percent-encoded identity to the endpoint URL; the CSMS takes the last path segment and decodes
it. We accept 1 to 48 printable ASCII characters except `/ \\ ? # %`, case-sensitive: everything that survives a path
segment, a REST route and a file name.
"""

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

__all__ = ["IDENTITY_PATTERN", "identity_from_path", "is_identity", "url_for_identity"]

# Space is printable, and quoted in a URL like everything else; DEL and beyond are not.
IDENTITY_PATTERN: Final = r"[ -\"$&-.0->@-\[\]-~]{1,48}"
_IDENTITY: Final = re.compile(IDENTITY_PATTERN)


def is_identity(text: str) -> bool:
    """Whether `text` can be the identity of a station.

    `.` and `..` cannot: every URL library between us and a browser would fold them away.
    """
    return _IDENTITY.fullmatch(text) is not None and text not in (".", "..")


def identity_from_path(path: str, prefix: str = "/") -> str | None:
    """The identity in a request target, or None where there is none that we could accept (HTTP 404, OCPP-J 1.6 §3.2).

    `path` is the raw target, still percent-encoded, with or without a query. Only paths under `prefix` count; what lies
    between it and the last segment (a vendor's `/ocpp/16/`), and doubled or trailing slashes, are tolerated.
    """
    path = path.partition("?")[0].partition("#")[0]
    segments = [segment for segment in path.split("/") if segment]
    expected = [segment for segment in prefix.split("/") if segment]
    if segments[: len(expected)] != expected or len(segments) == len(expected):
        return None
    try:
        identity = unquote_to_bytes(segments[-1]).decode("ascii")
    except UnicodeError:
        return None
    # A percent sign that decodes nothing stays and fails the alphabet: `100%` was never encoded by its sender.
    return identity if is_identity(identity) else None


def url_for_identity(url: str, identity: str) -> str:
    """The URL that a station connects to: the endpoint `url` with the percent-encoded identity as its last segment.

    A query of the endpoint URL stays behind the path.
    """
    base, mark, query = url.partition("?")
    return f"{base.rstrip('/')}/{quote(identity, safe='')}{mark}{query}"
