"""Attempts to connect that came to nothing: what an installer asks for when a station "does not connect".

Kept in memory, bounded, one row for each (identity or path, host, cause) with how often and when. `take_changed` gives
a periodic writer what it has to store, and `load` takes it back at the next start. Rows hold no credentials: neither
headers nor the query of a path.
"""

import enum
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

import msgspec

__all__ = ["ATTEMPTS", "AttemptRow", "Attempts", "Cause"]

ATTEMPTS: Final = 1000
"""How many rows are kept; beyond it the one that was seen longest ago goes."""

_STORED: Final = 3
_PATH_CHARACTERS: Final = 200
_TEXT_CHARACTERS: Final = 100


class Cause(enum.Enum):
    """Why an attempt came to nothing."""

    UNKNOWN_IDENTITY = "unknown identity"
    MALFORMED_IDENTITY = "malformed identity"
    WRONG_CREDENTIALS = "wrong credentials"
    MISSING_CREDENTIALS = "missing credentials"
    MISSING_CERTIFICATE = "missing client certificate"
    TLS_MISSING = "TLS missing"
    TLS_UNEXPECTED = "TLS unexpected"
    TLS_HANDSHAKE_FAILED = "TLS handshake failed"
    NO_SUBPROTOCOL = "no subprotocol"
    NO_COMMON_SUBPROTOCOL = "no common subprotocol"
    DATABASE_AWAY = "database away"
    NOT_READY = "not ready"
    UNKNOWN_STATIONS_LIMIT = "limit of unknown stations"
    TOO_MANY_AT_ONCE = "too many at once"
    IDENTITY_FOUGHT_OVER = "identity fought over"


class AttemptRow(msgspec.Struct):
    """Attempts alike. Times in µs since 1970; `address` is that of the last one (`host:port`), None where it is not
    known; `path` without its query, cut to 200 characters; `subprotocols` as offered last; `detail` says more, such as
    OpenSSL's reason."""

    id: str
    cause: str
    identity: str | None = None
    address: str | None = None
    path: str = ""
    subprotocols: str | None = None
    detail: str = ""
    count: int = 0
    first_at: int = 0
    last_at: int = 0


class Attempts:
    """The rows, newest last. `now` gives µs; `on_change` is called after each change."""

    def __init__(
        self, now: Callable[[], int], *, bound: int = ATTEMPTS, on_change: Callable[[], None] | None = None
    ) -> None:
        self._now = now
        self._bound = bound
        self.on_change = on_change
        self._rows: OrderedDict[str, AttemptRow] = OrderedDict()
        self._changed: set[str] = set()
        # Ids of rows in the database, whether or not they are still here: as long as they are known they can be
        # deleted. No rows are added beyond `_STORED` times the bound, which only an outage or an earlier run reaches.
        self._stored: set[str] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def record(
        self,
        cause: Cause,
        *,
        identity: str | None = None,
        address: str | None = None,
        path: str = "",
        subprotocols: str | None = None,
        detail: str = "",
    ) -> AttemptRow:
        """Count one attempt, and return its row. All texts may be the peer's; they are cut to size."""
        path = path.partition("?")[0][:_PATH_CHARACTERS]
        host = "" if address is None else address.rpartition(":")[0] or address
        row_id = _row_id(path if identity is None else identity, host, cause)
        row = self._rows.get(row_id)
        now = self._now()
        if row is None:
            row = self._rows[row_id] = AttemptRow(id=row_id, cause=cause.value, identity=identity, first_at=now)
        self._rows.move_to_end(row_id)
        row.address, row.path = address, path
        row.subprotocols = None if subprotocols is None else subprotocols[:_TEXT_CHARACTERS]
        row.detail = detail[:_TEXT_CHARACTERS]
        row.count += 1
        row.last_at = now
        self._changed.add(row_id)
        self._keep_bound()
        if self.on_change is not None:
            self.on_change()
        return row

    def turned_away(self, identity: str, address: str) -> None:
        """A connection was closed because another device holds its identity."""
        self.record(Cause.IDENTITY_FOUGHT_OVER, identity=identity, address=address, path=f"/{identity}")

    def entries(self, limit: int | None = None) -> list[AttemptRow]:
        """Copies of the rows, the last seen first; at most `limit`."""
        newest = list(reversed(self._rows.values()))[:limit]
        return [msgspec.structs.replace(row) for row in newest]

    def get(self, row_id: str) -> AttemptRow | None:
        """A copy of one row."""
        row = self._rows.get(row_id)
        return None if row is None else msgspec.structs.replace(row)

    def forget_identity(self, identity: str) -> None:
        """Drop what is known of an identity: it was registered just now, and begins afresh."""
        for row_id in [row.id for row in self._rows.values() if row.identity == identity]:
            self._drop(row_id)
        if self.on_change is not None:
            self.on_change()

    def load(self, rows: Iterable[AttemptRow]) -> None:
        """Take stored rows over; counts add up where attempts were recorded already."""
        for row in rows:
            self._stored.add(row.id)
            present = self._rows.get(row.id)
            if present is None:
                self._rows[row.id] = msgspec.structs.replace(row)
            else:
                present.count += row.count
                present.first_at = min(present.first_at, row.first_at)
                self._changed.add(row.id)
        self._rows = OrderedDict(sorted(self._rows.items(), key=lambda item: item[1].last_at))
        self._keep_bound()

    def take_changed(self) -> tuple[list[AttemptRow], list[str]]:
        """Copies of the rows that changed since the last call, to be stored by `id`, and the ids to be deleted: those
        that were stored, or may have been, and are no longer here. What is too much for once is given the next time."""
        room = _STORED * self._bound - len(self._stored)
        fresh = sorted(self._changed - self._stored)[: max(room, 0)]
        taken = sorted(self._changed & self._stored) + fresh
        changed = [msgspec.structs.replace(self._rows[row_id]) for row_id in taken]
        dropped = sorted(row_id for row_id in self._stored if row_id not in self._rows)[: 2 * self._bound]
        self._changed.difference_update(taken)
        self._stored.difference_update(dropped)
        self._stored.update(taken)
        return changed, dropped

    def put_back(self, changed: Iterable[AttemptRow], dropped: Iterable[str]) -> None:
        """What `take_changed` gave could not be stored: it is given again, except for what has changed meanwhile."""
        self._changed.update(row.id for row in changed if row.id in self._rows)
        self._stored.update(dropped)

    def _keep_bound(self) -> None:
        while len(self._rows) > self._bound:
            self._drop(next(iter(self._rows)))

    def _drop(self, row_id: str) -> None:
        del self._rows[row_id]
        self._changed.discard(row_id)


def _row_id(name: str, host: str, cause: Cause) -> str:
    """The same for the same attempts in every process, so that rows are stored once."""
    text = "\0".join((name, host, cause.value)).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=12).hexdigest()
