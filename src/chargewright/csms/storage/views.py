"""Which rows can be listed, from which table; every field of a row is a column of its table."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Select, Table, func, select, tuple_

from chargewright.csms.storage import tables
from chargewright.csms.storage.base import StorageError
from chargewright.csms.storage.mapping import MAPPINGS, Mode
from chargewright.csms.storage.prepared import limit_to, placeholder
from chargewright.csms.storage.rows import core
from chargewright.csms.storage.rows.base import In, Range, Row

__all__ = ["VIEWS", "View", "values_of"]

# Lists of values up to this length are filled up to a power of two, so that they need few statements. Longer ones could
# come to more parameters than a database takes.
FILLED_VALUES: Final = 1024


def values_of(where: Mapping[str, Any]) -> tuple[tuple[Hashable, ...], dict[str, Any]]:
    """The shape of the conditions of a list, which is all that its statement depends on, and the values of their
    placeholders by name."""
    shape: list[Hashable] = []
    values: dict[str, Any] = {}
    for name, wanted in where.items():
        if isinstance(wanted, In):
            filled = _filled(wanted.values)
            shape.append((name, len(filled)))
            values.update((f"{name}_{number}", value) for number, value in enumerate(filled))
        elif isinstance(wanted, Range):
            shape.append((name, wanted.low is not None, wanted.high is not None))
            values[f"{name}_low"], values[f"{name}_high"] = wanted.low, wanted.high
        else:
            shape.append((name, wanted is None))
            values[f"{name}_is"] = wanted
    return tuple(shape), values


def _filled(values: tuple[Any, ...]) -> tuple[Any, ...]:
    count = len(values)
    if not 0 < count <= FILLED_VALUES:
        return values
    return values + values[-1:] * ((1 << (count - 1).bit_length()) - count)


class View:
    """One kind of row and its table."""

    def __init__(self, kind: type[Row], table: Table) -> None:
        self.kind = kind
        self.table = table
        self._columns = [table.c[name] for name in kind.__struct_fields__]
        self._booleans = [name for name in kind.__struct_fields__ if isinstance(table.c[name].type, Boolean)]

    def page(
        self,
        where: Mapping[str, Any],
        order: str,
        descending: bool,
        after: tuple[Any, int] | None,
        limit: int,
    ) -> Select[Any]:
        """The SELECT of one page. Its placeholders are named as `values_of` does, `rows`, and `after_id` with
        `after_value`; the order of ids does without the latter."""
        column, row_id = self._column(order), self.table.c.id
        keys: list[ColumnElement[Any]] = [row_id] if column is row_id else [column, row_id]
        statement = select(*self._columns).where(*self._conditions(where))
        if after is not None:
            bounds = [placeholder("after_id", row_id, after[1])]
            if column is not row_id:
                bounds.insert(0, placeholder("after_value", column, after[0]))
            cursor, position = tuple_(*keys), tuple_(*bounds)
            statement = statement.where(cursor < position if descending else cursor > position)
        return statement.order_by(*(key.desc() if descending else key.asc() for key in keys)).limit(limit_to(limit))

    def count(self, where: Mapping[str, Any], by: str | None) -> Select[Any]:
        """The SELECT of the numbers of rows, by the values of a column."""
        conditions = self._conditions(where)
        if by is None:
            return select(func.count()).select_from(self.table).where(*conditions)
        column = self._column(by)
        return select(column, func.count()).where(*conditions).group_by(column)

    def row(self, values: Sequence[Any]) -> Row:
        """The row of what the database answered."""
        fields = dict(zip(self.kind.__struct_fields__, values, strict=True))
        for name in self._booleans:
            if fields[name] is not None:
                fields[name] = bool(fields[name])  # SQLite has numbers there
        return self.kind(**fields)

    def _column(self, name: str) -> ColumnElement[Any]:
        if name not in self.table.c:
            raise StorageError(f"{self.table.name} has no column {name!r}")
        return self.table.c[name]

    def _conditions(self, where: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        for name, wanted in where.items():
            column = self._column(name)
            if isinstance(wanted, In):
                values = enumerate(_filled(wanted.values))
                conditions.append(
                    column.in_([placeholder(f"{name}_{number}", column, value) for number, value in values])
                )
            elif isinstance(wanted, Range):
                if wanted.low is not None:
                    conditions.append(column >= placeholder(f"{name}_low", column, wanted.low))
                if wanted.high is not None:
                    conditions.append(column < placeholder(f"{name}_high", column, wanted.high))
            elif wanted is None:
                conditions.append(column.is_(None))
            else:
                conditions.append(column == placeholder(f"{name}_is", column, wanted))
        return conditions


_READ_ONLY: Final[dict[type[Row], Table]] = {
    core.StationDetailRow: tables.station,
    core.ConnectorRow: tables.connector,
    core.ConnectorStatusRow: tables.connector_status,
    core.TransactionRow: tables.charging_transaction,
    core.TransactionStopRow: tables.transaction_stop,
    core.DataTransferRow: tables.data_transfer,
    core.DeviationRow: tables.deviation,
    core.SalvagedFrameRow: tables.salvaged_frame,
}

VIEWS: Final[Mapping[type[Row], View]] = {
    **{kind: View(kind, table) for kind, table in _READ_ONLY.items()},
    **{kind: View(kind, mapped.table) for kind, mapped in MAPPINGS.items() if mapped.mode is not Mode.CHANGE},
}
