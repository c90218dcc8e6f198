"""What happened on a connection, as `RpcConnection.events` tells it."""

import enum
from collections.abc import Sequence

import msgspec

from chargewright.protocol.v16.actions import Action
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.salvage import Deviation
from chargewright.rpc.errors import RpcError

__all__ = [
    "AnswerMalformed",
    "CallLost",
    "CallReceived",
    "CallRefused",
    "CallTimedOut",
    "ErrorReceived",
    "Event",
    "IgnoredReason",
    "MessageIgnored",
    "ResultReceived",
]


class CallReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's CALL, waiting for exactly one `answer` or `refuse`.

    `deviations` are the harmless ones that salvaging found, none in strict mode; `raw` is the whole message as
    received.
    """

    call_id: str
    action: Action
    request: Message
    deviations: Sequence[Deviation]
    raw: bytes


class CallRefused(msgspec.Struct, frozen=True, gc=False):
    """A CALL was refused here; its CALLERROR is queued already, or follows the answer to an open CALL with the same
    id.

    `action_name` is the peer's word, empty where it could not be read. `description` is what the peer is told,
    `reason` what only we are told (the exception, where our own response could not be encoded).
    """

    call_id: str
    action_name: str
    code: ErrorCode
    description: str
    reason: str = ""


class ResultReceived(msgspec.Struct, frozen=True, gc=False):
    """Our CALL was answered `elapsed_seconds` after it was made."""

    call_id: str
    action: Action
    response: Message
    deviations: Sequence[Deviation]
    elapsed_seconds: float


# Collected by the garbage collector: once raised, the error's traceback may lead back to this event.
class ErrorReceived(msgspec.Struct, frozen=True):
    """Our CALL was refused by the peer."""

    call_id: str
    action: Action
    error: RpcError


class AnswerMalformed(msgspec.Struct, frozen=True, gc=False):
    """Our CALL was answered with something that cannot be read; the peer cannot be told so (OCPP-J 4.2.3)."""

    call_id: str
    action: Action
    reason: str


class CallTimedOut(msgspec.Struct, frozen=True, gc=False):
    """No answer to our CALL came in time; the next CALL may be made (OCPP-J 4.1.1)."""

    call_id: str
    action: Action


class CallLost(msgspec.Struct, frozen=True, gc=False):
    """The connection was lost while our CALL waited: whether the peer processed it is not known."""

    call_id: str
    action: Action


class IgnoredReason(enum.Enum):
    """Why a message got no answer."""

    NOT_JSON = "not JSON, and no id can be read from its beginning"
    NOT_AN_ARRAY = "JSON, but not an array with elements"
    UNKNOWN_MESSAGE_TYPE = "a message type number other than 2, 3 and 4"
    UNREADABLE_ID = "no id that an answer could name"
    UNKNOWN_ID = "an answer to a CALL that was not made, or was answered already"
    LATE_ANSWER = "an answer to the CALL that timed out last"
    CONNECTION_LOST = "received after the connection was lost"


class MessageIgnored(msgspec.Struct, frozen=True, gc=False):
    """A message was dropped, as OCPP-J 4.1.3 asks for unknown types; `detail` quotes nothing of its content but
    type number and id."""

    reason: IgnoredReason
    detail: str


Event = (
    CallReceived
    | CallRefused
    | ResultReceived
    | ErrorReceived
    | AnswerMalformed
    | CallTimedOut
    | CallLost
    | MessageIgnored
)
