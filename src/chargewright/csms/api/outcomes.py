"""How the end of a command that was not answered is told over REST: a status for each, and its details as members of
the problem."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from chargewright.csms.api.errors import Problem
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered

__all__ = ["STATUS_OF_OUTCOME", "failure", "outcome_name"]

STATUS_OF_OUTCOME: Final[Mapping[type, HTTPStatus]] = {
    Answered: HTTPStatus.OK,
    NotSent: HTTPStatus.CONFLICT,
    Refused: HTTPStatus.BAD_GATEWAY,
    Malformed: HTTPStatus.BAD_GATEWAY,
    Unanswered: HTTPStatus.GATEWAY_TIMEOUT,
}
_NAMES: Final[Mapping[type, str]] = {
    Answered: "answered",
    NotSent: "not-sent",
    Refused: "refused",
    Malformed: "malformed",
    Unanswered: "unanswered",
}


def outcome_name(outcome: Outcome) -> str:
    """The word for the kind of an outcome: `answered`, `not-sent`, `refused`, `malformed` or `unanswered`."""
    return _NAMES[type(outcome)]


def failure(outcome: Outcome) -> Problem:
    """The problem that tells of an outcome other than `Answered`; `outcome` is a member, and of a CALLERROR its
    `code`, `description` and `details` as the station sent them."""
    members: dict[str, Any] = {"outcome": outcome_name(outcome)}
    if isinstance(outcome, Refused):
        members |= {"code": outcome.code, "description": outcome.description, "details": outcome.details}
        said = f": {outcome.description}" if outcome.description else ""
        detail = f"The station answered with CALLERROR {outcome.code}{said}."
    elif isinstance(outcome, Malformed):
        detail = f"What the station answered is no answer to this: {outcome.reason}."
    elif isinstance(outcome, Unanswered):
        detail = f"It was sent, and whether the station did it is not known: {outcome.reason}."
    elif isinstance(outcome, NotSent):
        detail = f"It was not sent: {outcome.reason}."
    else:
        raise TypeError("an answer is no failure")
    return Problem(STATUS_OF_OUTCOME[type(outcome)], detail, members=members)
