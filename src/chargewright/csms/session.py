"""One connected station: claims it, turns its CALLs into units of work, and answers when they are durable.

The connection is not read before the claim is committed. From then on every message is handled in one go by plain
functions; what has to wait for the journal is answered from `_Call.settled`. No task belongs to a session.
"""

import enum
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.handlers.table import Handler, Services
from chargewright.csms.instants import UnreadableTimes, microseconds
from chargewright.csms.ports import CallContext, WhenDurable
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import (
    ClaimRecord,
    DeviationRecord,
    DisconnectRecord,
    Journal,
    Record,
    SalvagedFrameRecord,
    Settlement,
    StartRecord,
    StationRow,
    Unit,
)
from chargewright.csms.strictness import salvage_times
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message, Timestamp
from chargewright.protocol.v16.salvage import salvage
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.errors import InternalFault, RpcError, SecurityFault
from chargewright.rpc.events import CallReceived, CallRefused, Event, MessageIgnored
from chargewright.transport.connection import (
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    POLICY_VIOLATION,
    TRY_AGAIN_LATER,
    CloseInfo,
    Connection,
)

if TYPE_CHECKING:
    from chargewright.csms.sessions import Sessions

__all__ = ["Hold", "Session", "SessionPorts"]

# What one message adds to the table of deviations at most: one with a thousand defects is still one message.
_DEVIATIONS_PER_MESSAGE: Final = 4
_INDEX: Final = re.compile(r"\[\d+\]")

# §4.7, §4.8, §4.10 with §3.7: a CALLERROR to one of these costs the station an attempt, and at last the bill.
_TRANSACTION_ACTIONS: Final = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})

_log = structlog.get_logger(__name__)


class Hold(enum.IntFlag):
    """Why a connection is not read just now."""

    CLAIM = 1  # the station is not ours yet
    UNANSWERED = 2  # too many of its CALLs wait for their answers
    PRESSURE = 4  # the journal is full
    DRAIN = 8  # the CSMS is stopping


class SessionPorts(msgspec.Struct, frozen=True):
    """What a session uses of the CSMS."""

    clock: Clock
    journal: Journal
    directory: Directory
    services: Services
    handlers: Mapping[str, Handler]
    unreadable_times: UnreadableTimes
    new_call_id: Callable[[], str]
    node: str
    is_strict: bool  # for every station, whatever its own tolerance
    unanswered_calls: int


