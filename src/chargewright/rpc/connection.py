"""One OCPP-J connection without a socket: messages in, events and messages out.

The owner feeds every received message and the time, takes the events and the messages to send, and calls `tick` when
`next_deadline` has come. Nothing here waits, sends or asks for the time.

Taking a message in has two halves: `read` understands it, which takes as long as the message is large and may be done
in another thread, and `take` makes of it what the state of the connection says.
"""

from collections.abc import Callable, Container, Mapping
from typing import Final

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST, Action, Role
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.deviations import Deviation, DeviationKind
from chargewright.rpc import codec
from chargewright.rpc.codec import BadAnswer, BadCall, Salvage, Unreadable
from chargewright.rpc.errors import (
    FormationViolation,
    InternalFault,
    NotImplementedAction,
    NotSupportedAction,
    ProtocolFault,
    RpcError,
)
from chargewright.rpc.events import (
    AnswerMalformed,
    CallLost,
    CallReceived,
    CallRefused,
    CallTimedOut,
    ErrorReceived,
    Event,
    IgnoredReason,
    MessageIgnored,
    ResultReceived,
)
from chargewright.rpc.frames import CALL_ID_LENGTH, Call, CallError, CallResult, NumberId
from chargewright.rpc.state import INITIAL, Cue, Slot, advance

__all__ = ["Reading", "RpcConnection"]

_ECHOED_ACTION_LENGTH: Final = 50
# The name under which a deviation of the message id itself is recorded.
_MESSAGE_ID: Final = "(message id)"

# What `RpcConnection.read` makes of a message, for `RpcConnection.take`.
Reading = CallReceived | CallResult | CallError | BadCall | BadAnswer | Unreadable


class _Outstanding(msgspec.Struct, frozen=True, gc=False):
    """Our CALL that waits for its answer; times in seconds of the owner's monotonic clock."""

    call_id: str
    action: Action
    sent_at: float
    deadline: float


