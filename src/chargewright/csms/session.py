"""One connected station: claims it, turns its CALLs into units of work, and answers when they are durable.

The connection is not read before the claim is committed. From then on every message is handled in one go by plain
functions; what has to wait for the journal is answered from `settled`. No task belongs to a session, but while it
reads a large message: that is done in a thread, and the connection is held until it is done.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import structlog

from chargewright.csms.call import TRANSACTION_ACTIONS, Call, Handled, deviation_records
from chargewright.csms.calling import OnEnd, OutgoingCalls
from chargewright.csms.outcomes import NotSent
from chargewright.csms.ports import WhenDurable
from chargewright.csms.services.events import make_event
from chargewright.csms.session_ports import Hold, SessionPorts
from chargewright.csms.storage.base import (
    ClaimRecord,
    DisconnectRecord,
    Record,
    Settlement,
    StartRecord,
    StationRow,
    Unit,
)
from chargewright.csms.strictness import salvage_times
from chargewright.errors import ConnectionLost
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message, Timestamp
from chargewright.protocol.v16.salvage import salvage
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.errors import InternalFault, RpcError, SecurityFault
from chargewright.rpc.events import CallReceived, CallRefused, Event, IgnoredReason, MessageIgnored, ResultReceived
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

__all__ = ["LARGE_BYTES", "Session"]

# Larger messages are read in a thread: what is smaller takes the loop some 20 ms at worst (see `salvage`).
LARGE_BYTES: Final = 64 * 1024

REFUSALS_TOLD = 20  # of each code and connection, in the log
_log = structlog.get_logger(__name__)


class Session:
    """The live connection of one station; `start` begins it. `epoch` is 0 until the claim is durable."""

    __slots__ = (
        "_calls",
        "_close_info",
        "_holds",
        "_large",
        "_ports",
        "_rpc",
        "_sessions",
        "_unanswered",
        "connection",
        "counts",
        "epoch",
        "last_heard",
        "last_received_at",
        "messages",
        "serial_number_before",
        "station",
        "unreadable_times",
        "zone",
    )

    def __init__(self, station: StationRow, connection: Connection, ports: SessionPorts, sessions: "Sessions") -> None:
        self.station = station
        self.connection = connection
        self.epoch = 0
        self.messages = 0
        self.last_received_at = 0  # µs
        self.last_heard = ports.clock.monotonic()  # of the claim, until a message came
        self.serial_number_before = station.serial_number
        self.counts: Counter[str] = Counter()  # what was refused, ignored and tolerated
        self._ports = ports
        self._sessions = sessions
        self._holds = Hold(0)
        self._unanswered = 0
        self._large: asyncio.Task[None] | None = None
        self._close_info: CloseInfo | None = None
        self.zone: tzinfo = ZoneInfo(station.time_zone)
        self.unreadable_times = ports.unreadable_times
        is_strict = ports.is_strict or station.tolerance == "strict"
        self._rpc = RpcConnection(
            Role.CSMS,
            ACTIONS,
            new_call_id=ports.new_call_id,
            salvage=salvage_times if is_strict else salvage,
            offered=ports.handlers,
            accepts_number_ids=not is_strict,
        )
        self._calls = OutgoingCalls(self._rpc, ports.clock, self._send, self._on_other)

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
        self._calls.give_up(f"the connection was closed before an answer came: {reason}")
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

    def call(self, request: Message, timeout_seconds: float, on_end: OnEnd) -> None:
        """Send a CALL of ours. `on_end` is called once: with the answer, when `timeout_seconds` are over, or when the
        connection is lost. One at a time: `NotSent` while another one is out, and on a connection that is not open."""
        if self.connection.is_open and self.epoch:
            self._calls.call(request, timeout_seconds, on_end)
        else:
            on_end(NotSent(reason="the station is not connected"))

    def unit(self, action: str, on_settled: Callable[[Unit, Settlement], None], *records: Record) -> Unit:
        """A unit of this session that no message caused."""
        received_at = self._ports.clock.now_microseconds()
        unit = Unit(self.station.id, self.epoch, received_at, action, b"", on_settled)
        unit.records.extend(records)
        return unit

    # Claim and end.

    def _claimed(self, unit: Unit, settlement: Settlement) -> None:
        claim = unit.records[0]
        if settlement is Settlement.QUARANTINED:
            # Without an epoch nothing can be written for it: it must not stay, unread, for ever.
            reason = self._ports.journal.last_failure
            _log.error("the claim of a connection was quarantined", station=self.station.identity, reason=reason)
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
        self._calls.give_up(f"the connection was lost before an answer came (code {info.code})", info.code)
        self._calls.let_go()
        if self._large is not None:
            self._large.cancel()
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
        clock = self._ports.clock
        received = clock.monotonic()
        self.messages += 1
        self.last_received_at = clock.now_microseconds()
        self.last_heard = received
        if len(message) > LARGE_BYTES:
            self.hold(Hold.LARGE)
            self._large = asyncio.get_running_loop().create_task(self._receive_large(message, received))
            return
        rpc = self._rpc
        rpc.receive_message(message, received)
        for event in rpc.events():
            if type(event) is CallReceived:
                call = Call(self, event, received)
                self._finish(call, self._handle(event, call) if self._is_served(call) else None)
            else:
                self._on_other(event)
        self._send()

    async def _receive_large(self, message: bytes, received: float) -> None:
        """As `_receive`, but with the loop free for the other stations while this one's message is understood, and its
        records made. The connection is held."""
        run = self._ports.side_thread.run
        try:
            self._rpc.take(await run(self._rpc.read, message), received)
            for event in self._rpc.events():
                if type(event) is not CallReceived:
                    self._on_other(event)
                    continue
                call = Call(self, event, received)
                answer: Handled = None
                if self._is_served(call):
                    # Of these handlers it is known that they change nothing that others see, but their own unit.
                    is_pure = event.action.name in TRANSACTION_ACTIONS
                    answer = await run(self._handle, event, call) if is_pure else self._handle(event, call)
                self._finish(call, answer)
            self._send()
        except Exception:
            _log.exception("a large message could not be received", station=self.station.identity)
            self.close(INTERNAL_ERROR, "the CSMS could not process a message")
        finally:
            self._large = None
            self.release(Hold.LARGE)

    def _is_served(self, call: Call) -> bool:
        """Whether the operator and the boot let the station make this CALL; it is refused otherwise."""
        action = call.unit.action
        if action != "BootNotification" and not self._ports.directory.is_served(self.station):
            error = SecurityFault(f"registration of this station is {self.station.registration}: only BootNotification")
            self._refuse(call, error)
            return False
        if not self.station.booted and action != "BootNotification":
            self._sessions.on_spoke_before_boot(self.station)
            if action in TRANSACTION_ACTIONS:
                call.deviates("before-boot", "", "")
        return True

    def _handle(self, event: CallReceived, call: Call) -> Handled:
        """Run the handler, which fills the unit; its answer, or what it raised. Touches nothing else of the session."""
        try:
            answer = self._ports.handlers[event.action.name](event.request, call, self._ports.services)
            if event.deviations:
                call.note_deviations()
        except Exception as failure:
            return failure
        return answer

    def _finish(self, call: Call, answer: Handled) -> None:
        """Answer what need not wait, and store what is to be stored; None: it was refused already."""
        if isinstance(answer, Exception):
            if isinstance(answer, RpcError):
                self._refuse(call, answer)
            else:
                self._fail(call, answer)
            answer = None
        if answer is None:
            call.let_go()
            return
        self.counts["deviations"] += len(call.deviations)
        if not call.unit.records:
            if isinstance(answer, WhenDurable):
                self._answer(call, answer.build)
            else:
                self._rpc.answer(call.call_id, answer)
            call.let_go()
            return
        if isinstance(answer, WhenDurable):
            call.build = answer.build
            self._unanswered += 1
        else:
            self._rpc.answer(call.call_id, answer)
        self._ports.journal.submit(call.unit)
        if self._unanswered >= self._ports.unanswered_calls:
            self.hold(Hold.UNANSWERED)

    def _refuse(self, call: Call, error: RpcError) -> None:
        self._rpc.refuse(call.call_id, error)
        self.counts[f"refused {error.code.value}"] += 1

    def _on_other(self, event: Event) -> None:
        if type(event) is ResultReceived and event.deviations:
            self._note_answer(event)
        if self._calls.ended_by(event):
            return
        if isinstance(event, CallRefused):
            self.counts[f"refused {event.code.value}"] += 1
            if event.reason:
                _log.error("a response was not sent", station=self.station.identity, reason=event.reason)
            elif self.counts[f"refused {event.code.value}"] <= REFUSALS_TOLD:
                what = {"action": event.action_name[:50], "code": event.code.value, "told": event.description}
                _log.info("a CALL was refused", station=self.station.identity, **what)
        elif isinstance(event, MessageIgnored):
            self.counts[f"ignored {event.reason.name}"] += 1
            if event.reason is IgnoredReason.LATE_ANSWER:
                _log.warning("an answer came too late", station=self.station.identity, call=event.detail)

    def _note_answer(self, event: ResultReceived) -> None:
        """Count what was salvaged in the answer to a command."""
        self.counts["deviations"] += len(event.deviations)
        records = deviation_records(event.action.name, event.deviations)
        self._ports.journal.submit(self.unit(event.action.name, self._noted, *records))

    def _fail(self, call: Call, bug: Exception) -> None:
        """A bug of ours met this CALL; its station is told, and nobody else notices."""
        _log.error("a handler failed", station=self.station.identity, action=call.unit.action, exc_info=bug)
        self._refuse(call, InternalFault("the CSMS could not process this"))

    def settled(self, call: Call, settlement: Settlement) -> None:
        """A CALL's unit is settled: answer it, unless it was answered already or its connection is gone."""
        follow = call.afterwards if settlement is Settlement.DURABLE else call.failures
        if follow is not None:
            for act in follow:
                self._act(act)
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

    def _act(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            _log.exception("following a commit failed", station=self.station.identity)

    def _answer(self, call: Call, build: Callable[[], Message]) -> None:
        try:
            response = build()
        except Exception as bug:
            self._fail(call, bug)
            return
        self._rpc.answer(call.call_id, response)
        if call.unit.action == "BootNotification":
            self._sessions.booted(self)

    def _quarantined(self, call: Call, build: Callable[[], Message]) -> None:
        """Storage refused this one unit; its raw frame is kept. Transaction messages get their .conf all the same: a
        start with an id of its own, and where there is none, the connection is closed instead."""
        action = call.unit.action
        reason = self._ports.journal.last_failure
        _log.error("a message was quarantined", station=self.station.identity, action=action, reason=reason)
        self.counts["quarantined"] += 1
        self.tell("alarm.quarantined", {"action": action})
        if any(isinstance(record, StartRecord) and not record.transaction_id for record in call.unit.records):
            self.close(INTERNAL_ERROR, "the CSMS could not give the transaction an id")
        elif action in TRANSACTION_ACTIONS:
            self._answer(call, build)
        else:
            self._rpc.refuse(call.call_id, InternalFault("the CSMS could not store this"))

    def _send(self) -> None:
        messages = self._rpc.messages_to_send()
        if messages and self.connection.is_open:
            try:
                for message in messages:
                    self.connection.send(message)
            except ConnectionLost as lost:
                # It sends and does not read: the transport has dropped it at its bound.
                _log.warning("a station was dropped", station=self.station.identity, reason=str(lost))

    def current_time(self) -> Timestamp:
        """What `currentTime` says just now."""
        return Timestamp.of(self._ports.clock.now())
