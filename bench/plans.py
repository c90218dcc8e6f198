"""How a database answers a list: what it says of its plan, and how much it really reads for it.

A plan alone says too little: an index that is walked from end to end is an index too. So every statement is also run,
and its work counted: on PostgreSQL the rows that each node of the plan brought up or threw away, on SQLite the steps of
its virtual machine (some ten for a row of few columns, some fifty for one of many). Neither depends on the machine.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncpg
import msgspec

from bench.filling import SQLITE_PREFIX, is_postgresql

__all__ = ["MOST_ROWS", "MOST_STEPS", "Plan", "explain", "statements_of"]

# A page has 500 rows at most, and a station's own rows may have to be sorted; more is more than the answer needs.
MOST_ROWS = 2_000
# The same on SQLite; meter values that wait for their index (4096 and a batch) are looked through besides.
MOST_STEPS = 80_000
STEPS_COUNTED_AT_ONCE = 50
# SQLite's words for rows that are sorted although no index has them in order.
SORTS = "USE TEMP B-TREE FOR ORDER BY"


class Plan(msgspec.Struct):
    """One statement's plan; `faults` says in words what is wrong with it."""

    statement: str
    lines: list[str]
    work: int  # rows on PostgreSQL, steps on SQLite
    faults: list[str]


async def statements_of(storage: Any, ask: Callable[[], Awaitable[Any]]) -> list[tuple[str, Sequence[Any]]]:
    """The statements, each with its parameters, that a storage runs while `ask` reads from it."""
    seen: list[tuple[str, Sequence[Any]]] = []
    fetch = storage._fetch

    async def listen(statement: str, parameters: Sequence[Any]) -> Any:
        seen.append((statement, parameters))
        return await fetch(statement, parameters)

    storage._fetch = listen
    try:
        await ask()
    finally:
        del storage._fetch
    return seen


async def explain(url: str, statement: str, parameters: Sequence[Any], most: int | None = None) -> Plan:
    """Ask the database that `url` names for the plan of a statement, and run it.

    `most` is the work that is no fault yet: MOST_ROWS or MOST_STEPS unless it is given.
    """
    if is_postgresql(url):
        return await _explain_postgresql(url, statement, parameters, MOST_ROWS if most is None else most)
    return _explain_sqlite(url.removeprefix(SQLITE_PREFIX), statement, parameters, MOST_STEPS if most is None else most)


async def _explain_postgresql(url: str, statement: str, parameters: Sequence[Any], most: int) -> Plan:
    connection = await asyncpg.connect(url)
    try:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", *parameters)
    finally:
        await connection.close()
    root = msgspec.json.decode(text)[0]["Plan"]
    plan = Plan(statement, [], 0, [])
    for depth, node in _nodes(root, 0):
        read = _rows(node)
        about = " ".join(str(node[key]) for key in ("Node Type", "Relation Name", "Index Name") if key in node)
        plan.lines.append(f"{'  ' * depth}{about} ({read} rows)")
        plan.work = max(plan.work, read)
        if read > most:
            plan.faults.append(f"{about} goes through {read} rows")
        if node["Node Type"] == "Seq Scan" and node["Plan Rows"] + node.get("Rows Removed by Filter", 0) > most:
            plan.faults.append(f"{about} expects {node['Plan Rows']} rows")
    return plan


def _nodes(node: dict[str, Any], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, node
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _rows(node: dict[str, Any]) -> int:
    removed = sum(node.get(key, 0) for key in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def _explain_sqlite(file: str, statement: str, parameters: Sequence[Any], most: int) -> Plan:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += STEPS_COUNTED_AT_ONCE

    try:
        lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        connection.set_progress_handler(count, STEPS_COUNTED_AT_ONCE)
        connection.execute(statement, parameters).fetchall()
    finally:
        connection.close()
    plan = Plan(statement, lines, steps, [])
    if steps > most:
        scans = [line for line in lines if line.startswith("SCAN")] or lines
        plan.faults.append(f"{steps} steps: {'; '.join(scans)}")
    # In the order of its rows a table may be read from either end: that is its index. To be sorted, it is read whole.
    bare = [line for line in lines if line.startswith("SCAN") and " USING " not in line and "SUBQUERY" not in line]
    if bare and any(line == SORTS for line in lines) and steps > most:
        plan.faults.append(f"{bare[0]} and {SORTS}")
    return plan
