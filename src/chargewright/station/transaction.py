"""Transactions from the station's side: opened, confirmed by the CSMS, closed, and never forgotten in between."""

import enum
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.base import UNSET, Message, Timestamp
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import (
    MeterValuesRequest,
    Reason,
    StartTransactionRequest,
    StartTransactionResponse,
    StopTransactionRequest,
    StopTransactionResponse,
)
from chargewright.protocol.v16.datatypes import IdTagInfo, MeterValue, ReadingContext
from chargewright.station.context import Authorization, Context, UnjudgedStart
from chargewright.station.hardware.interface import MeterReading
from chargewright.station.store import QueuedMessage, StoredTransaction
from chargewright.station.transaction_data import TransactionData

__all__ = ["TRANSITIONS", "Measure", "TransactionCue", "TransactionState", "Transactions"]

# Errata v4.0 §3.18: what stands for the id of a transaction whose start was never answered.
UNKNOWN_TRANSACTION_ID: Final = -1

# Renders a reading of a connector in the measurands of a list, None when there is nothing to tell.
Measure = Callable[[int, str, MeterReading, ReadingContext], MeterValue | None]


class TransactionState(enum.Enum):
    """How far a transaction is known to the CSMS."""

    STARTED = "started, not confirmed"
    CONFIRMED = "running, id known"
    ABANDONED = "running, start given up"
    STOPPING = "stopped, start not confirmed"
    CLOSING = "stopped, stop not confirmed"
    CLOSED = "closed"


class TransactionCue(enum.Enum):
    """What moves a transaction."""

    START_ANSWERED = "StartTransaction answered"
    START_GIVEN_UP = "StartTransaction given up"
    STOPPED = "stopped"
    STOP_SETTLED = "StopTransaction answered or given up"


TRANSITIONS: Final[Mapping[TransactionState, Mapping[TransactionCue, TransactionState]]] = {
    TransactionState.STARTED: {
        TransactionCue.START_ANSWERED: TransactionState.CONFIRMED,
        TransactionCue.START_GIVEN_UP: TransactionState.ABANDONED,
        TransactionCue.STOPPED: TransactionState.STOPPING,
    },
    TransactionState.CONFIRMED: {TransactionCue.STOPPED: TransactionState.CLOSING},
    TransactionState.ABANDONED: {TransactionCue.STOPPED: TransactionState.CLOSING},
    TransactionState.STOPPING: {
        TransactionCue.START_ANSWERED: TransactionState.CLOSING,
        TransactionCue.START_GIVEN_UP: TransactionState.CLOSING,
    },
    TransactionState.CLOSING: {TransactionCue.STOP_SETTLED: TransactionState.CLOSED},
    TransactionState.CLOSED: {},
}

RUNNING: Final = frozenset({TransactionState.STARTED, TransactionState.CONFIRMED, TransactionState.ABANDONED})


def next_state(state: TransactionState, cue: TransactionCue) -> TransactionState:
    """The state after `cue`; raises `LocalProtocolError` naming both where the table has no such move."""
    try:
        return TRANSITIONS[state][cue]
    except KeyError:
        raise LocalProtocolError(f"a transaction is {state.value}: {cue.value} cannot happen") from None


class Put(Protocol):
    """Appends a message to the durable queue."""

    def __call__(self, action: str, request: Message, transaction_key: int | None) -> None:
        """Inside the caller's commit."""


