"""Opening a storage by its URL."""

from chargewright.clock import Clock
from chargewright.csms.storage.base import Storage
from chargewright.csms.storage.postgresql import open_postgresql
from chargewright.csms.storage.sqlite import MEMORY, Writer, open_sqlite
from chargewright.csms.storage.url import shown_url
from chargewright.errors import ConfigurationError

__all__ = ["open_storage"]


async def open_storage(url: str, clock: Clock, *, writer: Writer | None = None) -> Storage:
    """Open and migrate the storage that `url` names; its journal has not begun.

    `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite://` (in memory), `postgresql://user@host/name`.
    `writer` is for SQLite (see `sqlite.py`). Raises `ConfigurationError` for another URL, `StorageError` when opening
    fails.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        if rest in ("", "/" + MEMORY):
            return await open_sqlite(MEMORY, clock, writer=writer)
        if rest.startswith("/") and len(rest) > 1:
            return await open_sqlite(rest[1:], clock, writer=writer)
    if scheme in ("postgresql", "postgres") and separator:
        return await open_postgresql(url, clock)
    raise ConfigurationError(
        "storage", "url", shown_url(url), "sqlite:///path, sqlite:// (in memory) or postgresql://…"
    )
