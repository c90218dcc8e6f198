"""The sentences name who and what."""

import pytest

from chargewright.transport.errors import FrameRefused, SubprotocolNotAgreed, UpgradeRefused


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FrameRefused(1002, "a lone continuation"), "a lone continuation (close code 1002)"),
        (UpgradeRefused(404, "Who?"), "the upgrade was refused with HTTP 404: Who?"),
        (UpgradeRefused(503, ""), "the upgrade was refused with HTTP 503: no text"),
        (
            SubprotocolNotAgreed(["ocpp1.6", "ocpp2.0.1"], None),
            "offered subprotocols ocpp1.6, ocpp2.0.1; the server answered none",
        ),
        (SubprotocolNotAgreed(["ocpp1.6"], "soap"), "offered subprotocols ocpp1.6; the server answered soap"),
    ],
)
def test_sentences(error: Exception, sentence: str) -> None:
    assert str(error) == sentence
