"""Reading statements are made once for each shape, and get their values each time."""

import gc
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from chargewright.csms.storage.base import IdTagRow
from chargewright.csms.storage.prepared import STATEMENTS, PreparedStatements, limit_to, placeholder, prepare
from chargewright.csms.storage.rows.base import In, Range
from chargewright.csms.storage.tables import event
from chargewright.csms.storage.views import values_of


def events_of(kind: str, rows: int) -> Select[Any]:
    wanted = event.c.kind == placeholder("kind", event.c.kind, kind)
    return select(event.c.body).where(wanted, event.c.sequence > 5).limit(limit_to(rows))


@pytest.mark.parametrize("dialect", [sqlite.dialect(), asyncpg.dialect()])  # type: ignore[no-untyped-call]
def test_values_are_given_by_name_and_others_stay_as_they_were(dialect: Any) -> None:
    prepared = prepare(events_of("first", 7), dialect)
    assert "first" not in prepared.text
    offset = {"0"}  # SQLite is always told one
    assert {*map(str, prepared.parameters({}))} - offset == {"5", "7", "first"}
    assert {*map(str, prepared.parameters({"kind": "second", "rows": 8}))} - offset == {"5", "8", "second"}
    assert prepared.text == prepare(events_of("second", 8), dialect).text


def test_a_statement_is_built_once_until_others_were_used_more_lately() -> None:
    statements = PreparedStatements(sqlite.dialect())
    built: list[int] = []

    def get(key: int) -> None:
        def build() -> Select[Any]:
            built.append(key)
            return events_of("any", 1)

        statements.get(key, build)

    for key in range(STATEMENTS):
        get(key)
    get(0)
    get(STATEMENTS)
    assert len(statements) == STATEMENTS
    assert built == list(range(STATEMENTS + 1))
    get(0)
    get(1)
    assert built[-1] == 1
    assert len(built) == STATEMENTS + 2


def test_long_lists_of_values_share_statements() -> None:
    shapes = {values_of({"id": In(tuple(range(count)))})[0] for count in range(1, 1001)}
    assert len(shapes) == 11
    assert values_of({"id": In((4, 5, 6))})[1] == {"id_0": 4, "id_1": 5, "id_2": 6, "id_3": 6}
    assert values_of({"id": In(())})[0] != values_of({"id": In((1,))})[0]


def test_what_changes_the_statement_changes_the_shape() -> None:
    wheres: list[dict[str, Any]] = [
        {"id": 1},
        {"id": None},
        {"id": Range(low=1)},
        {"id": Range(high=1)},
        {"id": Range(low=1, high=2)},
        {"id": In((1, 2))},
        {"sequence": 1},
    ]
    assert len({values_of(where)[0] for where in wheres}) == len(wheres)
    assert values_of({"id": 1})[0] == values_of({"id": 2})[0]


async def test_the_same_shape_finds_what_each_value_names(desk: Any) -> None:
    storage = desk.storage
    for name in ("a", "b", "c"):
        await storage.put_id_tag(IdTagRow(id=0, id_tag=name))
    everyone = {row.id_tag: row for row in await storage.page(IdTagRow)}
    statements = None
    for name in ("a", "b", "c"):
        found = await storage.page(IdTagRow, {"id_tag_key": name})
        assert [row.id_tag for row in found] == [name]
        assert statements in (None, len(storage._prepared))
        statements = len(storage._prepared)
    for name, after in (("b", "a"), ("c", "b")):
        row = everyone[after]
        found = await storage.page(IdTagRow, order="id_tag_key", after=(after, row.id), limit=1)
        assert [row.id_tag for row in found] == [name]
    for names in (("a", "b", "c"), ("a", "c"), ("b",), ()):
        found = await storage.page(IdTagRow, {"id_tag_key": In(names)}, order="id_tag_key")
        assert tuple(row.id_tag for row in found) == names
        assert await storage.count(IdTagRow, {"id_tag_key": In(names)}) == {None: len(names)}


async def test_reading_again_leaves_nothing_to_the_garbage_collector(desk: Any) -> None:
    storage, station = desk.storage, desk.stations[0]

    async def read(transaction_id: int) -> None:
        await storage.meter_values(station, transaction_id=transaction_id, after=(transaction_id, 0), limit=10)
        await storage.events_after(transaction_id, 10)
        await storage.page(IdTagRow, {"id_tag_key": In(("a", str(transaction_id)))})

    await read(1)
    gc.collect()
    gc.disable()
    try:
        for transaction_id in range(100):
            await read(transaction_id)
        # Once 2,000 objects for each reading.
        assert gc.collect() < 1000
    finally:
        gc.enable()
