"""Lists are answered from an index, on both databases: asserted at 100,000 rows of each kind that grows without end.

What may be asked of a kind of row follows from its table: all rows in order of id, those of one station, and for each
index the rows that have its first columns in common, in the order of the last. So a kind that is added later is walked
without a word here, and a filter that should be quick gets an index or stays out of the interface.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.filling import execute, fill, is_postgresql
from bench.plans import Plan, explain, statements_of
from sqlalchemy import Boolean, Table, Text, UniqueConstraint, select

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import NO_TRANSACTION
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.rows.base import Row
from chargewright.csms.storage.tables import ONLY, event, metadata, meter_value, quarantine
from chargewright.csms.storage.views import VIEWS

ROWS = 100_000
# Of what has an end: so many that a list which reads them all is noticed.
FEWER_ROWS = 40_000
GROWING = {
    "charging_transaction",
    "command",
    "connector_status",
    "data_transfer",
    "event",
    "firmware_status",
    "meter_value",
    "quarantine",
    "security_event",
    "transaction_stop",
}
MIDDLE = FEWER_ROWS // 2
STATIONS = 1000  # so every station has a hundred of the rows
PAGE = 500
# Columns of words that a hundredth of the rows share; where such a column is a key by itself, they do not.
WORDS = {"state", "status", "kind", "registration", "review", "severity", "result", "action", "mode"}
# What the check constraints want to see.
EXPRESSIONS: dict[str, dict[str, str]] = {
    "transaction_stop": {"charging_transaction_id": "n", "relation": "'stop'"},
    "meter_value": {"transaction_id": f"CASE WHEN n % 4 = 0 THEN {NO_TRANSACTION} ELSE n % 5000 END"},
    # A few among many: nearly all transactions are over, and nobody has to look at them.
    "charging_transaction": {
        "stop_instant": "CASE WHEN n % 997 = 0 THEN NULL ELSE n END",
        "review": "CASE WHEN n % 991 = 0 THEN 'pending' ELSE 'cleared' END",
    },
}


def expressions(table: Table) -> dict[str, str]:
    """The columns of a table that are not simply numbered."""
    alone = {tuple(index.columns.keys()) for index in unique_keys(table)}
    found = {
        column.name: f"'{column.name} ' || (n % 100)"
        for column in table.c
        if column.name in WORDS and isinstance(column.type, Text) and (column.name,) not in alone
    }
    if "station_id" in table.c and ("station_id",) not in alone:
        found["station_id"] = f"n % {STATIONS} + 1"
    return found | EXPRESSIONS.get(table.name, {})


def unique_keys(table: Table) -> list[Any]:
    """The unique constraints and unique indexes of a table."""
    constraints = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    return constraints + [index for index in table.indexes if index.unique]


def keys(table: Table, dialect: str) -> list[list[str]]:
    """The columns of each index that this database has for the whole table."""
    indexes = [
        index
        for index in table.indexes
        if index.dialect_options[dialect]["where"] is None and index.info.get(ONLY, dialect) == dialect
    ]
    constraints = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    return [list(one.columns.keys()) for one in (*indexes, *constraints)]


async def filled(url: str) -> str:
    """Every table that is listed, with its rows."""
    storage = await open_storage(url, SystemClock())
    storage.journal.begin()
    await storage.close()
    tables = {view.table for view in VIEWS.values()} | {meter_value, event, quarantine}
    await execute(
        url,
        [
            fill(url, table, ROWS if table.name in GROWING else FEWER_ROWS, expressions(table))
            for table in sorted(tables, key=lambda table: table.name)
        ],
    )
    return url


@pytest.fixture(scope="module")
def database_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where SQLite has them."""
    return tmp_path_factory.mktemp("plans") / "csms.sqlite3"


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    """The databases that are filled already."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, urls: dict[str, str], database_file: Path, postgresql_server: Any) -> str:
    """Each database in turn, filled by the first test that asks for it."""
    if request.param not in urls:
        if request.param == "sqlite":
            urls["sqlite"] = await filled(f"sqlite:///{database_file}")
        else:
            postgresql_server.psql("CREATE DATABASE plans")
            urls["postgresql"] = await filled(str(postgresql_server.get_uri("plans")))
    return urls[request.param]


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Any]:
    """The storage on it."""
    opened = await open_storage(url, SystemClock())
    opened.journal.begin()
    yield opened
    await opened.close()


async def plans(url: str, storage: Any, ask: Callable[[], Awaitable[Any]]) -> list[Plan]:
    """How the database answers what `ask` reads."""
    statements = await statements_of(storage, ask)
    assert statements, "nothing was read"
    return [await explain(url, *statement) for statement in statements]


def shown(plan: Plan) -> str:
    """For the message of a test that fails."""
    return "\n".join([*plan.faults, plan.statement, *plan.lines])


def questions(kind: type[Row], dialect: str, sample: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that may be asked of a kind of row, as arguments of `page`."""
    table = VIEWS[kind].table
    for descending in (False, True):
        yield {"descending": descending}
        yield {"descending": descending, "after": (sample["id"], sample["id"])}
        if "station_id" in table.c:
            yield {"where": {"station_id": sample["station_id"]}, "descending": descending}
    for columns in keys(table, dialect):
        if any(sample[name] is None for name in columns):
            continue
        *equal, last = columns
        where = {name: sample[name] for name in equal}
        yield {"where": where | {last: sample[last]}}
        if where:
            yield {"where": where, "order": last, "descending": True}
            yield {"where": where, "order": last, "after": (sample[last], sample["id"])}


