"""The table of handlers: which function serves which action of a station."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from chargewright.csms.ports import Answer, CallContext
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.data_transfer import DataTransferService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.stations import StationsService
from chargewright.csms.services.transactions import TransactionsService
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message

__all__ = ["HANDLERS", "Handler", "Services", "handles"]


class Services(msgspec.Struct, frozen=True):
    """What handlers may use."""

    authorization: AuthorizationService
    data_transfer: DataTransferService
    metering: MeteringService
    stations: StationsService
    transactions: TransactionsService


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
