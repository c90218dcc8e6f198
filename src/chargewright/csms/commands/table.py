"""What belongs to a command besides sending it, by its request: warnings before, and bookkeeping around it.

The modules of this package enter functions for the commands of their feature profile. Whoever sends a command (the
API, a service, a bulk command, one that was kept) gets the same bookkeeping.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST, Role
from chargewright.protocol.v16.base import Message

__all__ = ["NOTES", "PREPARATIONS", "WARNINGS", "Note", "Preparation", "Warnings", "notes", "prepares", "warns"]

Request = TypeVar("Request", bound=Message)
Entered = TypeVar("Entered")

Found = TypeVar("Found", bound=Iterable[str] | Awaitable[Iterable[str]])

Warnings = Callable[[Any, StationRow, Services], Iterable[str] | Awaitable[Iterable[str]]]
Preparation = Callable[[Any, StationRow, Services], Awaitable[None]]
Note = Callable[[Any, Outcome, StationRow, Services], Awaitable[None]]

# By the type of the request. Several functions may be entered for one command; all are called, in the order of entry.
WARNINGS: Final[dict[type[Message], list[Warnings]]] = {}
PREPARATIONS: Final[dict[type[Message], list[Preparation]]] = {}
NOTES: Final[dict[type[Message], list[Note]]] = {}


def warns(
    request_type: type[Request],
) -> Callable[
    [Callable[[Request, StationRow, Services], Found]],
    Callable[[Request, StationRow, Services], Found],
]:
    """The decorated function says, one sentence each with value and reason, what is odd about a command beyond its
    schema; an operator's `force` overrides it. It may be a coroutine, where it must read."""
    return _enter(WARNINGS, request_type)


def prepares(
    request_type: type[Request],
) -> Callable[
    [Callable[[Request, StationRow, Services], Awaitable[None]]],
    Callable[[Request, StationRow, Services], Awaitable[None]],
]:
    """The decorated function is awaited right before the command is sent: for what must be stored by then. Where it
    raises a `ChargewrightError`, the command is not sent."""
    return _enter(PREPARATIONS, request_type)


def notes(
    request_type: type[Request],
) -> Callable[
    [Callable[[Request, Outcome, StationRow, Services], Awaitable[None]]],
    Callable[[Request, Outcome, StationRow, Services], Awaitable[None]],
]:
    """The decorated function is awaited after the end of the command, whatever that was, and before its sender is
    told. What it raises is logged and changes nothing for the sender. It may send commands itself."""
    return _enter(NOTES, request_type)


def _enter(table: dict[type[Message], list[Any]], request_type: type[Message]) -> Callable[[Entered], Entered]:
    action = ACTION_OF_REQUEST[request_type]
    if Role.CSMS not in action.sent_by:
        raise LookupError(f"{action.name} is not sent to stations")

    def enter(function: Entered) -> Entered:
        table.setdefault(request_type, []).append(function)
        return function

    return enter
