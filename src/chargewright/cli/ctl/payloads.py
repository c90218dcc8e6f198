"""Payloads of commands on the command line: JSON, a file, or standard input."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from chargewright.cli.ctl.client import CtlError, ExitCode

__all__ = [
    "ACCEPTED",
    "Action",
    "Force",
    "KeepUntil",
    "Payload",
    "TimeoutSeconds",
    "answer_seconds",
    "is_accepted",
    "read_payload",
]

Action = Annotated[str, typer.Argument(help="Name of the OCPP action, as on the wire: RemoteStartTransaction.")]
Payload = Annotated[
    str, typer.Argument(help="Payload of the request: JSON, @file, or - for standard input (for secrets).")
]
TimeoutSeconds = Annotated[float | None, typer.Option(help="How long the station has for its answer.")]
KeepUntil = Annotated[
    str | None, typer.Option(help="Keep it until then, for when the station is there: 2031-01-01T00:00:00Z.")
]
Force = Annotated[bool, typer.Option("--force", help="Send it although the server warns.")]

# Of a response: its station does, or did, what it was asked. Without `status` an answer is enough.
ACCEPTED: Final = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"})
# The server's own time limit for commands is not known here.
ANSWER_SECONDS: Final = 120.0


def read_payload(text: str) -> Any:
    """The JSON that an argument means; raises `CtlError`."""
    where = "the payload"
    try:
        if text == "-":
            text, where = sys.stdin.read(), "standard input"
        elif text.startswith("@"):
            where = text[1:]
            text = Path(where).read_text(encoding="utf-8")
        return json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise CtlError(ExitCode.USAGE, f"{where} cannot be read: {error}.") from error
    except ValueError as error:
        raise CtlError(ExitCode.USAGE, f"{where} is no JSON: {error}.") from error


def answer_seconds(timeout_seconds: float | None) -> float:
    """How long to wait for the server, which waits for the station."""
    return ANSWER_SECONDS if timeout_seconds is None else timeout_seconds + 30.0


def is_accepted(response: Any) -> bool:
    """Whether the station does what it was asked to, by the `status` of its response."""
    return not isinstance(response, dict) or response.get("status", "Accepted") in ACCEPTED
