"""The URL of a database, as it may be shown: in messages and in the log."""

import re
from typing import Final

__all__ = ["shown_url"]

# What may be shown of `//…` and of a path: nothing that could be the beginning or the end of a password.
HOST: Final = r"[\w.,-]*(?::\d{1,5})?|\[[0-9A-Fa-f:.]*\](?::\d{1,5})?"
LOCATION: Final = re.compile(rf"(?P<scheme>[\w+.-]+)://(?:[^@/?#]*@)?(?P<host>{HOST})(?P<path>/[^@?#]*)?(?:[?#][^@]*)?")
FILE: Final = re.compile(r"[\w+./-]*:?")


def shown_url(url: str) -> str:
    """`url` without user, password and parameters: scheme, host and name only.

    Where it cannot be told for certain what belongs to a password (one with an unescaped `/`, `?`, `#` or `@`), only
    the scheme is shown.
    """
    location = LOCATION.fullmatch(url)
    if location is not None:
        return f"{location['scheme']}://{location['host']}{location['path'] or ''}"
    if FILE.fullmatch(url):
        return url
    scheme = re.match(r"[\w+.-]+:(?://)?", url)
    return f"{'' if scheme is None else scheme[0]}…"
