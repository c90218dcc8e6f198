"""How a command to a station can end: five ways, told apart everywhere."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import Message

__all__ = ["Answered", "Malformed", "NotSent", "Outcome", "QueueFull", "Refused", "Unanswered"]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The station's CALLRESULT, whatever status is in it."""

    response: Message
    elapsed_seconds: float


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The station's CALLERROR; `code` as sent (OCPP-J 4.2.3)."""

    code: str
    description: str = ""
    details: Mapping[str, Any] = {}


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """The station answered something that is no answer to this action."""

    reason: str


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """It was sent, and no answer came: in time, or before the connection was lost. Whether it was carried out is not
    known. `is_lost`: the connection or this server ended, with that WebSocket `close_code` where there was one."""

    reason: str
    is_lost: bool = False
    close_code: int | None = None


class NotSent(msgspec.Struct, frozen=True, kw_only=True):
    """It never left: the station is not connected, or its turn did not come before the time limit."""

    reason: str


Outcome: TypeAlias = Answered | Refused | Malformed | Unanswered | NotSent


class QueueFull(ChargewrightError):
    """As many commands as are allowed wait for this station already."""
