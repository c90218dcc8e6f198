"""How rows that are no part of the first floor are written: one statement per type of row, made from its table.

* `PUT` overwrites the row with the same key, or inserts it;
* `ADD` inserts; a row with the same key, where the table has one, stays as it is;
* `CHANGE` sets the columns that the type names, in the row with that key.

Of several rows with one key in a batch the last one counts, so a row says all of its columns.
"""

import enum
from collections.abc import Callable, Generator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Boolean, Double, LargeBinary, Table, Text

from chargewright.csms.storage import tables
from chargewright.csms.storage.base import StorageError, Unit
from chargewright.csms.storage.records import IdTagRow
from chargewright.csms.storage.rows import charging, commands, core, upkeep
from chargewright.csms.storage.rows.base import Removal, Row
from chargewright.csms.storage.statements import BOOL, BYTES, INT, REAL, TEXT, Statement

__all__ = ["MAPPINGS", "Mapped", "Mode", "RowWriter"]

Values = tuple[Any, ...]


class Mode(enum.Enum):
    """What writing a row means."""

    PUT = "put"
    ADD = "add"
    CHANGE = "change"


class Mapped:
    """How one type of row is written into its table. `key` names the columns of its unique key; `computed` are columns
    that the row has no field for."""

    def __init__(
        self,
        kind: type[Row],
        table: Table,
        mode: Mode,
        key: tuple[str, ...] = (),
        computed: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        self.kind = kind
        self.table = table
        self.mode = mode
        self.key = key
        self._computed = computed or {}
        names = [name for name in kind.__struct_fields__ if name != "id" or mode is Mode.CHANGE]
        self.columns = (*names, *self._computed)
        self._read = [self._computed.get(name) or attrgetter(name) for name in self.columns]
        self._key_positions = [self.columns.index(name) for name in key]
        self.write = self._statement()
        self.remove = None if mode is not Mode.PUT else self._removal()

    def values(self, row: Row) -> Values:
        """The row's values in the order of the columns."""
        return tuple([read(row) for read in self._read])

    def key_of(self, values: Values) -> Values:
        """The key among the values."""
        return tuple([values[position] for position in self._key_positions])

    def removal_key(self, removal: Removal) -> Values:
        """The values of the key of what is to be removed."""
        return tuple([removal.key[name] for name in self.key])

    def _typed(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((name, _kind(self.table, name)) for name in names)

    def _statement(self) -> Statement:
        table, columns, key = self.table.name, self.columns, ",".join(self.key)
        purpose = f"write rows of {table}"
        others = [name for name in columns if name not in self.key]
        if self.mode is Mode.CHANGE:
            assignments = ", ".join(f"{name} = k.{name}" for name in others)
            condition = " AND ".join(f"{table}.{name} = k.{name}" for name in self.key)
            text = f"WITH k({{columns}}) AS ({{rows}}) UPDATE {table} SET {assignments} FROM k WHERE {condition}"  # noqa: S608  # names, no values
            return Statement(purpose, text, self._typed(columns))
        text = f"INSERT INTO {table} ({{columns}}) {{rows}}"  # names, no values
        if self.mode is Mode.PUT and others:
            assignments = ", ".join(f"{name} = excluded.{name}" for name in others)
            text += f" ON CONFLICT ({key}) DO UPDATE SET {assignments}"
        elif self.key:
            text += f" ON CONFLICT ({key}) DO NOTHING"
        return Statement(purpose, text, self._typed(columns))

    def _removal(self) -> Statement:
        key = ",".join(self.key)
        text = f"WITH k({{columns}}) AS ({{rows}}) DELETE FROM {self.table.name} WHERE ({key}) IN (SELECT {key} FROM k)"  # noqa: S608  # names, no values
        return Statement(f"remove rows of {self.table.name}", text, self._typed(self.key))


def _kind(table: Table, name: str) -> str:
    kind = table.c[name].type
    for known, word in ((Text, TEXT), (Boolean, BOOL), (Double, REAL), (LargeBinary, BYTES)):
        if isinstance(kind, known):
            return word
    return INT


def _id_tag_key(row: IdTagRow) -> str:
    return row.id_tag.casefold()


_PUT, _ADD, _CHANGE = Mode.PUT, Mode.ADD, Mode.CHANGE
_ALL: Final = (
    # In the order in which a batch writes them.
    Mapped(core.StationChange, tables.station, _CHANGE, ("id",)),
    Mapped(core.StationGroupRow, tables.station_group, _PUT, ("name",)),
    Mapped(core.StationGroupMemberRow, tables.station_group_member, _PUT, ("station_id", "station_group_id")),
    Mapped(IdTagRow, tables.id_tag, _PUT, ("id_tag_key",), {"id_tag_key": _id_tag_key}),
    Mapped(core.SettingRow, tables.setting, _PUT, ("name",)),
    Mapped(commands.BulkCommandRow, tables.bulk_command, _PUT, ("bulk_id",)),
    Mapped(commands.CommandRow, tables.command, _ADD, ("command_id",)),
    Mapped(commands.StationAbilityRow, tables.station_ability, _PUT, ("station_id", "name")),
    Mapped(commands.ConnectionAttemptRow, tables.connection_attempt, _PUT, ("attempt_id",)),
    Mapped(charging.ReservationRow, tables.reservation, _PUT, ("station_id", "reservation_id")),
    Mapped(charging.LocalListRow, tables.local_list, _PUT, ("scope",)),
    Mapped(charging.LocalListEntryRow, tables.local_list_entry, _PUT, ("scope", "id_tag_key")),
    Mapped(charging.LocalListStateRow, tables.local_list_state, _PUT, ("station_id",)),
    Mapped(charging.ChargingProfileRow, tables.charging_profile, _PUT, ("installation_id",)),
    Mapped(charging.CompositeScheduleRow, tables.composite_schedule, _PUT, ("station_id", "connector_id", "unit")),
    Mapped(upkeep.ConfigurationWantedRow, tables.configuration_wanted, _PUT, ("scope", "key")),
    Mapped(upkeep.ConfigurationReportedRow, tables.configuration_reported, _PUT, ("station_id", "key")),
    Mapped(upkeep.ConfigurationStateRow, tables.configuration_state, _PUT, ("station_id",)),
    Mapped(upkeep.FirmwareUpdateRow, tables.firmware_update, _PUT, ("update_id",)),
    Mapped(upkeep.FirmwareStatusRow, tables.firmware_status, _ADD),
    Mapped(upkeep.DiagnosticsUploadRow, tables.diagnostics_upload, _PUT, ("upload_id",)),
    Mapped(upkeep.DiagnosticsStatusRow, tables.diagnostics_status, _ADD),
    Mapped(upkeep.SecurityEventRow, tables.security_event, _ADD),
    Mapped(upkeep.CertificateRequestRow, tables.certificate_request, _PUT, ("certificate_request_id",)),
)

MAPPINGS: Final[Mapping[type[Row], Mapped]] = {mapped.kind: mapped for mapped in _ALL}


class RowWriter:
    """Collects the rows and removals of a batch, and yields their statements."""

    def __init__(self) -> None:
        self._keyed: dict[type[Row], dict[Values, Values | None]] = {}  # None: to be removed
        self._added: dict[type[Row], list[Values]] = {}

    def add(self, unit: Unit, record: Row | Removal) -> None:
        """Take a row; raises `StorageError` for one of a type that is not written."""
        kind = record.kind if isinstance(record, Removal) else type(record)
        mapped = MAPPINGS.get(kind)
        if mapped is None or (isinstance(record, Removal) and mapped.remove is None):
            raise StorageError(f"{unit.action}: rows of {kind.__name__} are not written this way")
        if isinstance(record, Removal):
            self._keyed.setdefault(kind, {})[mapped.removal_key(record)] = None
            return
        values = mapped.values(record)
        if mapped.key:
            self._keyed.setdefault(kind, {})[mapped.key_of(values)] = values
        else:
            self._added.setdefault(kind, []).append(values)

    def statements(self) -> Generator[tuple[Statement, Sequence[Values]], Any, None]:
        """Each statement with its rows, sorted by key."""
        for mapped in _ALL:
            keyed = self._keyed.get(mapped.kind)
            if keyed:
                removed = sorted(key for key, values in keyed.items() if values is None)
                written = [values for _, values in sorted(keyed.items()) if values is not None]
                if removed and mapped.remove is not None:
                    yield mapped.remove, removed
                if written:
                    yield mapped.write, written
            added = self._added.get(mapped.kind)
            if added:
                yield mapped.write, added
