"""The tables, for SQLite and PostgreSQL alike.

Every table has its own 64-bit `id` (the event log's is its `sequence`); OCPP's transactionId is a column like any
other. Instants are microseconds since 1970-01-01 UTC. Where a row tells of something that the station dated,
`station_time` is the text as sent, and `received_at` is when we got it.

On SQLite the tables are STRICT: a text in a column of integers is refused there as PostgreSQL refuses it. The tables
that every message writes (`meter_value`, `connector_status`, `event`) have no foreign key to `station`: a batch reads
its stations' epochs before it writes, and refuses a station that does not exist.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Text,
)
from sqlalchemy.dialects.sqlite import INTEGER, REAL

__all__ = [
    "BOOLEAN",
    "DOUBLE",
    "INT32",
    "INT64",
    "ONLY",
    "TRANSACTION_ID_MAXIMUM",
    "id_column",
    "metadata",
    "needed",
    "station_column",
]

# The largest transactionId that we give out: many stations keep it in a signed 32-bit integer.
TRANSACTION_ID_MAXIMUM: Final = 2**31 - 1

# Key in `info` of what only one database has; its value is the name of that database's dialect.
ONLY: Final = "only"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# STRICT tables of SQLite know INTEGER, REAL, TEXT and BLOB only.
INT64 = BigInteger().with_variant(INTEGER(), "sqlite")
INT32 = Integer()
DOUBLE: Double[float] = Double().with_variant(REAL(), "sqlite")
BOOLEAN = Boolean().with_variant(INTEGER(), "sqlite")


def id_column() -> Column[int]:
    """The row id of a table."""
    return Column("id", INT64, Identity(), primary_key=True)


def station_column() -> Column[int]:
    """The row id of the station that the row belongs to."""
    return Column("station_id", INT64, ForeignKey("station.id"), nullable=False)


def needed(name: str, kind: BigInteger | Integer | Text | Double[float] | Boolean) -> Column[object]:
    """A column that is never NULL."""
    return Column(name, kind, nullable=False)
