"""What both databases do alike: reading, and the operator's own writes.

Reading is SQLAlchemy Core, compiled for the dialect and executed by the driver; writing uses the statements of
`statements.py`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from sqlalchemy import ColumnElement, FromClause, Select, select, tuple_
from sqlalchemy.engine import Dialect

from chargewright.clock import Clock
from chargewright.csms.storage.ageing import AGEING, Ageing
from chargewright.csms.storage.base import (
    EventRow,
    IdTagRow,
    MeterValueRow,
    QuarantinedFrame,
    RowType,
    StartRecord,
    StationRow,
    StorageError,
    Unit,
)
from chargewright.csms.storage.event_reading import event_row, next_events, previous_events
from chargewright.csms.storage.journal import GroupCommitJournal
from chargewright.csms.storage.mapping import MAPPINGS
from chargewright.csms.storage.personal_data import PLACES, TEXT_COLUMNS, find_texts
from chargewright.csms.storage.prepared import PreparedStatements, limit_to, placeholder, prepare
from chargewright.csms.storage.rows.base import Row
from chargewright.csms.storage.statements import (
    ADD_STATIONS,
    INSERT_QUARANTINE,
    PROBE,
    PUT_STATIONS,
    TOUCH_STATIONS,
    Statement,
)
from chargewright.csms.storage.tables import event, meter_value, quarantine, station
from chargewright.csms.storage.transactions import Rows, TransactionIds, TransactionIdsExhausted
from chargewright.csms.storage.views import VIEWS, View, values_of

__all__ = ["Database", "MeterValueFilter", "compile_select", "keep_in_quarantine", "storable"]

STATION_COLUMNS: Final = tuple(station.c[name] for name in StationRow.__struct_fields__)
METER_VALUE_COLUMNS: Final = tuple(meter_value.c[name] for name in MeterValueRow.__struct_fields__)
# More rows than a table in memory may have.
NO_LIMIT: Final = 2**31
# Rows in which an id tag is replaced at a time.
REWRITTEN_ROWS: Final = 200


class MeterValueFilter(msgspec.Struct, frozen=True):
    """Which meter values `Database.meter_values` was asked for."""

    station_id: int
    transaction_id: int | None
    connector_id: int | None
    after: tuple[int, int] | None
    limit: int

    @property
    def shape(self) -> tuple[Hashable, ...]:
        """All that the statement depends on."""
        return (self.transaction_id is None, self.connector_id is None, self.after is None)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the placeholders."""
        instant, row_id = self.after or (0, 0)
        return {
            "station_id": self.station_id,
            "transaction_id": self.transaction_id,
            "connector_id": self.connector_id,
            "after_value": instant,
            "after_id": row_id,
            "rows": self.limit,
        }

    def equalities(self, table: FromClause) -> list[ColumnElement[bool]]:
        """The conditions on the columns of the same names in `table`."""
        wanted = {name: self.values[name] for name in ("station_id", "transaction_id", "connector_id")}
        return [
            table.c[name] == placeholder(name, table.c[name], value)
            for name, value in wanted.items()
            if value is not None
        ]

    def later(self, instant: ColumnElement[int], row_id: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The condition that a row comes after the cursor."""
        if self.after is None:
            return []
        position = (placeholder("after_value", instant, self.after[0]), placeholder("after_id", row_id, self.after[1]))
        return [tuple_(instant, row_id) > tuple_(*position)]

    def select(self) -> Select[Any]:
        """The rows, straight from the table."""
        return (
            select(*METER_VALUE_COLUMNS)
            .where(*self.equalities(meter_value), *self.later(meter_value.c.instant, meter_value.c.id))
            .order_by(meter_value.c.instant, meter_value.c.id)
            .limit(limit_to(self.limit))
        )


def compile_select(statement: Select[Any], dialect: Dialect) -> tuple[str, list[Any]]:
    """The text of a SELECT for the driver, and its parameters in order."""
    prepared = prepare(statement, dialect)
    return prepared.text, prepared.parameters({})


def storable(text: str) -> str:
    """`text` with what a database cannot hold as text (NUL, lone surrogates) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def keep_in_quarantine(
    unit: Unit, reason: str, ids: TransactionIds
) -> Generator[tuple[Statement, Rows], Rows, list[tuple[StartRecord, int]]]:
    """Write the frame of a unit that was refused; returns its starts with an id for each, or none when all are used up.

    A station that starts a transaction is answered whatever became of it, and needs an id that nobody else has.
    """
    starts = [record for record in unit.records if isinstance(record, StartRecord)]
    numbers: list[int] = []
    if starts:
        try:
            numbers = yield from ids.take(len(starts))
        except TransactionIdsExhausted:
            starts = []
    number = numbers[0] if numbers else None
    row = (unit.station_id, storable(unit.action), unit.raw, storable(reason), unit.received_at, number)
    yield INSERT_QUARANTINE, [row]
    return list(zip(starts, numbers, strict=True))


class Database(ABC):
    """The part of `Storage` that does not depend on which database it is."""

    journal: GroupCommitJournal

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self.on_claim: Callable[[int, int, str], None] = _ignore_claim
        self._dialect = dialect
        self._prepared = PreparedStatements(dialect)
        self._clock = clock
        self._event_readers: list[Callable[[], None]] = []

    @abstractmethod
    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run one reading statement outside the journal; raises `StorageError`."""

    @abstractmethod
    async def _write(self, steps: Sequence[tuple[Statement, Rows]]) -> None:
        """Run writing statements in one transaction of their own; raises `StorageError`."""

    @abstractmethod
    def _visible_events(self, statement: Select[Any]) -> Select[Any]:
        """Narrow a SELECT from the event log to the events that every reader may see."""

    @abstractmethod
    def _select_meter_values(self, wanted: MeterValueFilter) -> Select[Any]:
        """The SELECT of METER_VALUE_COLUMNS that finds them by this database's index for reading."""

    @abstractmethod
    def _station_known(self, row: StationRow) -> None:
        """A station was written; a driver that keeps epochs in memory learns it here."""

    async def select(self, statement: Select[Any]) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT over `tables`; raises `StorageError`."""
        return await self._fetch(*compile_select(statement, self._dialect))

    async def _select_prepared(
        self, key: Hashable, build: Callable[[], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Sequence[Any]]:
        """The rows of the SELECT with that key; `build` makes it where it was not read lately."""
        statement = self._prepared.get(key, build)
        return await self._fetch(statement.text, statement.parameters(values))

    async def stations(self) -> list[StationRow]:
        """Every station that is in service, for the directory."""
        statement = select(*STATION_COLUMNS).where(station.c.removed_at.is_(None)).order_by(station.c.id)
        return [_station_row(row) for row in await self.select(statement)]

    async def id_tags(self) -> list[IdTagRow]:
        """Every id tag, for the authorization service."""
        return await self.page(IdTagRow, limit=NO_LIMIT)

    async def add_station(self, row: StationRow) -> StationRow:
        """Insert by identity (`id` is ignored), or return the row that is there already."""
        return await self._put_station(ADD_STATIONS, row)

    async def put_station(self, row: StationRow) -> StationRow:
        """Insert or overwrite the operator's columns of the station with that identity."""
        return await self._put_station(PUT_STATIONS, row)

    async def _put_station(self, statement: Statement, row: StationRow) -> StationRow:
        await self._write([(statement, [tuple(getattr(row, name) for name, _ in statement.columns)])])
        found = await self.select(select(*STATION_COLUMNS).where(station.c.identity == row.identity))
        if not found:
            raise StorageError(f"station {row.identity!r} was written and is not there")
        stored = _station_row(found[0])
        self._station_known(stored)
        return stored

    async def put_id_tag(self, row: IdTagRow) -> IdTagRow:
        """Insert or overwrite the tag with that casefolded text."""
        mapped = MAPPINGS[IdTagRow]
        await self._write([(mapped.write, [mapped.values(row)])])
        found = await self.page(IdTagRow, {"id_tag_key": row.id_tag.casefold()})
        if not found:
            raise StorageError(f"id tag {row.id_tag!r} was written and is not there")
        return found[0]

    async def page(
        self,
        kind: type[RowType],
        where: Mapping[str, Any] | None = None,
        *,
        order: str = "id",
        descending: bool = False,
        after: tuple[Any, int] | None = None,
        limit: int = 100,
    ) -> list[RowType]:
        """Rows of a kind that `views.py` lists, in the order of (column `order`, id)."""
        view = _view(kind)
        shape, values = values_of(where or {})
        values["rows"] = limit
        if after is not None:
            values["after_value"], values["after_id"] = after
        rows = await self._select_prepared(
            ("page", kind, shape, order, descending, after is None),
            lambda: view.page(where or {}, order, descending, after, limit),
            values,
        )
        return [cast(RowType, view.row(row)) for row in rows]

    async def count(
        self, kind: type[Row], where: Mapping[str, Any] | None = None, *, by: str | None = None
    ) -> dict[Any, int]:
        """How many rows there are for each value of the column `by`; without it, all of them under None."""
        shape, values = values_of(where or {})
        key = ("count", kind, shape, by)
        rows = await self._select_prepared(key, lambda: _view(kind).count(where or {}, by), values)
        return {None: int(rows[0][0])} if by is None else {row[0]: int(row[1]) for row in rows}

    async def forget(self, kind: str, before: int, limit: int = 500) -> int:
        """Remove at most `limit` rows of a kind (see `ageing.py`) older than `before` µs from each of its tables;
        returns how many went."""
        removed = 0
        for ageing in self._ageing(kind):
            removed += len(await self._write_answered([(step, [(before, limit)]) for step in ageing.steps]))
        return removed

    async def texts_of_id_tag(self, id_tag: str) -> list[str]:
        """The tag in every form in which it was sent or written, that given first."""
        texts = {id_tag: None}
        for column in TEXT_COLUMNS:
            for (text,) in await self.select(find_texts(column, id_tag.casefold())):
                texts.setdefault(str(text))
        return list(texts)

    async def rename_id_tag(self, id_tag: str, pseudonym: str) -> dict[str, int]:
        """Put the pseudonym in the place of the tag, in whatever case, in what tells of the past; returns how many
        values changed, by table and column. Not atomic: interrupted, it is to be called again with the same two."""
        texts = await self.texts_of_id_tag(id_tag)
        changed: dict[str, int] = {}
        for place in PLACES:
            after, name = -1, f"{place.table.name}.{place.column.name}"
            while found := await self.select(place.find(texts, after, REWRITTEN_ROWS)):
                values = [(row[0], row[1], place.rewritten(row[1], texts, pseudonym)) for row in found]
                rows = [place.row(row_id, new, pseudonym) for row_id, old, new in values if new != old]
                if rows:
                    await self._write([(place.rewrite, rows)])
                    changed[name] = changed.get(name, 0) + len(rows)
                after = found[-1][0]
        return changed

    def _ageing(self, kind: str) -> Sequence[Ageing]:
        return AGEING[kind]

    @abstractmethod
    async def _write_answered(self, steps: Sequence[tuple[Statement, Rows]]) -> Rows:
        """`_write`, with what the last statement returns."""

    @abstractmethod
    async def reserve_numbers(self, name: str, count: int = 1) -> int:
        """The first of `count` numbers in a row that nobody has had, on any node, of the series `name` (from 1)."""

    async def events_after(self, sequence: int, limit: int) -> list[EventRow]:
        """The next events that every reader may see: never one with an open transaction before it."""
        values = {"sequence_after": sequence, "rows": limit}
        rows = await self._select_prepared("events after", lambda: self._visible_events(next_events()), values)
        return [event_row(row) for row in rows]

    async def events_before(self, sequence: int, limit: int) -> list[EventRow]:
        """The visible events before that one, the newest first."""
        values = {"sequence_before": sequence, "rows": limit}
        rows = await self._select_prepared("events before", lambda: self._visible_events(previous_events()), values)
        return [event_row(row) for row in rows]

    async def last_event_sequence(self) -> int:
        """The sequence of the newest visible event, 0 when there is none."""
        rows = await self._select_prepared("last event", self._last_event, {})
        return int(rows[0][0]) if rows else 0

    def _last_event(self) -> Select[Any]:
        return self._visible_events(select(event.c.sequence).order_by(event.c.sequence.desc()).limit(1))

    def subscribe_events(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on the event loop's thread whenever `events_after` has more to give; returns how to
        unsubscribe.
        """
        self._event_readers.append(callback)

        def unsubscribe() -> None:
            if callback in self._event_readers:
                self._event_readers.remove(callback)

        return unsubscribe

    def _wake_event_readers(self) -> None:
        for callback in tuple(self._event_readers):
            try:
                callback()
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"waking the event reader {callback!r} failed", "exception": error}
                )

    async def meter_values(
        self,
        station_id: int,
        *,
        transaction_id: int | None = None,
        connector_id: int | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
    ) -> list[MeterValueRow]:
        """The station's meter values in order of (instant, id), at most `limit`, those not after `after` left out.

        `transaction_id` is the one sent, NO_TRANSACTION for values sent without; None for all. To read on, give
        (instant, id) of the last row; to begin at an instant, (instant, 0).
        """
        wanted = MeterValueFilter(station_id, transaction_id, connector_id, after, limit)
        names = MeterValueRow.__struct_fields__
        key = ("meter values", *wanted.shape)
        rows = await self._select_prepared(key, lambda: self._select_meter_values(wanted), wanted.values)
        return [MeterValueRow(**dict(zip(names, row, strict=True))) for row in rows]

    async def touch_stations(self, seen: Mapping[int, int]) -> None:
        """Note when stations were last heard: station id → µs. To be collected by the caller and called rarely."""
        if seen:
            await self._write([(TOUCH_STATIONS, sorted(seen.items()))])

    async def quarantined(self, limit: int = 100) -> list[QuarantinedFrame]:
        """The newest frames whose units were refused, newest first."""
        columns = (quarantine.c.id, station.c.identity, quarantine.c.station_id, quarantine.c.action)
        statement = (
            select(
                *columns, quarantine.c.frame, quarantine.c.reason, quarantine.c.received_at, quarantine.c.transaction_id
            )
            .select_from(quarantine.outerjoin(station, station.c.id == quarantine.c.station_id))
            .order_by(quarantine.c.id.desc())
            .limit(limit)
        )
        return [
            QuarantinedFrame(
                id=row[0],
                station=f"(no station {row[2]})" if row[1] is None else row[1],
                action=row[3],
                frame=bytes(row[4]),
                reason=row[5],
                received_at=row[6],
                transaction_id=row[7],
            )
            for row in await self.select(statement)
        ]

    async def probe(self) -> None:
        """Commit something small; raises `StorageUnavailable` when that does not work."""
        await self._write([(PROBE, [("probe", self._clock.now().isoformat())])])


def _station_row(row: Sequence[Any]) -> StationRow:
    values = dict(zip(StationRow.__struct_fields__, row, strict=True))
    for name in ("automatic", "booted"):
        values[name] = bool(values[name])  # SQLite has numbers there
    return StationRow(**values)


def _view(kind: type[Row]) -> View:
    view = VIEWS.get(kind)
    if view is None:
        raise StorageError(f"rows of {kind.__name__} cannot be listed")
    return view


def _ignore_claim(station_id: int, epoch: int, node: str) -> None:
    """The application has not said yet who should know."""
