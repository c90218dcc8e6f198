"""SQLite's index for reading meter values: filled behind the writer, many rows at a time.

An index that begins with the station has a page of its own for every station, and a commit writes each page that it
touched: maintained row by row, it costs a page per row (docs/adr/0001). So a batch only adds rows to `meter_value`, and
every few thousand rows one batch also copies what has come since into `meter_value_reading`, sorted: then many rows of
a station share a page, and the page is written once.

How far the index reaches is a row id, kept in `setting` and moved in the same transaction as the entries: rows up to it
are found by the index, the few above it by scanning their ids. One statement does both, in one snapshot, so what is
read is exact at any moment; a transaction that is rolled back or lost takes its entries and the mark with it.
"""

import sqlite3
from typing import Final

from sqlalchemy import Integer, Select, cast, func, literal_column, select, union_all

from chargewright.csms.storage.database import METER_VALUE_COLUMNS, MeterValueFilter
from chargewright.csms.storage.prepared import limit_to
from chargewright.csms.storage.tables import meter_value, meter_value_reading, setting

__all__ = ["DeferredIndex", "select_meter_values"]

# Rows that may wait: one statement reads them all (about 2 ms), and each step takes about 4 ms of the commit's thread.
ROWS_WAITING: Final = 4096
# The most that one step takes; what is left is taken by the next batch.
STEP_ROWS: Final = 8192
MARK: Final = "meter_value_reading_until"

REACHES: Final = f"(SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM setting WHERE name = '{MARK}')"  # noqa: S608  # a constant
COUNT_WAITING: Final = f"SELECT count(*) FROM meter_value WHERE id > {REACHES}"  # noqa: S608  # a constant
FIND_STEP: Final = (
    f"SELECT count(*), max(id) FROM (SELECT id FROM meter_value WHERE id > {REACHES} ORDER BY id LIMIT ?)"  # noqa: S608  # a constant
)
# What is there already, should the mark ever have been lost, stays.
ADD_ENTRIES: Final = (
    "INSERT OR IGNORE INTO meter_value_reading (station_id, transaction_id, connector_id, instant, meter_value_id) "  # noqa: S608  # a constant
    "SELECT station_id, transaction_id, connector_id, instant, id FROM meter_value "
    f"WHERE id > {REACHES} AND id <= ? ORDER BY 1, 2, 3, 4, 5"
)
MOVE_MARK: Final = (
    "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class DeferredIndex:
    """What fills the index, on the connection that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: int = connection.execute(COUNT_WAITING).fetchone()[0]

    def catch_up(self) -> None:
        """Index what an import left, in transactions of one step each; nothing to do after ordinary work."""
        while self.is_due(0):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                indexed = self.write()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self.committed(0, indexed)

    def is_due(self, added: int) -> bool:
        """Whether a batch that adds so many rows should take a step."""
        return self._waiting + added >= ROWS_WAITING

    def write(self) -> int:
        """Take a step in the transaction that is open; returns the number of rows it indexed."""
        indexed, last = self._connection.execute(FIND_STEP, (STEP_ROWS,)).fetchone()
        if indexed:
            self._connection.execute(ADD_ENTRIES, (last,))
            self._connection.execute(MOVE_MARK, (MARK, str(last)))
        return int(indexed)

    def committed(self, added: int, indexed: int | None) -> None:
        """A transaction is durable that added so many rows (repeated ones may be counted) and, unless None, took a step
        that indexed so many.
        """
        self._waiting += added
        if indexed is not None:
            self._waiting = max(0, self._waiting - indexed) if indexed == STEP_ROWS else 0


def select_meter_values(wanted: MeterValueFilter) -> Select[tuple[object, ...]]:
    """The SELECT that finds rows by the index as far as it reaches, and the rest by their ids."""
    row, entry = meter_value, meter_value_reading
    reaches = (
        select(func.coalesce(func.max(cast(setting.c.value, Integer)), 0))
        .where(setting.c.name == MARK)
        .scalar_subquery()
    )
    by_index = (
        select(*METER_VALUE_COLUMNS)
        .select_from(entry.join(row, row.c.id == entry.c.meter_value_id))
        .where(
            *wanted.equalities(entry),
            *wanted.later(entry.c.instant, entry.c.meter_value_id),
            entry.c.meter_value_id <= reaches,
        )
        .order_by(entry.c.instant, entry.c.meter_value_id)
        .limit(limit_to(wanted.limit))
    )
    # As a sum the instant is no reason to take the unique key instead of the ids: its range may be the whole table.
    instant = row.c.instant + literal_column("0")
    by_id = (
        select(*METER_VALUE_COLUMNS)
        .where(row.c.id > reaches, *wanted.equalities(row), *wanted.later(instant, row.c.id))
        .order_by(instant, row.c.id)
        .limit(limit_to(wanted.limit))
    )
    both = union_all(select(by_index.subquery()), select(by_id.subquery())).subquery()
    return select(both).order_by(both.c.instant, both.c.id).limit(limit_to(wanted.limit))
