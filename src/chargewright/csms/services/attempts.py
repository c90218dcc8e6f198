"""Attempts to connect that came to nothing, kept over restarts, and registering a station from one of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from chargewright.csms.attempts import AttemptRow, Attempts
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import Removal
from chargewright.csms.storage.rows.commands import ConnectionAttemptRow

__all__ = ["KIND", "AttemptsService"]

KIND: Final = "attempt"
# How often what changed is written; a knocking stranger must not keep the database busy. In seconds.
WRITE_SECONDS: Final = 5.0
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


class AttemptsService(Service):
    """Reads what an earlier run kept, and writes what changes, now and then."""

    def __init__(
        self, attempts: Attempts, storage: Storage, ledger: Ledger, *, write_seconds: float = WRITE_SECONDS
    ) -> None:
        self._attempts = attempts
        self._storage = storage
        self._ledger = ledger
        self._write_seconds = write_seconds
        self._is_failing = False

    async def load(self) -> None:
        """Read what is kept in memory; called once, before anything listens."""
        after: tuple[int, int] | None = None
        while page := await self._storage.page(ConnectionAttemptRow, after=after, limit=_PAGE):
            # Of more than are kept only the ids stay, to be deleted.
            self._attempts.load([_kept(row) for row in page])
            after = (page[-1].id, page[-1].id)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The loop that writes."""
        return {"attempts": self._write_for_ever}

    def entries(self) -> list[AttemptRow]:
        """Every attempt, the last seen first."""
        return self._attempts.entries()

    def get(self, attempt_id: str) -> AttemptRow:
        """One attempt; raises `NotFound`."""
        row = self._attempts.get(attempt_id)
        if row is None:
            raise NotFound(KIND, attempt_id)
        return row

    def identity(self, attempt_id: str) -> str:
        """The identity that somebody came with; raises `NotFound`, and `Conflict` where it was none."""
        row = self.get(attempt_id)
        if row.identity is None:
            raise Conflict(f"This attempt named no identity: its path was {row.path!r}.")
        return row.identity

    def registered(self, station: StationRow) -> None:
        """A station was registered: what is known of its failures is over."""
        self._attempts.forget_identity(station.identity)

    async def write(self) -> None:
        """Store what changed since the last time; raises `StorageError`, and keeps it for the next time then."""
        changed, dropped = self._attempts.take_changed()
        if not changed and not dropped:
            return
        try:
            await self._ledger.write(
                NO_STATION,
                *(_stored(row) for row in changed),
                *(Removal(ConnectionAttemptRow, {"attempt_id": attempt_id}) for attempt_id in dropped),
            )
        except BaseException:
            self._attempts.put_back(changed, dropped)
            raise

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._write_seconds)
            try:
                await self.write()
                self._is_failing = False
            except StorageError as error:
                if not self._is_failing:
                    _log.warning("attempts to connect are not written; they are kept in memory", error=str(error))
                self._is_failing = True


def _stored(row: AttemptRow) -> ConnectionAttemptRow:
    fields = msgspec.structs.asdict(row)
    return ConnectionAttemptRow(attempt_id=fields.pop("id"), **fields)


def _kept(row: ConnectionAttemptRow) -> AttemptRow:
    fields = msgspec.structs.asdict(row)
    del fields["id"]
    return AttemptRow(id=fields.pop("attempt_id"), **fields)
