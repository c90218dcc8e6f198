"""Writing what no CALL of a station caused: by the same journal as everything else, awaited."""

import asyncio
from typing import Final

from chargewright.clock import Clock
from chargewright.csms.storage.base import (
    ANY_EPOCH,
    Journal,
    Record,
    Settlement,
    StorageError,
    StorageUnavailable,
    Unit,
)

__all__ = ["JournalLedger"]

# How long somebody waits for a database before being told that it does not confirm.
CONFIRM_SECONDS: Final = 10.0


# What a record takes beside its texts, about, in bytes.
RECORD_BYTES: Final = 500


class JournalLedger:
    """The `Ledger` on a journal; `confirm_seconds` is how long a caller waits."""

    def __init__(self, journal: Journal, clock: Clock, *, confirm_seconds: float = CONFIRM_SECONDS) -> None:
        self._journal = journal
        self._clock = clock
        self._confirm_seconds = confirm_seconds

    async def write(self, station_id: int, *records: Record, epoch: int = ANY_EPOCH, is_patient: bool = False) -> None:
        """Commit the records as one unit; see `ports.Ledger`."""
        settled: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()

        def on_settled(unit: Unit, settlement: Settlement) -> None:
            if not settled.done():
                settled.set_result(settlement)

        action = ", ".join(sorted({type(record).__name__ for record in records}))
        unit = Unit(station_id, epoch, self._clock.now_microseconds(), action, b"", on_settled)
        unit.records.extend(records)
        unit.size = sum(map(_size, records))
        self._journal.submit(unit)
        try:
            async with asyncio.timeout(None if is_patient else self._confirm_seconds):
                settlement = await settled
        except TimeoutError:
            raise StorageUnavailable(
                f"the database did not confirm in {self._confirm_seconds:.0f} s; it may be written yet"
            ) from None
        if settlement is Settlement.UNAVAILABLE:
            raise StorageUnavailable("the database is away; nothing was written")
        if settlement is Settlement.STALE:
            raise StorageError(f"another connection of the station is newer; {action} was not written")
        if settlement is not Settlement.DURABLE:
            raise StorageError(f"the database refused to write {action}: {self._journal.last_failure}")


def _size(record: Record) -> int:
    values = (getattr(record, name) for name in record.__struct_fields__)
    return RECORD_BYTES + sum(len(value) for value in values if isinstance(value, str | bytes))
