"""One batch: the units of many stations as few statements, set-based, by kind.

`apply_batch` is a generator that yields (statement, rows) and is sent the rows that the database returns; a driver runs
it inside one transaction. Nothing outside it changes until the transaction has committed: results come back in an
`Outcome`.

Every statement takes its rows sorted by unique key, and statements come in one order, so that two nodes that touch the
same rows wait for each other instead of deadlocking.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from chargewright.csms.storage.base import (
    NO_STATION,
    BootRecord,
    ClaimRecord,
    DataTransferRecord,
    DeviationRecord,
    DisconnectRecord,
    EventRecord,
    MeterValueRecord,
    Record,
    SalvagedFrameRecord,
    Settlement,
    StartRecord,
    StatusRecord,
    StopRecord,
    StorageError,
    Unit,
)
from chargewright.csms.storage.decisions import DECISIONS, Decided, apply_decisions
from chargewright.csms.storage.mapping import RowWriter
from chargewright.csms.storage.statements import (
    BOOT_STATIONS,
    CLAIM_STATIONS,
    COUNT_DEVIATIONS,
    DISCONNECT_STATIONS,
    INSERT_DATA_TRANSFERS,
    INSERT_EVENTS,
    INSERT_METER_VALUES,
    INSERT_SALVAGED_FRAMES,
    INSERT_STATUS_HISTORY,
    PUT_STATUS,
    Statement,
)
from chargewright.csms.storage.transactions import Rows, Started, Stopped, TransactionIds, waves

__all__ = ["Outcome", "apply_batch", "changes_stations"]

Row = tuple[Any, ...]
METER_VALUE_KEY: Final = itemgetter(0, 1, 2, 3, 4)
STATION_RECORDS: Final = frozenset({ClaimRecord, DisconnectRecord, BootRecord})
# Sequence numbers that one batch may use: on PostgreSQL the higher bits are its transaction's number.
EVENTS_PER_BATCH: Final = 2**16 - 1
encode_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode


class Outcome:
    """What a batch did, to be told once it is committed."""

    __slots__ = ("claims", "last_sequence", "meter_values", "results", "settlements")

    def __init__(self) -> None:
        self.settlements: list[Settlement] = []  # one per unit
        self.results: list[tuple[Record, str, Any]] = []  # (record, field, value)
        self.claims: list[tuple[int, int, str]] = []  # (station, epoch, node), in order
        self.last_sequence = 0  # of the last event written, 0 when none was
        self.meter_values = 0  # rows, those already there included

    def publish(self) -> None:
        """Fill the results into the records."""
        for record, field, value in self.results:
            setattr(record, field, value)


def changes_stations(units: Sequence[Unit]) -> bool:
    """Whether any unit writes the row of its station, and so needs it locked."""
    return any(type(record) in STATION_RECORDS for unit in units for record in unit.records)


class _Collector:
    """The rows of a batch, by kind, in the order of submission."""

    def __init__(self, epochs: Mapping[int, int], outcome: Outcome) -> None:
        self.epochs = epochs
        self.claimed: dict[int, int] = {}  # epochs that this batch makes; those given may be of very many stations
        self.outcome = outcome
        self.meter_values: list[Row] = []
        self.transactions: list[tuple[Unit, Record]] = []
        self.decisions: list[Decided] = []
        self.events: list[tuple[Unit, EventRecord]] = []
        self.statuses: list[Row] = []
        self.data_transfers: list[Row] = []
        self.deviations: dict[tuple[int, str, str, str], list[Any]] = {}
        self.salvaged_frames: dict[tuple[int, int], Row] = {}
        self.rows = RowWriter()
        self.claims: dict[int, Row] = {}
        self.disconnects: dict[int, Row] = {}
        self.boots: dict[int, Row] = {}

    def collect(self, units: Sequence[Unit]) -> None:
        # Not an attribute: an object that keeps its own bound methods, and with it all these units, would wait for the
        # garbage collector.
        collect: dict[type, Callable[[Unit, Any], None]] = {
            ClaimRecord: self._claim,
            DisconnectRecord: self._disconnect,
            BootRecord: self._boot,
            StatusRecord: self._status,
            StartRecord: self._transaction,
            StopRecord: self._transaction,
            MeterValueRecord: self._meter_value,
            DataTransferRecord: self._data_transfer,
            DeviationRecord: self._deviation,
            SalvagedFrameRecord: self._salvaged_frame,
            EventRecord: self._event,
            **dict.fromkeys(DECISIONS, self._decision),
        }
        epochs, claimed = self.epochs, self.claimed
        append = self.meter_values.append
        settle = self.outcome.settlements.append
        add_row = self.rows.add
        for unit in units:
            station_id = unit.station_id
            epoch = epochs.get(station_id)
            if epoch is None and station_id == NO_STATION:
                epoch = 0
            if epoch is None:
                raise StorageError(f"station {station_id} is not in the table of stations")
            if claimed:
                epoch = claimed.get(station_id, epoch)
            records = unit.records
            # A claim makes the epoch, so it cannot be too old for it.
            if unit.epoch < epoch and not any(type(record) is ClaimRecord for record in records):
                settle(Settlement.STALE)
                continue
            for record in records:
                if type(record) is MeterValueRecord:  # the hot path, without a call
                    append(
                        (
                            record.instant,
                            station_id,
                            record.connector_id,
                            record.transaction_id,
                            record.content_hash,
                            record.station_time,
                            unit.received_at,
                            record.samples,
                            record.energy_wh,
                            record.power_w,
                            record.soc_percent,
                            None,
                        )
                    )
                else:
                    collect.get(type(record), add_row)(unit, record)
            settle(Settlement.DURABLE)

    def _claim(self, unit: Unit, record: ClaimRecord) -> None:
        station_id = unit.station_id
        epoch = self.claimed.get(station_id, self.epochs[station_id]) + 1
        self.claimed[station_id] = epoch
        self.claims[station_id] = (station_id, epoch, record.node, record.address, unit.received_at)
        self.disconnects.pop(station_id, None)
        self.outcome.claims.append((station_id, epoch, record.node))
        self.outcome.results.append((record, "epoch", epoch))

    def _disconnect(self, unit: Unit, record: DisconnectRecord) -> None:
        self.disconnects[unit.station_id] = (unit.station_id, unit.received_at, record.code, record.reason)

    def _boot(self, unit: Unit, record: BootRecord) -> None:
        earlier = self.boots.get(unit.station_id)
        accepted = record.accepted or (earlier is not None and earlier[1])
        self.boots[unit.station_id] = (
            unit.station_id,
            accepted,
            unit.received_at,
            record.vendor,
            record.model,
            record.charge_point_serial_number,
            record.charge_box_serial_number,
            record.firmware_version,
            record.iccid,
            record.imsi,
            record.meter_type,
            record.meter_serial_number,
        )

    def _status(self, unit: Unit, record: StatusRecord) -> None:
        self.statuses.append(
            (
                unit.station_id,
                record.connector_id,
                record.status,
                record.error_code,
                record.raw_error_code,
                record.info,
                record.vendor_id,
                record.vendor_error_code,
                record.instant,
                record.station_time,
                unit.received_at,
            )
        )

    def _transaction(self, unit: Unit, record: StartRecord | StopRecord) -> None:
        self.transactions.append((unit, record))

    def _decision(self, unit: Unit, record: Any) -> None:
        self.decisions.append(Decided(unit, record))

    def _meter_value(self, unit: Unit, record: MeterValueRecord) -> None:
        self.meter_values.append(meter_value_row(unit, record, record.connector_id, None))

    def _data_transfer(self, unit: Unit, record: DataTransferRecord) -> None:
        row = (unit.station_id, record.vendor_id, record.message_id, record.data, record.status, unit.received_at)
        self.data_transfers.append(row)

    def _deviation(self, unit: Unit, record: DeviationRecord) -> None:
        at = unit.received_at
        counted = self.deviations.setdefault(
            (unit.station_id, record.action, record.kind, record.field), [0, record.sample, at, at]
        )
        counted[0] += 1
        counted[3] = at

    def _salvaged_frame(self, unit: Unit, record: SalvagedFrameRecord) -> None:
        key = (unit.station_id, record.content_hash)
        self.salvaged_frames.setdefault(key, (*key, unit.action, record.frame, unit.received_at))

    def _event(self, unit: Unit, record: EventRecord) -> None:
        self.events.append((unit, record))


def meter_value_row(unit: Unit, value: MeterValueRecord, connector_id: int, stop_id: int | None) -> Row:
    """The row of one MeterValue; `stop_id` names the stop whose transactionData brought it."""
    return (
        value.instant,
        unit.station_id,
        connector_id,
        value.transaction_id,
        value.content_hash,
        value.station_time,
        unit.received_at,
        value.samples,
        value.energy_wh,
        value.power_w,
        value.soc_percent,
        stop_id,
    )


def apply_batch(
    units: Sequence[Unit], epochs: Mapping[int, int], sequence: int, ids: TransactionIds
) -> Generator[tuple[Statement, Rows], Rows, Outcome]:
    """Write `units`. `epochs` has the epoch of each of their stations that exists; events are numbered from `sequence`
    + 1.

    Raises `StorageError` for what the batch itself refuses; the caller then finds the unit by halving.
    """
    outcome = Outcome()
    rows = _Collector(epochs, outcome)
    rows.collect(units)

    for statement, by_station in (
        (CLAIM_STATIONS, rows.claims),
        (DISCONNECT_STATIONS, rows.disconnects),
        (BOOT_STATIONS, rows.boots),
    ):
        if by_station:
            yield statement, [by_station[station_id] for station_id in sorted(by_station)]

    started: dict[int, Started] = {}
    stopped: dict[int, Stopped] = {}
    for wave in waves(rows.transactions) if rows.transactions else ():
        yield from wave.apply(ids)
        for start in wave.starts:
            started[id(start.record)] = start
            _tell(outcome, start.record, start, Started.RESULTS)
        for stop in wave.stops:
            stopped[id(stop.record)] = stop
            _tell(outcome, stop.record, stop, ("matched", "repeated"))
            rows.meter_values.extend(
                meter_value_row(stop.unit, value, stop.connector_id, stop.stop_id)
                for value in stop.record.transaction_data
            )

    if rows.decisions:
        yield from apply_decisions(rows.decisions)
        for decided in rows.decisions:
            outcome.results.extend((decided.record, field, value) for field, value in decided.result.items())

    if rows.meter_values:
        rows.meter_values.sort(key=METER_VALUE_KEY)
        outcome.meter_values = len(rows.meter_values)
        yield INSERT_METER_VALUES, rows.meter_values
    if rows.statuses:
        yield INSERT_STATUS_HISTORY, rows.statuses
        latest = {(row[0], row[1]): row for row in rows.statuses}
        yield PUT_STATUS, [latest[key] for key in sorted(latest)]
    if rows.data_transfers:
        yield INSERT_DATA_TRANSFERS, rows.data_transfers
    if rows.deviations:
        yield COUNT_DEVIATIONS, [(*key, *rows.deviations[key]) for key in sorted(rows.deviations)]
    if rows.salvaged_frames:
        yield INSERT_SALVAGED_FRAMES, [rows.salvaged_frames[key] for key in sorted(rows.salvaged_frames)]
    yield from rows.rows.statements()
    if rows.events:
        events = _event_rows(rows, sequence, started, stopped)
        if events:
            yield INSERT_EVENTS, events
            outcome.last_sequence = events[-1][0]
    return outcome


def _tell(outcome: Outcome, record: Record, result: Started | Stopped, fields: tuple[str, ...]) -> None:
    outcome.results.extend((record, field, getattr(result, field)) for field in fields)


def _event_rows(
    collected: _Collector, sequence: int, started: dict[int, Started], stopped: dict[int, Stopped]
) -> list[Row]:
    rows: list[Row] = []
    decided = {id(each.record): each.result for each in collected.decisions}
    for unit, record in collected.events:
        body: Mapping[str, Any] = record.body
        if record.start is not None:
            start = started.get(id(record.start))
            if start is None:
                raise StorageError(f"event {record.kind!r} tells of a start that is not in the same batch")
            if start.repeated:
                continue
            result = {"transactionId": start.transaction_id, "repeated": False, "flags": list(start.flags)}
            body = {**body, **result}
        if record.stop is not None:
            stop = stopped.get(id(record.stop))
            if stop is None:
                raise StorageError(f"event {record.kind!r} tells of a stop that is not in the same batch")
            if stop.repeated:
                continue
            body = {**body, "matched": stop.matched}
        if record.decision is not None:
            decision = decided.get(id(record.decision))
            if decision is None:
                raise StorageError(f"event {record.kind!r} tells of a decision that is not in the same batch")
            if not decision["applied"]:
                continue
            if "relation" in decision:
                body = {**body, "relation": decision["relation"]}
        rows.append(
            (
                sequence + len(rows) + 1,
                unit.station_id or None,
                record.kind,
                unit.received_at,
                encode_json(body).decode(),
            )
        )
    if len(rows) > EVENTS_PER_BATCH:
        raise StorageError(f"a batch of {len(rows)} events; at most {EVENTS_PER_BATCH} have a place in one transaction")
    return rows
