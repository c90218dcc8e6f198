"""URLs as they may be shown: user and host, but no password, and no query, because tokens live there."""

import re
from typing import Final

__all__ = ["mask_url"]

# As much as possible up to the last @ before the path: a password with an @ in it is masked whole.
_USER_INFO: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*://)?([^/?#\s]*)@")
_SHOWN_CHARACTERS: Final = 300


def mask_url(url: str) -> str:
    """`url` with `***` for the password and for the query; anything may be given, wrong URLs too."""
    shown = "".join(character if character.isprintable() else "�" for character in url)
    shown = _USER_INFO.sub(_without_password, shown, count=1)
    for mark in "?#":
        before, found, _ = shown.partition(mark)
        if found:
            shown = f"{before}{mark}***"
            break
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _without_password(match: re.Match[str]) -> str:
    scheme, user_info = match.group(1) or "", match.group(2)
    user, colon, _ = user_info.partition(":")
    return f"{scheme}{user}{':***' if colon else ''}@"
