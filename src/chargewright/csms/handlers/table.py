"""The table of handlers: which function serves which action of a station."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from chargewright.csms.ports import Answer, CallContext
from chargewright.csms.services.registry import Services
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message

__all__ = ["HANDLERS", "Handler", "Services", "handles"]


Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Handler = Callable[[Any, CallContext, Services], Answer[Any]]

# By action name. An action that a station may send and that is not here is refused with NotSupported.
HANDLERS: Final[dict[str, Handler]] = {}


def handles(
    request_type: type[Request],
) -> Callable[
    [Callable[[Request, CallContext, Services], Answer[Response]]],
    Callable[[Request, CallContext, Services], Answer[Response]],
]:
    """Enter the decorated function into the table; `LookupError` when the action has a handler already."""
    action = ACTION_OF_REQUEST[request_type].name

    def enter(
        handler: Callable[[Request, CallContext, Services], Answer[Response]],
    ) -> Callable[[Request, CallContext, Services], Answer[Response]]:
        if action in HANDLERS:
            raise LookupError(f"{action} is handled by {HANDLERS[action]!r} already")
        HANDLERS[action] = handler
        return handler

    return enter
