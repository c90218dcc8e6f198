"""The tables of commands that outlive a connection, of automatic sending, and of connection attempts."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint, text

from chargewright.csms.storage.tables.base import DOUBLE, INT64, id_column, metadata, needed, station_column

__all__ = ["bulk_command", "command", "connection_attempt", "station_ability"]

UNFINISHED = "finished_at IS NULL"

# Commands that are kept until their station is there, and those of a bulk command. `state`: see
# `csms/commands/states.py`. `payload` and `outcome` are JSON.
command = Table(
    "command",
    metadata,
    id_column(),
    Column("command_id", Text, nullable=False, unique=True),  # opaque
    Column("bulk_id", Text),
    station_column(),
    needed("action", Text()),
    needed("payload", Text()),
    needed("state", Text()),
    needed("timeout_seconds", DOUBLE),
    needed("created_at", INT64),
    Column("keep_until", INT64),
    Column("sent_at", INT64),
    needed("sent_epoch", INT64),  # of the connection over which it went last; 0: never
    Column("finished_at", INT64),
    Column("outcome", Text),
    Index(None, "station_id", "id"),
    Index(None, "bulk_id", "state"),
    Index(
        "ix_command_unfinished",
        "station_id",
        "id",
        sqlite_where=text(UNFINISHED),
        postgresql_where=text(UNFINISHED),
    ),
    sqlite_strict=True,
)

bulk_command = Table(
    "bulk_command",
    metadata,
    id_column(),
    Column("bulk_id", Text, nullable=False, unique=True),
    needed("action", Text()),
    needed("payload", Text()),
    needed("selection", Text()),  # JSON, as it was asked for
    needed("stations", INT64),  # how many were selected
    needed("created_at", INT64),
    sqlite_strict=True,
)

# What was learned of a station's ways, `name` by `name` (`csms/services/abilities.py`); `value` is JSON.
station_ability = Table(
    "station_ability",
    metadata,
    id_column(),
    station_column(),
    needed("name", Text()),
    needed("value", Text()),
    needed("learned_at", INT64),
    UniqueConstraint("station_id", "name"),
    sqlite_strict=True,
)

# Upgrades that were refused, counted; see `csms/attempts.py`.
connection_attempt = Table(
    "connection_attempt",
    metadata,
    id_column(),
    Column("attempt_id", Text, nullable=False, unique=True),
    Column("identity", Text),
    Column("address", Text),
    needed("path", Text()),
    needed("cause", Text()),
    Column("subprotocols", Text),
    needed("detail", Text()),
    needed("count", INT64),
    needed("first_at", INT64),
    needed("last_at", INT64),
    sqlite_strict=True,
)
