"""What both databases share outside the journal."""

import asyncio
import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from chargewright.csms.storage.base import IdTagRow, StationRow
from chargewright.csms.storage.database import compile_select, storable
from chargewright.csms.storage.tables import event, station


def test_a_select_is_text_with_bound_values() -> None:
    statement = select(event.c.body).where(event.c.kind.in_(["'; DROP TABLE event", "b"])).limit(7)
    text, parameters = compile_select(statement, sqlite.dialect())
    assert "DROP" not in text
    assert parameters[:3] == ["'; DROP TABLE event", "b", 7]
    assert text.count("?") == len(parameters)


def test_a_select_for_postgresql_has_numbered_parameters() -> None:
    statement = select(event.c.body).where(event.c.kind.in_(["'; DROP TABLE event", "b"])).limit(7)
    text, parameters = compile_select(statement, asyncpg.dialect())
    assert "DROP" not in text
    # Each number stands where its value belongs, in whatever order they were given out.
    numbers = [int(number) for number in re.findall(r"\$(\d)", text)]
    assert [parameters[number - 1] for number in numbers] == ["'; DROP TABLE event", "b", 7]


def test_what_no_database_holds_as_text_is_escaped() -> None:
    assert storable("a\x00b\ud800ä") == "a\\x00b\\ud800ä"


async def test_rows_come_back_as_they_were_written(desk: Any) -> None:
    row = StationRow(
        id=0,
        identity="CP-ö'\"",
        security_profile=2,
        credential_hash="hash",
        registration="Pending",
        tolerance="strict",
        time_zone="Europe/Lisbon",
        ping_interval_seconds=12.5,
        serial_number="S1",
        ocpp_version="1.6",
    )
    written = await desk.storage.put_station(row)
    row.id = written.id
    assert written == row
    assert row in await desk.storage.stations()
    tag = await desk.storage.put_id_tag(IdTagRow(id=0, id_tag="A", expires_at=5))
    assert await desk.storage.id_tags() == [tag]
    assert await desk.storage.select(select(station.c.identity).where(station.c.id == written.id))


async def test_a_reader_that_fails_disturbs_nobody(desk: Any) -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    woken: list[str] = []
    desk.storage.subscribe_events(lambda: 1 / 0)
    desk.storage.subscribe_events(lambda: woken.append("second"))
    desk.storage._wake_event_readers()
    assert woken == ["second"]
    assert [type(error) for error in reported] == [ZeroDivisionError]


async def test_readers_that_unsubscribe_while_being_woken_disturb_nobody(desk: Any) -> None:
    woken: list[str] = []
    unsubscribe = desk.storage.subscribe_events(lambda: (woken.append("first"), unsubscribe()))
    desk.storage.subscribe_events(lambda: woken.append("second"))
    desk.storage._wake_event_readers()
    desk.storage._wake_event_readers()
    unsubscribe()
    assert woken == ["first", "second", "second"]
