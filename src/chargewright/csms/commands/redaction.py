"""Commands and answers as others may see them: in events, rows and logs.

Neither passwords nor what signs a link get there. A command that is still to be sent is stored as it is, and shown as
here; when it has ended, only what is shown stays.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chargewright.csms.locations import mask_location, mask_locations_in
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS, Access
from chargewright.protocol.v16.core import ChangeConfigurationRequest

__all__ = ["HIDDEN", "event_payload", "holds_secret", "outcome_body", "shown", "shown_outcome", "shown_text"]

HIDDEN: Final = "(hidden)"
# What stations never report, they are not told in the open either (AuthorizationKey).
SECRET_KEYS: Final = frozenset(
    key.name.casefold() for key in CONFIGURATION_KEYS.values() if key.access is Access.WRITE_ONLY
)
# The longest payload of a command that its event repeats, in bytes.
EVENT_PAYLOAD_BYTES: Final = 4096
# Members that are the URL of a file; they are masked even where they do not look like one.
LOCATIONS: Final = frozenset({"location", "remoteLocation"})


def holds_secret(request: Message) -> bool:
    """Whether the command carries a secret that must not be stored as it is: the value of AuthorizationKey."""
    return isinstance(request, ChangeConfigurationRequest) and request.key.casefold() in SECRET_KEYS


def shown(message: Message) -> Any:
    """The JSON object of a request or response, passwords replaced by `(hidden)` and secrets of URLs by `***`."""
    return _shown(msgspec.json.decode(encode(message)))


def shown_text(payload: str) -> Any:
    """As `shown`, of a payload as it is stored: also of one that was masked before it was, which need not fit its
    schema any more."""
    return _shown(msgspec.json.decode(payload))


def event_payload(request: Message) -> dict[str, Any]:
    """`payload` for an event, or its length alone where it is long (a local list, a certificate)."""
    payload = shown(request)
    size = len(msgspec.json.encode(payload))
    return {"payload": payload} if size <= EVENT_PAYLOAD_BYTES else {"payloadBytes": size}


def outcome_body(request: Message, outcome: Outcome) -> dict[str, Any]:
    """What the event at the end of a command says."""
    body = {"action": ACTION_OF_REQUEST[type(request)].name, **shown_outcome(outcome)}
    if holds_secret(request):
        # A station may repeat the value in whatever form: none of its words are told. Whoever asked has them.
        body |= {name: HIDDEN for name in ("description", "details", "reason") if name in body and _is_told(outcome)}
    response = body.pop("response", {})
    if isinstance(response, Mapping) and isinstance(response.get("status"), str):
        body["status"] = response["status"]
    return body


def _is_told(outcome: Outcome) -> bool:
    """Whether what it says is the station's."""
    return isinstance(outcome, Refused | Malformed)


def shown_outcome(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON: `outcome` is one of answered, refused, malformed, unanswered, not-sent."""
    match outcome:
        case Answered():
            seconds = round(outcome.elapsed_seconds, 6)
            return {"outcome": "answered", "response": shown(outcome.response), "elapsedSeconds": seconds}
        case Refused():
            return {
                "outcome": "refused",
                "code": outcome.code,
                "description": mask_locations_in(outcome.description),
                "details": _shown(dict(outcome.details)),
            }
        case Malformed():
            return {"outcome": "malformed", "reason": outcome.reason}
        case Unanswered():
            return {"outcome": "unanswered", "reason": outcome.reason}
        case NotSent():
            return {"outcome": "not-sent", "reason": outcome.reason}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return mask_locations_in(value)
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        out = {name: _member(name, item) for name, item in value.items()}
        # `key` and `value` stand side by side in ChangeConfiguration.req and in the list of GetConfiguration.conf.
        if isinstance(out.get("key"), str) and out["key"].casefold() in SECRET_KEYS and "value" in out:
            out["value"] = HIDDEN
        return out
    return value


def _member(name: str, value: Any) -> Any:
    return mask_location(value) if name in LOCATIONS and isinstance(value, str) else _shown(value)
