"""Whoever cannot connect reads what to look at."""

import socket
import ssl

import pytest

from chargewright.errors import ChargewrightError, ConnectionLost
from chargewright.station.advice import advice
from chargewright.transport.choice import implementation
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused


def lost(cause: OSError) -> ConnectionLost:
    error = ConnectionLost("no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UpgradeRefused(404, ""), "letter case"),
        (UpgradeRefused(401, ""), "password"),
        (UpgradeRefused(400, ""), "request wrong"),
        (UpgradeRefused(503, ""), "wait"),
        (UpgradeRefused(418, "short and stout"), "URL"),
        (SubprotocolNotAgreed(("ocpp1.6",), None), "does not speak OCPP 1.6"),
        (lost(ConnectionRefusedError()), "nothing listens"),
        (lost(socket.gaierror()), "name of the host"),
        (lost(ssl.SSLCertVerificationError()), "certificate"),
        (lost(OSError()), "URL"),
        (ConnectionLost("no answer"), "URL"),
    ],
)
def test_each_failure_has_its_advice(error: ChargewrightError, said: str) -> None:
    assert said in advice(error)


@pytest.mark.parametrize("name", ["picows", "websockets"])
async def test_a_real_refusal_is_recognised_with_each_library(name: str) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unheard.getsockname()[1]}"
        with pytest.raises(ConnectionLost) as caught:
            await implementation(name).connect(
                url, identity="A", on_message=lambda message: None, on_close=lambda info: None
            )
    assert "nothing listens" in advice(caught.value)