class Session:
    """The live connection of one station; `start` begins it. `epoch` is 0 until the claim is durable."""

    __slots__ = (
        "_close_info",
        "_holds",
        "_ports",
        "_rpc",
        "_sessions",
        "_unanswered",
        "_zone",
        "connection",
        "counts",
        "epoch",
        "last_received_at",
        "messages",
        "serial_number_before",
        "station",
    )

    def __init__(self, station: StationRow, connection: Connection, ports: SessionPorts, sessions: "Sessions") -> None:
        self.station = station
        self.connection = connection
        self.epoch = 0
        self.messages = 0
        self.last_received_at = 0  # µs
        self.serial_number_before = station.serial_number
        self.counts: Counter[str] = Counter()  # what was refused, ignored and tolerated
        self._ports = ports
        self._sessions = sessions
        self._holds = Hold(0)
        self._unanswered = 0
        self._close_info: CloseInfo | None = None
        self._zone: tzinfo = ZoneInfo(station.time_zone)
        is_strict = ports.is_strict or station.tolerance == "strict"
        self._rpc = RpcConnection(
            Role.CSMS,
            ACTIONS,
            new_call_id=ports.new_call_id,
            salvage=salvage_times if is_strict else salvage,
            offered=ports.handlers,
        )

    @property
    def address(self) -> str:
        """Where the station connects from."""
        return self.connection.peer.address

    def start(self) -> None:
        """Take the connection over and claim the station; nothing is read before the claim is durable."""
        self.hold(Hold.CLAIM)
        self.connection.on_message = self._receive
        self.connection.on_close = self._closed
        claim = ClaimRecord(node=self._ports.node, address=self.address)
        body = {"address": self.address, "subprotocol": self.connection.peer.subprotocol, "node": self._ports.node}
        event = make_event("station.connected", body)
        unit = self.unit("Claim", self._claimed, claim, event)
        self._ports.journal.submit(unit)

    def close(self, code: int, reason: str) -> None:
        """End the connection; what is still on its way to the database gets there, but is not answered."""
        self.connection.close(code, reason)
        # A held connection would not see the peer's part of the closing handshake.
        self._holds = Hold(0)
        self.connection.resume()

    def hold(self, why: Hold) -> None:
        """Do not read the connection; idempotent for each reason."""
        if not self._holds:
            self.connection.pause()
        self._holds |= why

    def release(self, why: Hold) -> None:
        """Take one reason back; the connection is read again when none is left."""
        if self._holds & why:
            self._holds &= ~why
            if not self._holds:
                self.connection.resume()

    def tell(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write an event of our own about this station."""
        self._ports.journal.submit(self.unit(kind, self._noted, make_event(kind, body)))

    def unit(self, action: str, on_settled: Callable[[Unit, Settlement], None], *records: Record) -> Unit:
        """A unit of this session that no message caused."""
        received_at = microseconds(self._ports.clock.now())
        unit = Unit(self.station.id, self.epoch, received_at, action, b"", on_settled)
        unit.records.extend(records)
        return unit

    # Claim and end.

    def _claimed(self, unit: Unit, settlement: Settlement) -> None:
        claim = unit.records[0]
        if settlement is Settlement.QUARANTINED:
            # Without an epoch nothing can be written for it: it must not stay, unread, for ever.
            _log.error("the claim of a connection was quarantined", station=self.station.identity)
            self.close(INTERNAL_ERROR, "the CSMS could not take the connection on")
            return
        if settlement is not Settlement.DURABLE or not isinstance(claim, ClaimRecord):
            self._not_durable(settlement)
            return
        self.epoch = claim.epoch
        if self._close_info is not None:
            self._note_disconnect(self._close_info)
        elif self.connection.is_open:
            self._sessions.claimed(self)
            self.release(Hold.CLAIM)

    def _closed(self, info: CloseInfo) -> None:
        self._close_info = info
        self._rpc.connection_lost()
        self._sessions.gone(self)
        if self.epoch:
            self._note_disconnect(info)

    def _note_disconnect(self, info: CloseInfo) -> None:
        body = {"code": info.code, "reason": info.reason, "byPeer": info.by_peer, "node": self._ports.node}
        records: list[Record] = [
            DisconnectRecord(code=info.code, reason=info.reason),
            make_event("station.disconnected", body),
        ]
        if info.code == MESSAGE_TOO_BIG and not info.by_peer:
            # It keeps what we did not take and will send it again for ever: somebody must look.
            records.append(make_event("alarm.message_too_big", {"reason": info.reason}))
            _log.error("a message of the station is too big", station=self.station.identity, reason=info.reason)
        self._ports.journal.submit(self.unit("Disconnect", self._noted, *records))

    def _noted(self, unit: Unit, settlement: Settlement) -> None:
        if settlement is not Settlement.DURABLE:
            self._not_durable(settlement)

    def _not_durable(self, settlement: Settlement) -> None:
        if settlement is Settlement.STALE:
            self.close(POLICY_VIOLATION, "another connection of this station is newer")
        elif settlement is Settlement.UNAVAILABLE:
            self._sessions.storage_unavailable()
            self.close(TRY_AGAIN_LATER, "the database is away")

    # Messages.

    def _receive(self, message: bytes) -> None:
        rpc = self._rpc
        self.messages += 1
        received = self._ports.clock.monotonic()
        rpc.receive_message(message, received)
        for event in rpc.events():
            if type(event) is CallReceived:
                self._on_call(event, received)
            else:
                self._on_other(event)
        self._send()

    def _on_call(self, event: CallReceived, received: float) -> None:
        call = _Call(self, event, received, microseconds(self._ports.clock.now()))
        self.last_received_at = call.received_at
        if self._serve(event, call):
            self._ports.journal.submit(call.unit)
            if self._unanswered >= self._ports.unanswered_calls:
                self.hold(Hold.UNANSWERED)
        else:
            call.let_go()

    def _serve(self, event: CallReceived, call: "_Call") -> bool:
        """Run the handler, and answer what need not wait; whether there is something to store."""
        ports = self._ports
        action = event.action.name
        if action != "BootNotification" and not ports.directory.is_served(self.station):
            error = SecurityFault(f"registration of this station is {self.station.registration}: only BootNotification")
            self._rpc.refuse(event.call_id, error)
            self.counts["refused SecurityError"] += 1
            return False
        if not self.station.booted and action in _TRANSACTION_ACTIONS:
            call.deviates("before-boot", "", "")
        try:
            answer = ports.handlers[action](event.request, call, ports.services)
        except RpcError as refusal:
            self._rpc.refuse(event.call_id, refusal)
            self.counts[f"refused {refusal.code.value}"] += 1
            return False
        except Exception:
            self._fail(event.call_id, action)
            return False
        if event.deviations:
            self._note_deviations(call, event)
        has_records = bool(call.unit.records)
        if not isinstance(answer, WhenDurable):
            self._rpc.answer(event.call_id, answer)
        elif has_records:
            call.build = answer.build
            self._unanswered += 1
        else:
            self._answer(call, answer.build)
        return has_records

    def _on_other(self, event: Event) -> None:
        if isinstance(event, CallRefused):
            self.counts[f"refused {event.code.value}"] += 1
            if event.reason:
                _log.error("a response was not sent", station=self.station.identity, reason=event.reason)
        elif isinstance(event, MessageIgnored):
            self.counts[f"ignored {event.reason.name}"] += 1

    def _note_deviations(self, call: "_Call", event: CallReceived) -> None:
        action, unit = event.action.name, call.unit
        self.counts["deviations"] += len(event.deviations)
        for deviation in event.deviations[:_DEVIATIONS_PER_MESSAGE]:
            record = DeviationRecord(
                action=action,
                kind=str(deviation.kind),
                field=_INDEX.sub("[]", deviation.field),  # one row, whichever sample of the list it was
                sample=deviation.sample,
            )
            unit.records.append(record)
        if action in _TRANSACTION_ACTIONS and (lost := call.lost_digest()):
            content_hash = int.from_bytes(lost[:8], "big", signed=True)
            unit.records.append(SalvagedFrameRecord(frame=unit.raw, content_hash=content_hash))

    def _fail(self, call_id: str, action: str) -> None:
        """A bug of ours met this CALL; its station is told, and nobody else notices."""
        _log.exception("a handler failed", station=self.station.identity, action=action)
        self.counts["refused InternalError"] += 1
        self._rpc.refuse(call_id, InternalFault("the CSMS could not process this"))

    def settled(self, call: "_Call", settlement: Settlement) -> None:
        """A CALL's unit is settled: answer it, unless it was answered already or its connection is gone."""
        build = call.build
        if build is None:
            if settlement is not Settlement.DURABLE:
                self._not_durable(settlement)
            return
        self._unanswered -= 1
        if settlement is Settlement.STALE or settlement is Settlement.UNAVAILABLE:
            self._not_durable(settlement)
            return
        if self._rpc.is_open(call.call_id):
            if settlement is Settlement.QUARANTINED:
                self._quarantined(call, build)
            else:
                self._answer(call, build)
            self._send()
        if self._holds and self._unanswered < self._ports.unanswered_calls:
            self.release(Hold.UNANSWERED)

    def _answer(self, call: "_Call", build: Callable[[], Message]) -> None:
        action = call.unit.action
        try:
            response = build()
        except Exception:
            self._fail(call.call_id, action)
            return
        self._rpc.answer(call.call_id, response)
        if action == "BootNotification":
            self._sessions.booted(self)

    def _quarantined(self, call: "_Call", build: Callable[[], Message]) -> None:
        """Storage refused this one unit; its raw frame is kept. Transaction messages get their .conf all the same: a
        start with an id of its own, and where there is none, the connection is closed instead."""
        action = call.unit.action
        _log.error("a message was quarantined", station=self.station.identity, action=action)
        self.counts["quarantined"] += 1
        self.tell("alarm.quarantined", {"action": action})
        if any(isinstance(record, StartRecord) and not record.transaction_id for record in call.unit.records):
            self.close(INTERNAL_ERROR, "the CSMS could not give the transaction an id")
        elif action in _TRANSACTION_ACTIONS:
            self._answer(call, build)
        else:
            self._rpc.refuse(call.call_id, InternalFault("the CSMS could not store this"))

    def _send(self) -> None:
        if self.connection.is_open:
            for message in self._rpc.messages_to_send():
                self.connection.send(message)

    def current_time(self) -> Timestamp:
        """What `currentTime` says just now."""
        return Timestamp.of(self._ports.clock.now())


class _Call(CallContext):
    """A CALL on its way: what the handler sees, and what is needed to answer it."""

    __slots__ = ("build", "call_id", "session")

    def __init__(self, session: Session, event: CallReceived, received: float, received_at: int) -> None:
        self.session = session
        self.call_id = event.call_id
        self.build: Callable[[], Message] | None = None
        unit = Unit(session.station.id, session.epoch, received_at, event.action.name, event.raw, self._settled)
        super().__init__(
            session.station,
            unit,
            received,
            session._zone,
            session.current_time,
            event.deviations,
            session._ports.unreadable_times,
        )

    def let_go(self) -> None:
        """Break the circle of call, unit and callback, so that both are freed now and not by the garbage collector."""
        self.build = None
        del self.unit

    def _settled(self, unit: Unit, settlement: Settlement) -> None:
        self.session.settled(self, settlement)
        self.let_go()