@pytest.mark.parametrize("kind", VIEWS, ids=lambda kind: kind.__name__)
async def test_every_list_is_answered_from_an_index(url: str, storage: Any, kind: type[Row]) -> None:
    table = VIEWS[kind].table
    dialect = "postgresql" if is_postgresql(url) else "sqlite"
    names = [column.name for column in table.c]
    (middle,) = await storage.select(select(*table.c).order_by(table.c.id).offset(MIDDLE).limit(1))
    sample = {
        name: bool(value) if isinstance(table.c[name].type, Boolean) and value is not None else value
        for name, value in zip(names, middle, strict=True)
    }
    for question in questions(kind, dialect, sample):
        answers: list[Any] = []

        async def ask(question: dict[str, Any] = question, answers: list[Any] = answers) -> None:
            answers.extend(await storage.page(kind, **question, limit=PAGE))

        for plan in await plans(url, storage, ask):
            assert plan.faults == [], f"{question}\n{shown(plan)}"
        if "after" not in question:
            assert answers, f"{question} finds nothing"


# Lists that are asked of partial indexes: a few rows among many.
RARE = {
    "open transactions": ("TransactionRow", {"stop_instant": None}),
    "open transactions of a station": ("TransactionRow", {"stop_instant": None, "station_id": 998}),
    "transactions to be reviewed": ("TransactionRow", {"review": "pending"}),
}


@pytest.mark.parametrize("name", RARE)
async def test_what_is_rare_is_found_without_reading_the_rest(url: str, storage: Any, name: str) -> None:
    kind_name, where = RARE[name]
    (kind,) = (kind for kind in VIEWS if kind.__name__ == kind_name)
    for plan in await plans(url, storage, lambda: storage.page(kind, where, limit=PAGE)):
        assert plan.faults == [], shown(plan)


METER_VALUES: dict[str, dict[str, Any]] = {
    "of a station": {},
    "of a transaction": {"transaction_id": 1003},
    "of a transaction at a connector": {"transaction_id": 1003, "connector_id": 1003},
    "without a transaction": {"transaction_id": NO_TRANSACTION},
    "of a station, further on": {"after": (MIDDLE, 0)},
    "of a transaction, further on": {"transaction_id": 1003, "after": (MIDDLE, 0)},
}


@pytest.mark.parametrize("name", METER_VALUES)
async def test_meter_values_are_found_by_the_index_for_reading(url: str, storage: Any, name: str) -> None:
    for plan in await plans(url, storage, lambda: storage.meter_values(4, **METER_VALUES[name], limit=PAGE)):
        assert plan.faults == [], shown(plan)


async def test_the_event_log_is_read_from_any_place(url: str, storage: Any) -> None:
    async def ask() -> None:
        last = await storage.last_event_sequence()
        assert len(await storage.events_after(0, PAGE)) == PAGE
        assert len(await storage.events_after(last - PAGE, PAGE)) == PAGE

    for plan in await plans(url, storage, ask):
        assert plan.faults == [], shown(plan)


async def test_the_newest_quarantined_frames_are_read_from_the_end(url: str, storage: Any) -> None:
    for plan in await plans(url, storage, lambda: storage.quarantined(100)):
        assert plan.faults == [], shown(plan)


async def test_a_list_without_an_index_is_noticed(url: str, storage: Any) -> None:
    """What these tests would say of a list that is read and sorted as a whole."""
    unindexed = select(event.c.sequence, event.c.body).order_by(event.c.created_at, event.c.body).limit(PAGE)
    filtered = select(event.c.sequence).where(event.c.kind == "kind 7").limit(PAGE)
    for statement in (unindexed, filtered):
        for plan in await plans(url, storage, lambda statement=statement: storage.select(statement)):
            assert plan.faults != [], shown(plan)


def test_the_tables_that_are_named_here_exist() -> None:
    assert set(metadata.tables) >= GROWING | set(EXPRESSIONS)
