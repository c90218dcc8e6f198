"""URLs that stations fetch from and upload to: what may be shown of them.

Passwords of file servers stand in them, and the query of a signed link is as good as one. Only the command that goes
to the station has the whole text.
"""

import re
from typing import Final

__all__ = ["mask_location", "mask_locations_in", "scheme_of"]

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BEFORE_HOST: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//|")
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_QUERY_VALUE: Final = re.compile(r"(?<==)[^&;]*")
# No scheme is longer; and a bound keeps the search linear in texts of a single word.
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\"'<>\\]*")


def scheme_of(location: str) -> str | None:
    """The scheme in lower case, None where there is none."""
    found = _SCHEME.match(location)
    return None if found is None else found[1].lower()


def mask_location(location: str) -> str:
    """The URL with `***` for its password, for every value in its query, and for its fragment; user, host and path
    stay.

    Works on what is no URL too, and rather hides too much: a password may have characters that nobody escaped.
    """
    before, rest = _split(location, _BEFORE_HOST)
    authority, _ = _split(rest, _AUTHORITY)
    # Either the authority has a user, or the / ? or # that ended it may have been one of a password.
    at = authority.rfind("@") if "@" in authority else rest.rfind("@") if ":" in authority else -1
    user = ""
    if at >= 0:
        name, colon, _ = rest[:at].partition(":")
        user = f"{name}:***@" if colon else f"{name}@"
        rest = rest[at + 1 :]
    rest, hash_mark, _ = rest.partition("#")
    rest, question_mark, query = rest.partition("?")
    if query:
        query = _QUERY_VALUE.sub("***", query) if "=" in query else "***"
    return f"{before}{user}{rest}{question_mark}{query}{hash_mark}{'***' if hash_mark else ''}"


def mask_locations_in(text: str) -> str:
    """The text with every URL in it as `mask_location` shows it."""
    return _URL.sub(lambda found: mask_location(found[0]), text) if "://" in text else text


def _split(text: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    found = pattern.match(text)
    end = 0 if found is None else found.end()
    return text[:end], text[end:]
