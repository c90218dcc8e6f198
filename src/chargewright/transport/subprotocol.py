"""Which version of OCPP a connection speaks (OCPP-J 1.6 §3.1.2 and §3.2).

A station offers subprotocols in the order of its preference. We take the first one of its list that we know, and
answer with that one alone.

Where nothing fits, sources disagree. OCPP-J 1.6 §3.2 has the CSMS complete the handshake without the header and close
at once. The 2025 certification tests, and most central systems in the field, refuse the upgrade with an HTTP error
instead; stations must cope with both. The default here is the HTTP refusal: it costs no WebSocket, and the station's
log shows a reason. `COMPLETE_THEN_CLOSE` is the letter of the specification.

A station that offers nothing at all gets the same treatment by default. `ASSUME` is for old stations which leave the
header out and mean `ocpp1.6` anyway; the answer then carries no header either, as RFC 6455 §4.2.2 wants.
"""

import enum
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from chargewright.transport.connection import Refusal

__all__ = [
    "DEFAULT_POLICY",
    "Agreement",
    "NoneInCommon",
    "NoneOffered",
    "SubprotocolPolicy",
    "choose_subprotocol",
    "negotiate",
    "offered_subprotocols",
]


class NoneInCommon(enum.Enum):
    """What happens to a station that offers only subprotocols which we do not know."""

    REFUSE = "refuse"
    COMPLETE_THEN_CLOSE = "complete-then-close"


class NoneOffered(enum.Enum):
    """What happens to a station that offers no subprotocol."""

    REFUSE = "refuse"
    COMPLETE_THEN_CLOSE = "complete-then-close"
    ASSUME = "assume"


class SubprotocolPolicy(msgspec.Struct, frozen=True):
    """The choices that the specification leaves to the operator; `refusal_status` is 400 or 404."""

    none_in_common: NoneInCommon = NoneInCommon.REFUSE
    none_offered: NoneOffered = NoneOffered.REFUSE
    refusal_status: int = HTTPStatus.BAD_REQUEST


class Agreement(msgspec.Struct, frozen=True):
    """Complete the handshake: `subprotocol` goes into the answer (None: no header), `must_close`: at once after."""

    subprotocol: str | None
    must_close: bool = False


DEFAULT_POLICY: Final = SubprotocolPolicy()


def offered_subprotocols(header: str | None) -> list[str]:
    """The client's list, in its order of preference; empty without the header. Names are case-sensitive."""
    if header is None:
        return []
    return [name for part in header.split(",") if (name := part.strip(" \t"))]


def choose_subprotocol(header: str | None, known: Sequence[str]) -> str | None:
    """The first of the client's list that is among `known`, or None."""
    return next((name for name in offered_subprotocols(header) if name in known), None)


def negotiate(
    header: str | None, known: Sequence[str], policy: SubprotocolPolicy = DEFAULT_POLICY
) -> Agreement | Refusal:
    """What to do about the header Sec-WebSocket-Protocol (None where it is absent), `known` being what we speak.

    A header without any name counts as absent.
    """
    offered = offered_subprotocols(header)
    chosen = choose_subprotocol(header, known)
    if chosen is not None:
        return Agreement(chosen)
    if not offered:
        if policy.none_offered is NoneOffered.ASSUME:
            return Agreement(None)
        if policy.none_offered is NoneOffered.COMPLETE_THEN_CLOSE:
            return Agreement(None, must_close=True)
        return Refusal(policy.refusal_status, f"No subprotocol was offered. Known here: {', '.join(known)}.")
    if policy.none_in_common is NoneInCommon.COMPLETE_THEN_CLOSE:
        return Agreement(None, must_close=True)
    # What was offered is not repeated: it is the peer's text.
    return Refusal(policy.refusal_status, f"None of the offered subprotocols is known. Known here: {', '.join(known)}.")
