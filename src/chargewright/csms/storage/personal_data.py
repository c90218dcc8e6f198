"""Where an id tag stands in the database, and how one text is put in its place everywhere.

Rows are found by readers and rewritten a few at a time, so nobody waits for it; what was interrupted is simply done
again. Numbers (energy, times, transactionIds) are never touched.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Column, LargeBinary, Select, Table, func, select

from chargewright.csms.storage import tables
from chargewright.csms.storage.statements import BYTES, INT, TEXT, Statement

__all__ = ["PLACES", "TEXT_COLUMNS", "Place", "find_texts"]


class Place:
    """One column in which the tag may stand: by itself (`key_column`: the column with its casefolded form), or inside
    JSON."""

    def __init__(self, table: Table, column: str, key_column: str = "", row_id: str = "id") -> None:
        self.table = table
        self.column = table.c[column]
        self.key = table.c[key_column] if key_column else None
        self.row_id = table.c[row_id]
        self.is_binary = isinstance(self.column.type, LargeBinary)
        kind = BYTES if self.is_binary else TEXT
        columns: list[tuple[str, str]] = [(row_id, INT), (column, kind)]
        assignments = f"{column} = k.{column}"
        if key_column:
            columns.append((key_column, TEXT))
            assignments += f", {key_column} = k.{key_column}"
        self.rewrite = Statement(
            f"rewrite id tags in {table.name}",
            f"WITH k({{columns}}) AS ({{rows}}) UPDATE {table.name} SET {assignments} "  # noqa: S608  # names
            f"FROM k WHERE {table.name}.{row_id} = k.{row_id}",
            tuple(columns),
        )

    def find(self, texts: Sequence[str], after: int, limit: int) -> Select[Any]:
        """The SELECT of (row id, column) of rows in which one of the texts may stand."""
        statement = select(self.row_id, self.column).where(self.row_id > after)
        if self.key is not None:
            statement = statement.where(self.key == texts[0].casefold())
        elif not self._is_json:
            statement = statement.where(self.column.in_(texts))
        elif not self.is_binary:
            # What is salvaged or typed may have the tag in another case, or with something behind it.
            inside = func.lower(self.column).contains(quoted(texts[0]).lower()[1:-1], autoescape=True)
            statement = statement.where(inside)
        return statement.order_by(self.row_id).limit(limit)

    @property
    def _is_json(self) -> bool:
        return (self.table.name, self.column.name) in JSON_COLUMNS

    def rewritten(self, value: Any, texts: Sequence[str], pseudonym: str) -> Any:
        """The column's value with the pseudonym in place of each text."""
        if not self._is_json:
            return pseudonym
        pattern, replacement = standing_alone(texts[0]), '"' + quoted(pseudonym)[1:-1]
        if self.is_binary:
            return re.sub(pattern.encode(), replacement.encode(), bytes(value), flags=re.IGNORECASE)
        if self.column.table is tables.deviation:
            pattern, replacement = standing_free(texts[0]), pseudonym
        return re.sub(pattern, lambda _: replacement, value, flags=re.IGNORECASE)

    def row(self, row_id: int, value: Any, pseudonym: str) -> tuple[Any, ...]:
        """What `rewrite` takes."""
        return (row_id, value) if self.key is None else (row_id, value, pseudonym.casefold())


def quoted(text: str) -> str:
    """The text as it stands in JSON."""
    return msgspec.json.encode(text).decode()


def standing_alone(text: str) -> str:
    """A pattern for the text as the whole of a JSON string, but for what is escaped behind it (a control byte)."""
    return '"' + re.escape(quoted(text)[1:-1]) + r'(?=["\\])'


def standing_free(text: str) -> str:
    """A pattern for the text in a sample, with nothing printable but quotes and backslashes on either side."""
    part = r"[!#-&(-\[\]-~]"
    return f"(?<!{part}){re.escape(text)}(?!{part})"


# Where the tag stands inside a longer text.
JSON_COLUMNS: Final = frozenset(
    {
        ("deviation", "sample"),
        ("event", "body"),
        ("command", "payload"),
        ("command", "outcome"),
        ("bulk_command", "payload"),
        ("salvaged_frame", "frame"),
        ("quarantine", "frame"),
    }
)

PLACES: Final = (
    Place(tables.charging_transaction, "id_tag", "id_tag_key"),
    Place(tables.charging_transaction, "stop_id_tag"),
    Place(tables.transaction_stop, "id_tag", "id_tag_key"),
    Place(tables.reservation, "id_tag", "id_tag_key"),
    Place(tables.event, "body", row_id="sequence"),
    Place(tables.command, "payload"),
    Place(tables.command, "outcome"),
    Place(tables.bulk_command, "payload"),
    Place(tables.deviation, "sample"),
    Place(tables.salvaged_frame, "frame"),
    Place(tables.quarantine, "frame"),
)

# Where the texts of a tag stand as they were sent, in whatever case.
TEXT_COLUMNS: Final = (
    tables.id_tag.c.id_tag,
    tables.charging_transaction.c.id_tag,
    tables.transaction_stop.c.id_tag,
    tables.reservation.c.id_tag,
    tables.local_list_entry.c.id_tag,
)


def find_texts(column: Column[Any], key: str) -> Select[Any]:
    """The SELECT of the texts of the tag with that casefolded key in one of `TEXT_COLUMNS`."""
    return select(column).where(column.table.c.id_tag_key == key).distinct()