class Transactions:
    """All transactions of the station that are not wholly reported.

    `put` is the durable queue; `start_judged(key, id_tag_info)` is called when the CSMS has answered a start whose
    transaction still runs, `id_tag_judged(id_tag, id_tag_info)` for each answer that tells of a tag, inside its commit.
    """

    def __init__(
        self,
        context: Context,
        put: Put,
        measure: Measure,
        start_judged: Callable[[int, IdTagInfo], None],
        id_tag_judged: Callable[[str, IdTagInfo], None],
    ) -> None:
        self._context = context
        self._store = context.store
        self._put = put
        self._measure = measure
        self._data = TransactionData(context)
        self._start_judged = start_judged
        self._id_tag_judged = id_tag_judged

    # What connectors ask (TransactionLog).

    def start(
        self,
        connector_id: int,
        authorization: Authorization,
        reading: MeterReading,
        reservation_id: int | None = None,
    ) -> int:
        """Open a transaction: on disk, with its StartTransaction queued, before any energy flows (§4.8)."""
        with self._store.atomically():
            transaction = self._store.add_transaction(
                connector_id,
                authorization.id_tag,
                authorization.parent_id_tag,
                TransactionState.STARTED.value,
                reading.taken_at,
                reading.register_wh,
            )
            begin = self._measure(connector_id, "StopTxnSampledData", reading, ReadingContext.TRANSACTION_BEGIN)
            self._data.keep(transaction.key, begin)
            request = StartTransactionRequest(
                connector_id=connector_id,
                id_tag=authorization.id_tag,
                meter_start=reading.register_wh,
                timestamp=Timestamp.of(reading.taken_at),
                reservation_id=UNSET if reservation_id is None else reservation_id,
            )
            self._put("StartTransaction", request, transaction.key)
        self._context.log.info("transaction started", connector=connector_id, key=transaction.key)
        return transaction.key

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        """Close a transaction: on disk, with its StopTransaction queued (§4.10)."""
        with self._store.atomically():
            connector_id = self._store.transaction(key).connector_id
            end = self._measure(connector_id, "StopTxnSampledData", reading, ReadingContext.TRANSACTION_END)
            self._data.keep(key, end)
            self._close(key, reason, id_tag, reading.taken_at, reading.register_wh)

    # What the meter asks.

    def add_meter_value(
        self,
        connector_id: int,
        key: int | None,
        reading: MeterReading,
        sent: MeterValue | None,
        kept: MeterValue | None,
    ) -> None:
        """Queue `sent` as MeterValues, and keep `kept` for the end of the transaction.

        Where the register stood is kept with it, unless the meter itself has kept it in the same memory.
        """
        told = sent or kept
        with self._store.atomically():
            if key is not None and told is not None:
                self._store.note_reading(key, told.timestamp)
                if reading.is_measured and reading.register_wh > self._store.register(connector_id)[0]:
                    self._store.set_register(connector_id, reading.register_wh, reading.taken_at)
            if sent is not None:
                # The id is filled in when the message is sent: it may not be known yet.
                request = MeterValuesRequest(
                    connector_id=connector_id,
                    meter_value=[sent],
                    transaction_id=UNSET if key is None else UNKNOWN_TRANSACTION_ID,
                )
                self._put("MeterValues", request, key)
            if kept is not None and key is not None:
                self._data.keep_or_thin(key, kept)

    # What the queue asks (TransactionMessages).

    def request(self, message: QueuedMessage) -> Message:
        """The message as it must be sent now (§4.8; errata v4.0 §3.18)."""
        request = decode(ACTIONS[message.action].request, message.payload)
        if message.transaction_key is None or isinstance(request, StartTransactionRequest):
            return request
        transaction_id = self._store.transaction(message.transaction_key).transaction_id
        return msgspec.structs.replace(
            request, transaction_id=UNKNOWN_TRANSACTION_ID if transaction_id is None else transaction_id
        )

    def settle(self, message: QueuedMessage, response: Message | None) -> Callable[[], None] | None:
        """Move the transaction that the message belongs to."""
        key = message.transaction_key
        if key is None or message.action == "MeterValues":
            return None
        transaction = self._store.transaction(key)
        if message.action == "StopTransaction":
            self._move(transaction, TransactionCue.STOP_SETTLED)
            self._store.remove_transaction(key)
            if isinstance(response, StopTransactionResponse) and response.id_tag_info is not UNSET:
                stopped_by = decode(StopTransactionRequest, message.payload).id_tag
                if stopped_by is not UNSET:
                    self._id_tag_judged(stopped_by, response.id_tag_info)
            return None
        if not isinstance(response, StartTransactionResponse):
            self._move(transaction, TransactionCue.START_GIVEN_UP, UNKNOWN_TRANSACTION_ID)
            return None
        is_judged = not isinstance(response, UnjudgedStart)
        if is_judged:
            self._id_tag_judged(transaction.id_tag, response.id_tag_info)
        state = self._move(transaction, TransactionCue.START_ANSWERED, response.transaction_id)
        if state not in RUNNING or not is_judged:
            return None
        id_tag_info = response.id_tag_info
        return lambda: self._start_judged(key, id_tag_info)

    # What the station asks.

    def running(self) -> list[StoredTransaction]:
        """Those in which energy may flow."""
        return [item for item in self._store.transactions() if TransactionState(item.state) in RUNNING]

    def key_of(self, transaction_id: int) -> int | None:
        """The running transaction with that id of the CSMS; None when there is none (§5.12)."""
        for transaction in self.running():
            if transaction.transaction_id == transaction_id and TransactionState(transaction.state) in RUNNING:
                return transaction.key
        return None

    def transaction_id(self, key: int | None) -> int | None:
        """The CSMS's id of a transaction; None for none, and while the start is not answered."""
        return None if key is None else self._store.transaction(key).transaction_id

    def transaction(self, key: int) -> StoredTransaction:
        """One transaction that is not wholly reported."""
        return self._store.transaction(key)

    @property
    def completed(self) -> int:
        """Transactions stopped since the station's memory was made."""
        return int(self._store.meta("transactions_completed", "0"))

    @property
    def completed_energy_wh(self) -> int:
        """Energy of the stopped transactions, in Wh."""
        return int(self._store.meta("energy_completed_wh", "0"))

    def close_interrupted(
        self, read_meter: Callable[[int], MeterReading], max_power_w: Callable[[int], float]
    ) -> set[int]:
        """Stop what ran when power was lost; returns the connectors (§4.10).

        The meters have not moved since. The moment of the cut is not known: it was no earlier than the last that was
        told or kept, and no earlier than what the register has gained since can have flowed at `max_power_w` of the
        connector; that is never later than now.
        """
        connectors = set()
        for transaction in self.running():
            # Before the meter is read, which may keep it anew.
            kept_wh, kept_at = self._store.register(transaction.connector_id)
            register_wh = read_meter(transaction.connector_id).register_wh
            known = [(transaction.started_at, transaction.meter_start_wh)]
            if kept_at is not None and kept_at >= transaction.started_at:
                known.append((kept_at, int(kept_wh)))
            power_w, now = max_power_w(transaction.connector_id), self._context.clock.now()
            stopped_at = transaction.last_reading_at or transaction.started_at
            for moment, known_wh in known:
                # The bound comes first: no register, however wrong, may lead out of the calendar.
                seconds = min((register_wh - known_wh) / power_w * 3600, (now - moment).total_seconds())
                stopped_at = max(stopped_at, moment + timedelta(seconds=max(0.0, seconds)))
            reading = MeterReading(
                taken_at=stopped_at,
                register_wh=register_wh,
                power_w=0.0,
                currents_a=(),
                voltages_v=(),
                phases=(),
                offered_a=0.0,
                offered_w=0.0,
                frequency_hz=None,
                temperature_celsius=None,
            )
            self.stop(transaction.key, Reason.POWER_LOSS, transaction.id_tag, reading)
            connectors.add(transaction.connector_id)
        return connectors

    def _close(self, key: int, reason: Reason, id_tag: str | None, stopped_at: datetime, meter_wh: int) -> None:
        transaction = self._store.transaction(key)
        request = StopTransactionRequest(
            meter_stop=meter_wh,
            timestamp=Timestamp.of(stopped_at),
            transaction_id=UNKNOWN_TRANSACTION_ID,
            id_tag=UNSET if id_tag is None else id_tag,
            reason=reason,
            transaction_data=self._data.take(key) or UNSET,
        )
        self._move(transaction, TransactionCue.STOPPED, transaction.transaction_id)
        self._store.set_meta("transactions_completed", str(self.completed + 1))
        energy_wh = meter_wh - transaction.meter_start_wh
        self._store.set_meta("energy_completed_wh", str(self.completed_energy_wh + energy_wh))
        self._put("StopTransaction", request, key)
        self._context.log.info("transaction stopped", key=key, reason=reason.value, energy_wh=energy_wh)

    def _move(
        self, transaction: StoredTransaction, cue: TransactionCue, transaction_id: int | None = None
    ) -> TransactionState:
        state = next_state(TransactionState(transaction.state), cue)
        self._store.update_transaction(transaction.key, state=state.value, transaction_id=transaction_id)
        return state
