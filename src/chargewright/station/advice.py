"""What a person can do about a connection that does not come about."""

import socket
import ssl
from collections.abc import Mapping
from typing import Final

from chargewright.errors import ChargewrightError
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused

__all__ = ["advice"]

OF_STATUS: Final[Mapping[int, str]] = {
    400: "the central system found the request wrong: is the URL that of a central system for OCPP 1.6?",
    401: "is the password (AuthorizationKey) that of this station? Without one, the central system wants one; or it "
    "expects another security profile",
    403: "the central system does not let this station in: is it blocked, or its address?",
    404: "the central system does not know this identity: is it registered, in the same letter case? Is the URL's path "
    "right?",
    426: "the central system wants another protocol: is the URL that of a central system for OCPP 1.6?",
    429: "the central system is busy; nothing to do but wait",
    503: "the central system is starting, ending or busy; nothing to do but wait",
}
OF_CAUSE: Final[tuple[tuple[type[OSError], str], ...]] = (
    (ConnectionRefusedError, "nothing listens there: does the central system run, are host and port right?"),
    (socket.gaierror, "the name of the host cannot be found: is it right?"),
    (ssl.SSLError, "TLS failed: is the certificate of the central system known here, and is wss:// right?"),
)
OTHERWISE: Final = "is the URL that of a central system, and can it be reached from here?"
NO_SUBPROTOCOL: Final = "the central system does not speak OCPP 1.6 there (subprotocol ocpp1.6): is the URL right?"


def advice(error: ChargewrightError) -> str:
    """One sentence on what to look at when opening a connection raised `error`."""
    if isinstance(error, UpgradeRefused):
        return OF_STATUS.get(error.status, OTHERWISE)
    if isinstance(error, SubprotocolNotAgreed):
        return NO_SUBPROTOCOL
    cause = error.__cause__
    return next((text for kind, text in OF_CAUSE if isinstance(cause, kind)), OTHERWISE)
