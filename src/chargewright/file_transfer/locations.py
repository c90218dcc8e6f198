"""URLs taken apart once, so that nobody else handles their secrets."""

from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from chargewright.file_transfer.errors import MalformedUrl
from chargewright.file_transfer.masking import mask_url

__all__ = ["Location", "checked_file_name", "parse_location"]

_URL_CHARACTERS: Final = 4096
_FILE_NAME_BYTES: Final = 200


class Location(msgspec.Struct, frozen=True):
    """Where a file or a directory is.

    `path` is percent-encoded, as in the URL; `user` and `password` are decoded, None where the URL has none.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    user: str | None = None
    password: str | None = None

    @property
    def address(self) -> str:
        """The whole URL without user and password; for requests, not for logs: the query may hold a token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{host}{port}{self.path}{query}"

    @property
    def shown(self) -> str:
        """For people and logs: with the user, without password and query."""
        masked = mask_url(self.address)
        if self.user is None:
            return masked
        password = "" if self.password is None else ":***"
        return masked.replace("://", f"://{quote(self.user)}{password}@", 1)

    def decoded_path(self) -> str:
        """The path as a file name, without its first slash; raises `MalformedUrl` for what no file name can hold."""
        try:
            path = unquote(self.path.removeprefix("/"), errors="strict")
        except UnicodeDecodeError as error:
            raise MalformedUrl(self.shown, "the path is not UTF-8") from error
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise MalformedUrl(self.shown, "there is a control character in the path")
        return path

    def inside(self, file_name: str) -> "Location":
        """The file `file_name` in the directory that this is (§6.25: `location` is a directory)."""
        path = f"{self.path.rstrip('/')}/{quote(file_name, safe='')}"
        return msgspec.structs.replace(self, path=path)

    def without_credentials(self) -> "Location":
        """The same place for nobody in particular."""
        return msgspec.structs.replace(self, user=None, password=None)

    def __repr__(self) -> str:
        return f"Location({self.shown!r})"

    __str__ = __repr__


def parse_location(url: str) -> Location:
    """Take `url` apart; raises `MalformedUrl`, which never shows the password."""
    if len(url) > _URL_CHARACTERS:
        raise MalformedUrl(url, f"the URL has {len(url)} characters, more than {_URL_CHARACTERS}")
    # urlsplit would quietly drop line feeds and tabs.
    if any(character <= " " or character == "\x7f" for character in url):
        raise MalformedUrl(url, "there is a blank or a control character in the URL")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
        user = None if parts.username is None else unquote(parts.username, errors="strict")
        password = None if parts.password is None else unquote(parts.password, errors="strict")
    except ValueError as error:
        # The library's words may quote what stands before the @.
        raise MalformedUrl(url, "host, port or password cannot be read") from error
    if not parts.scheme or not host:
        raise MalformedUrl(url, "there is no scheme or no host")
    if any(character < " " for character in (user or "") + (password or "")):
        raise MalformedUrl(url, "there is a control character in user or password")
    path = quote(parts.path, safe="/%!$&'()*+,;=:@~-._")
    return Location(parts.scheme.lower(), host, port, path or "/", parts.query, user, password)


def checked_file_name(url: str, file_name: str) -> str:
    """`file_name`, if it is one segment that every server takes; raises `MalformedUrl`."""
    if (
        not file_name
        or file_name in (".", "..")
        or len(file_name.encode(errors="replace")) > _FILE_NAME_BYTES
        or any(character in "/\\" or not character.isprintable() for character in file_name)
    ):
        reason = f"{file_name[:_FILE_NAME_BYTES]!r} is no file name: 1 to {_FILE_NAME_BYTES} bytes, no / and no \\"
        raise MalformedUrl(url, reason)
    return file_name
