"""What holds for every table."""

import pytest
from sqlalchemy import BigInteger, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from chargewright.csms.storage.base import IdTagRow, StationRow
from chargewright.csms.storage.tables import id_tag, metadata, site, station, station_group

TABLES = list(metadata.tables.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_one_64_bit_id(table: Table) -> None:
    if table.name == "meter_value_reading":  # an index in the form of a table: all of it is its key
        assert list(table.primary_key.columns) == list(table.columns)
        return
    (key,) = table.primary_key.columns
    assert key.name == ("sequence" if table.name == "event" else "id")
    assert isinstance(key.type, BigInteger)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_strict_on_sqlite(table: Table) -> None:
    assert str(CreateTable(table).compile(dialect=sqlite.dialect())).rstrip().endswith("STRICT")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_a_station_dated_has_its_text_and_the_time_of_receipt(table: Table) -> None:
    if (table.name != "meter_value_reading" and "instant" in table.c) or "start_instant" in table.c:
        assert {"station_time", "received_at"} <= set(table.c.keys())


@pytest.mark.parametrize("table", [station, site, station_group], ids=lambda table: table.name)
def test_stations_sites_and_groups_have_a_time_zone(table: Table) -> None:
    assert not table.c.time_zone.nullable


def test_rows_and_tables_have_the_same_words() -> None:
    assert set(StationRow.__struct_fields__) <= set(station.c.keys())
    assert set(IdTagRow.__struct_fields__) <= set(id_tag.c.keys())


def test_names_of_constraints_and_indexes_are_unique_in_the_schema() -> None:
    # PostgreSQL keeps the names of all indexes in one place.
    names = [index.name for table in TABLES for index in table.indexes]
    names += [constraint.name for table in TABLES for constraint in table.constraints]
    assert len(names) == len(set(names))
    assert all(name is not None and len(name) <= 63 for name in names)