class RpcConnection:
    """The OCPP-J side of one connection, from its opening to its loss; the next connection needs a new one.

    `role` is our own. `new_call_id` makes ids of 1 to 36 characters, unique among all CALLs that this side ever sends
    for this station, also across connections (OCPP-J 4.1.4). `salvage` reads messages with harmless deviations;
    without it the schemas are held to strictly. `offered` names the actions that this side serves; None stands for
    all that the peer may send. `accepts_number_ids`: a CALL whose id is a JSON number is served, and answered with that
    number; else it is refused with the digits as id.

    A CALL that cannot be processed is refused here (OCPP-J 4.2.3): NotImplemented when its action is unknown,
    NotSupported when it is not offered or was sent by the wrong side, what its defects earn, and ProtocolError when
    nothing is wrong with it but its id, which belongs to a CALL not yet answered. An id that was answered already may
    come again: stations reboot and count anew.

    A CALLERROR for an id that is still open is held back until that CALL has been answered. The peer tells answers
    apart by id alone: sent at once, it would be taken for the answer of the first CALL, whose true answer would be
    dropped.
    """

    def __init__(
        self,
        role: Role,
        actions: Mapping[str, Action],
        *,
        new_call_id: Callable[[], str],
        salvage: Salvage | None = None,
        offered: Container[str] | None = None,
        accepts_number_ids: bool = False,
    ) -> None:
        self._role = role
        self._peer = Role.CSMS if role is Role.STATION else Role.STATION
        self._actions = actions
        self._new_call_id = new_call_id
        self._salvage = salvage
        self._offered = offered
        self._accepts_number_ids = accepts_number_ids
        self._events: list[Event] = []
        self._outbox: list[bytes] = []
        self._open: dict[str, Action] = {}
        self._held_back: dict[str, list[bytes]] = {}
        self._slot = INITIAL
        self._outstanding: _Outstanding | None = None
        self._timed_out_id: str | None = None

    # What the owner asks.

    @property
    def is_calling(self) -> bool:
        """Whether a CALL of ours waits for its answer."""
        return self._slot is Slot.WAITING

    @property
    def unanswered(self) -> int:
        """How many received CALLs have no answer queued yet, held-back CALLERRORs included."""
        if self._held_back:
            return len(self._open) + sum(map(len, self._held_back.values()))
        return len(self._open)

    @property
    def next_deadline(self) -> float | None:
        """When `tick` should be called next, on the clock of the `now` arguments; None while no CALL of ours
        waits."""
        return None if self._outstanding is None else self._outstanding.deadline

    def is_open(self, call_id: str) -> bool:
        """Whether a CALL with that id was received and waits for `answer` or `refuse`."""
        return call_id in self._open

    def events(self) -> list[Event]:
        """What happened since the last time, in order."""
        events, self._events = self._events, []
        return events

    def messages_to_send(self) -> list[bytes]:
        """The messages to be sent now, in order; each is returned once."""
        messages, self._outbox = self._outbox, []
        return messages

    # What the owner tells.

    def receive_message(self, message: bytes, now: float) -> None:
        """`read` and `take` one whole text message; `now` is monotonic, in seconds. Never raises, whatever the message
        is.

        An answer that comes after its deadline, but before `tick` was called, still counts.
        """
        self.take(self.read(message), now)

    def read(self, message: bytes) -> Reading:
        """Understand one whole text message, as far as that does not depend on what went before. Never raises.

        Looks at nothing that ever changes, so any thread may call it.
        """
        if type(message) is not bytes:
            # Payloads are views of the message: of a buffer that is used again they would show the next one's bytes.
            message = bytes(message)
        frame = codec.read_frame(message)
        if not isinstance(frame, Call):
            if isinstance(frame, BadCall) and not self._accepts_number_ids:
                return BadCall(str(frame.call_id), frame.action_name, frame.error)
            return frame
        call_id, name = frame.call_id, frame.action
        if type(call_id) is NumberId and not self._accepts_number_ids:
            return BadCall(str(call_id), name, FormationViolation("the id is a number, not a string"))
        action = self._actions.get(name)
        if action is None:
            error: RpcError = NotImplementedAction(f"{name[:_ECHOED_ACTION_LENGTH]!r} is not a known action")
        elif self._peer not in action.sent_by:
            error = NotSupportedAction(f"{name} is not an action for the {self._role.value}")
        elif self._offered is not None and name not in self._offered:
            error = NotSupportedAction(f"{name} is not offered here")
        else:
            try:
                request, deviations = codec.read_payload(action.request, frame.payload, self._salvage)
            except RpcError as refusal:
                error = refusal
            else:
                if type(call_id) is NumberId:
                    number = Deviation(DeviationKind.NUMBER_AS_TEXT.value, _MESSAGE_ID, str(call_id))
                    deviations = (*deviations, number)
                return CallReceived(call_id, action, request, deviations, message)
        return BadCall(call_id, name, error)

    def take(self, reading: Reading, now: float) -> None:
        """Take a message that was `read`, in the order of receipt; `now` is monotonic, in seconds. Never raises."""
        if self._slot is Slot.CLOSED:
            self._ignore(IgnoredReason.CONNECTION_LOST, f"a {type(reading).__name__}")
        elif type(reading) is CallReceived:
            if reading.call_id in self._open:
                error = ProtocolFault("a CALL with this id is not answered yet")
                self._refuse_received(reading.call_id, reading.action.name, error)
            else:
                self._open[reading.call_id] = reading.action
                self._events.append(reading)
        elif type(reading) is CallResult:
            self._receive_result(reading, now)
        elif type(reading) is CallError:
            self._receive_error(reading)
        elif type(reading) is BadCall:
            self._refuse_received(reading.call_id, reading.action_name, reading.error)
        elif type(reading) is BadAnswer:
            outstanding = self._end_call(reading.call_id, Cue.ANSWERED)
            if outstanding is not None:
                self._events.append(AnswerMalformed(reading.call_id, outstanding.action, reading.reason))
        elif type(reading) is Unreadable:
            self._ignore(reading.reason, reading.detail)

    def call(self, request: Message, now: float, timeout_seconds: float) -> str:
        """Queue a CALL and return its id. It ends in exactly one of ResultReceived, ErrorReceived, AnswerMalformed,
        CallTimedOut (by `tick`, `timeout_seconds` after `now`) and CallLost.

        Raises `LocalProtocolError`, and changes nothing, while another CALL of ours is outstanding (OCPP-J 4.1.1),
        after the connection was lost, and for a request that this side may not send or that cannot be encoded.
        """
        slot = advance(self._slot, Cue.CALL_SENT)
        action = ACTION_OF_REQUEST.get(type(request))
        if action is None or self._actions.get(action.name) is not action:
            raise LocalProtocolError(f"{type(request).__name__} is not the request of any known action")
        if self._role not in action.sent_by:
            raise LocalProtocolError(f"{action.name} may not be sent by the {self._role.value}")
        call_id = self._new_call_id()
        if not 1 <= len(call_id) <= CALL_ID_LENGTH:
            raise LocalProtocolError(f"{call_id!r} is no id for a CALL: 1 to {CALL_ID_LENGTH} characters are allowed")
        try:
            frame = codec.call_frame(call_id, action.name, request)
        except codec.ENCODE_FAILURES as failure:
            raise LocalProtocolError(f"{action.name} cannot be encoded: {failure}") from failure
        self._outbox.append(frame)
        self._outstanding = _Outstanding(call_id, action, now, now + timeout_seconds)
        self._slot = slot
        return call_id

    def answer(self, call_id: str, response: Message) -> None:
        """Queue the CALLRESULT of a received CALL.

        A response that cannot be encoded becomes CALLERROR InternalError and a `CallRefused` event. Raises
        `LocalProtocolError` when no such CALL is open, or the response belongs to another action (the CALL stays
        open).
        """
        action = self._open.get(call_id)
        if action is None:
            raise LocalProtocolError(f"no CALL with the id {call_id!r} is open: it cannot be answered")
        if type(response) is not action.response:
            raise LocalProtocolError(f"{type(response).__name__} does not answer {action.name}")
        try:
            frame = codec.result_frame(call_id, response)
        except codec.ENCODE_FAILURES as failure:
            error = InternalFault("the response could not be made")
            self._close_call(call_id, codec.error_frame(call_id, error))
            reason = f"{type(response).__name__} cannot be encoded: {type(failure).__name__}: {failure}"
            self._events.append(CallRefused(call_id, action.name, error.code, error.description, reason))
            return
        self._close_call(call_id, frame)

    def refuse(self, call_id: str, error: RpcError) -> None:
        """Queue the CALLERROR of a received CALL; raises `LocalProtocolError` when no such CALL is open."""
        if call_id not in self._open:
            raise LocalProtocolError(f"no CALL with the id {call_id!r} is open: it cannot be refused")
        self._close_call(call_id, codec.error_frame(call_id, error))

    def tick(self, now: float) -> None:
        """Time out our CALL if its deadline has come; `now` is monotonic, in seconds."""
        outstanding = self._outstanding
        if outstanding is None or now < outstanding.deadline:
            return
        self._end_call(outstanding.call_id, Cue.TIMED_OUT)
        self._timed_out_id = outstanding.call_id
        self._events.append(CallTimedOut(outstanding.call_id, outstanding.action))

    def connection_lost(self) -> None:
        """The socket is gone, for good: nothing is sent any more, no CALL is open any more. Idempotent."""
        outstanding = self._outstanding
        self._slot = advance(self._slot, Cue.CONNECTION_LOST)
        self._outstanding = None
        self._open.clear()
        self._held_back.clear()
        self._outbox.clear()
        if outstanding is not None:
            self._events.append(CallLost(outstanding.call_id, outstanding.action))

    # CALLs of the peer.

    def _refuse_received(self, call_id: str, action_name: str, error: RpcError) -> None:
        frame = codec.error_frame(call_id, error)
        if call_id in self._open:
            self._held_back.setdefault(call_id, []).append(frame)
        else:
            self._outbox.append(frame)
        self._events.append(CallRefused(call_id, action_name, error.code, error.description))

    def _close_call(self, call_id: str, frame: bytes) -> None:
        del self._open[call_id]
        self._outbox.append(frame)
        if self._held_back:
            self._outbox.extend(self._held_back.pop(call_id, ()))

    # Answers of the peer.

    def _receive_result(self, frame: CallResult, now: float) -> None:
        outstanding = self._end_call(frame.call_id, Cue.ANSWERED)
        if outstanding is None:
            return
        action = outstanding.action
        try:
            response, deviations = codec.read_payload(action.response, frame.payload, self._salvage)
        except RpcError as defect:
            self._events.append(AnswerMalformed(frame.call_id, action, str(defect)))
        else:
            elapsed_seconds = now - outstanding.sent_at
            self._events.append(ResultReceived(frame.call_id, action, response, deviations, elapsed_seconds))

    def _receive_error(self, frame: CallError) -> None:
        outstanding = self._end_call(frame.call_id, Cue.ANSWERED)
        if outstanding is not None:
            self._events.append(ErrorReceived(frame.call_id, outstanding.action, codec.read_error(frame)))

    def _end_call(self, call_id: str, cue: Cue) -> _Outstanding | None:
        """Free the slot if `call_id` is what it waits for; report an answer to nothing otherwise."""
        outstanding = self._outstanding
        if outstanding is None or outstanding.call_id != call_id:
            late = call_id == self._timed_out_id
            self._ignore(
                IgnoredReason.LATE_ANSWER if late else IgnoredReason.UNKNOWN_ID, f"id {call_id[:CALL_ID_LENGTH]!r}"
            )
            return None
        self._slot = advance(self._slot, cue)
        self._outstanding = None
        return outstanding

    def _ignore(self, reason: IgnoredReason, detail: str) -> None:
        self._events.append(MessageIgnored(reason, detail))
