"""The tables of reservations, local authorization lists and charging profiles."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from chargewright.csms.storage.tables.base import BOOLEAN, INT64, id_column, metadata, needed, station_column

__all__ = [
    "charging_profile",
    "composite_schedule",
    "local_list",
    "local_list_entry",
    "local_list_state",
    "reservation",
]

# `state`: see `csms/services/reservations.py`.
reservation = Table(
    "reservation",
    metadata,
    id_column(),
    station_column(),
    needed("reservation_id", INT64),  # OCPP's
    needed("connector_id", INT64),
    needed("id_tag", Text()),
    needed("id_tag_key", Text()),
    Column("parent_id_tag", Text),
    needed("expires_at", INT64),
    needed("state", Text()),
    needed("created_at", INT64),
    needed("changed_at", INT64),
    Column("transaction_id", INT64),  # OCPP's, of the transaction that used it
    Column("end_reason", Text),
    UniqueConstraint("station_id", "reservation_id"),
    Index(None, "state", "id"),
    Index(None, "station_id", "id"),
    sqlite_strict=True,
)

# The wanted list of a station or a group of stations: `scope` is `station:<row id>` or `group:<row id>`.
local_list = Table(
    "local_list",
    metadata,
    id_column(),
    Column("scope", Text, nullable=False, unique=True),
    needed("version", INT64),  # rising, and never given again, over all lists
    needed("selection", Text()),  # which entries go first where a station cannot hold all of them
    needed("entries", INT64),
    needed("base_version", INT64),  # what changed before it is no longer known: stations that have less need all of it
    needed("complete", BOOLEAN),  # false: the entries are being written, or that was interrupted
    needed("changed_at", INT64),
    sqlite_strict=True,
)

# Entries with the version in which each changed last; removed ones stay as gravestones, so that a station at an earlier
# version can be brought in step with the difference alone.
local_list_entry = Table(
    "local_list_entry",
    metadata,
    id_column(),
    needed("scope", Text()),
    needed("id_tag_key", Text()),
    needed("id_tag", Text()),
    needed("status", Text()),
    Column("expires_at", INT64),
    Column("parent_id_tag", Text),
    needed("position", INT64),  # in the list as it was wanted
    needed("version", INT64),
    needed("removed", BOOLEAN),
    needed("follows", BOOLEAN),  # what it says is taken from the registered id tag
    UniqueConstraint("scope", "id_tag_key"),
    Index(None, "scope", "version"),
    Index(None, "scope", "position"),
    Index(None, "scope", "id"),
    Index(None, "id_tag_key"),
    sqlite_strict=True,
)

# What is known of the list that a station has. `state`: see `csms/services/local_lists.py`.
local_list_state = Table(
    "local_list_state",
    metadata,
    id_column(),
    Column("station_id", INT64, nullable=False, unique=True),
    needed("state", Text()),
    Column("scope", Text),  # whose list it was given
    needed("list_version", INT64),  # of that list, which the station has at least; 0: none, or not known
    needed("version", INT64),  # listVersion that the station accepted last; 0: none, or not known
    needed("sent_version", INT64),  # the highest listVersion that it may have been sent
    needed("partial", BOOLEAN),
    needed("entries", INT64),
    needed("changed_at", INT64),
    Column("problem", Text),
    sqlite_strict=True,
)

# One sending of a charging profile. `state`: see `csms/services/charging_profile_states.py`; `profile` is the object as
# it was sent.
charging_profile = Table(
    "charging_profile",
    metadata,
    id_column(),
    Column("installation_id", Text, nullable=False, unique=True),  # opaque
    station_column(),
    Column("connector_id", INT64),  # absent: the station chooses it at the start
    needed("charging_profile_id", INT64),  # OCPP's
    needed("stack_level", INT64),
    needed("purpose", Text()),
    Column("transaction_id", INT64),  # OCPP's, of the transaction that it is for
    needed("with_start", BOOLEAN),  # sent with RemoteStartTransaction
    needed("profile", Text()),
    needed("state", Text()),
    Column("answer", Text),  # of the station, or why there is none, where the state does not say it
    needed("sent_at", INT64),
    needed("changed_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "station_id", "charging_profile_id", "id"),
    Index(None, "state", "id"),
    Index(None, "transaction_id", "id"),
    sqlite_strict=True,
)

# The last answer to GetCompositeSchedule, as reported.
composite_schedule = Table(
    "composite_schedule",
    metadata,
    id_column(),
    station_column(),
    needed("connector_id", INT64),
    needed("unit", Text()),  # as asked for; empty: none was
    needed("duration", INT64),  # as asked for, in seconds
    needed("schedule", Text()),  # JSON of the response
    needed("received_at", INT64),
    UniqueConstraint("station_id", "connector_id", "unit"),
    sqlite_strict=True,
)
