"""Forgetting by age: which rows of a kind are old enough to go, a bounded number at a time.

Rows that are never changed are looked at in the order of their ids, which is nearly that of their arrival, so a step
reads no more rows than it may remove, however large the table is. Tables whose rows are renewed in place are small; of
them the oldest go first (`by_time`), because rows that are renewed again and again would stand before all others. What
is still under way (an open transaction, a command that is kept) is never removed.
"""

from collections.abc import Mapping
from typing import Final

from chargewright.csms.storage.statements import INT, Statement

__all__ = ["AGEING", "SQLITE_METER_VALUES", "Ageing"]


class Ageing:
    """How one kind of data ages: `steps` are statements that take (before µs, rows at most); the last one removes the
    rows themselves and returns one row for each."""

    def __init__(self, table: str, at: str, condition: str = "", row_id: str = "id", *, by_time: bool = False) -> None:
        where = f"WHERE {condition} " if condition else ""
        order = at if by_time else row_id
        self.old = (
            f"SELECT o.row_id FROM (SELECT {row_id} AS row_id, {at} AS at FROM {table} {where}"  # noqa: S608  # names
            f"ORDER BY {order} LIMIT (SELECT size FROM k)) o WHERE o.at < (SELECT before FROM k)"
        )
        text = f"DELETE FROM {table} WHERE {row_id} IN ({self.old}) RETURNING {row_id}"  # noqa: S608  # names
        self.steps = [self._statement(table, text, returns=True)]

    def first(self, table: str, column: str) -> "Ageing":
        """Remove what refers to the rows before them: rows of `table` whose `column` has their id."""
        self.steps.insert(0, self._statement(table, f"DELETE FROM {table} WHERE {column} IN ({self.old})"))  # noqa: S608  # names
        return self

    def first_entries(self, table: str, columns: str, source: str, source_columns: str) -> "Ageing":
        """Remove the entries of an index in the form of a table."""
        text = (
            f"DELETE FROM {table} WHERE ({columns}) IN (SELECT {source_columns} FROM {source} WHERE id IN ({self.old}))"  # noqa: S608  # names
        )
        self.steps.insert(0, self._statement(table, text))
        return self

    def _statement(self, table: str, text: str, returns: bool = False) -> Statement:
        return Statement(
            f"forget old rows of {table}",
            f"WITH k({{columns}}) AS ({{rows}}) {text}",
            (("before", INT), ("size", INT)),
            returns=returns,
        )


_READING_KEY: Final = "station_id, transaction_id, connector_id, instant"
_STOPPED: Final = "stop_instant IS NOT NULL AND review <> 'pending'"

# Kind of data → the tables that it is in, in the order in which they are emptied.
AGEING: Final[Mapping[str, tuple[Ageing, ...]]] = {
    "meter_values": (Ageing("meter_value", "received_at"),),
    "transactions": (
        Ageing("charging_transaction", "coalesce(stop_received_at, closed_at, received_at)", _STOPPED).first(
            "transaction_stop", "charging_transaction_id"
        ),
        Ageing("transaction_stop", "received_at", "charging_transaction_id IS NULL"),
    ),
    "connector_statuses": (Ageing("connector_status", "received_at"),),
    "events": (Ageing("event", "created_at", row_id="sequence"),),
    "data_transfers": (Ageing("data_transfer", "received_at"),),
    "security_events": (Ageing("security_event", "received_at"), Ageing("certificate_request", "received_at")),
    "upkeep": (
        Ageing("firmware_status", "received_at"),
        Ageing("diagnostics_status", "received_at"),
        Ageing("firmware_update", "finished_at", "finished_at IS NOT NULL", by_time=True),
        Ageing("diagnostics_upload", "finished_at", "finished_at IS NOT NULL", by_time=True),
    ),
    "commands": (
        Ageing("command", "finished_at", "finished_at IS NOT NULL"),
        Ageing(
            "bulk_command",
            "created_at",
            "NOT EXISTS (SELECT 1 FROM command c WHERE c.bulk_id = bulk_command.bulk_id)",
        ),
    ),
    "reservations": (
        Ageing("reservation", "changed_at", "state NOT IN ('requested', 'active', 'unknown')", by_time=True),
    ),
    "charging_profiles": (
        Ageing(
            "charging_profile",
            "changed_at",
            "state NOT IN ('sent', 'awaiting-start', 'installed', 'unknown')",
            by_time=True,
        ),
    ),
    "deviations": (Ageing("deviation", "last_at", by_time=True),),
    "frames": (Ageing("salvaged_frame", "received_at"), Ageing("quarantine", "received_at")),
    "attempts": (Ageing("connection_attempt", "last_at", by_time=True),),
}

# On SQLite the index for reading goes with its rows.
SQLITE_METER_VALUES: Final = Ageing("meter_value", "received_at").first_entries(
    "meter_value_reading", f"{_READING_KEY}, meter_value_id", "meter_value", f"{_READING_KEY}, id"
)
