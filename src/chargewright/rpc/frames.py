"""The three frames of OCPP-J 4.2 as structs that are JSON arrays.

The payload stays `Raw` here: which message it is depends on the action, or on the CALL that an answer belongs to. A
`Raw` is a view of the buffer it was decoded from, so only `bytes`, which nobody can change, may be decoded into
these.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

__all__ = [
    "CALL",
    "CALLERROR",
    "CALLRESULT",
    "CALL_ID_LENGTH",
    "Call",
    "CallError",
    "CallResult",
    "Frame",
    "NumberId",
]

# OCPP-J 4.1.3: the message type numbers.
CALL: Final = 2
CALLRESULT: Final = 3
CALLERROR: Final = 4

# OCPP-J 4.1.4: the longest id, in characters; a UUID in its usual spelling fits exactly.
CALL_ID_LENGTH: Final = 36

_NO_DETAILS: Final = Raw(b"{}")


class NumberId(str):
    """A message id that was sent as a JSON number, as its digits; an answer repeats it as it was sent."""

    __slots__ = ()


# Elements beyond the last field pass silently unless unknown fields are forbidden.
class Call(msgspec.Struct, array_like=True, tag=CALL, forbid_unknown_fields=True, frozen=True, gc=False):
    """`[2, id, action, payload]` (OCPP-J 4.2.1)."""

    call_id: Annotated[str, Meta(min_length=1, max_length=CALL_ID_LENGTH)]
    action: str
    payload: Raw


class CallResult(msgspec.Struct, array_like=True, tag=CALLRESULT, forbid_unknown_fields=True, frozen=True, gc=False):
    """`[3, id, payload]` (OCPP-J 4.2.2). Its id is not bounded: an id that is not ours is ignored anyway."""

    call_id: str
    payload: Raw


class CallError(msgspec.Struct, array_like=True, tag=CALLERROR, forbid_unknown_fields=True, frozen=True, gc=False):
    """`[4, id, code, description, details]` (OCPP-J 4.2.3). Stations in the field leave the details out."""

    call_id: str
    code: str
    description: str
    details: Raw = _NO_DETAILS


Frame = Call | CallResult | CallError
