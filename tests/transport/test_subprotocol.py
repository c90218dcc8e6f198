"""Every combination of what is offered and what the operator chose."""

import itertools

import pytest

from chargewright.transport.connection import Refusal
from chargewright.transport.subprotocol import (
    Agreement,
    NoneInCommon,
    NoneOffered,
    SubprotocolPolicy,
    choose_subprotocol,
    negotiate,
    offered_subprotocols,
)

KNOWN = ("ocpp1.6", "ocpp2.0.1")


@pytest.mark.parametrize(
    ("header", "offered", "chosen"),
    [
        (None, [], None),
        ("", [], None),
        (" , ", [], None),
        ("ocpp1.6", ["ocpp1.6"], "ocpp1.6"),
        ("ocpp0.1,ocpp1.6", ["ocpp0.1", "ocpp1.6"], "ocpp1.6"),
        ("ocpp2.0.1, ocpp1.6", ["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        ("ocpp1.6, ocpp2.0.1", ["ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        ("OCPP1.6", ["OCPP1.6"], None),
        ("ocpp0.1", ["ocpp0.1"], None),
    ],
)
def test_the_clients_order_decides(header: str | None, offered: list[str], chosen: str | None) -> None:
    assert offered_subprotocols(header) == offered
    assert choose_subprotocol(header, KNOWN) == chosen


EXPECTED_WITHOUT_OFFER = {
    NoneOffered.REFUSE: 404,
    NoneOffered.COMPLETE_THEN_CLOSE: Agreement(None, must_close=True),
    NoneOffered.ASSUME: Agreement(None),
}
EXPECTED_WITHOUT_COMMON = {
    NoneInCommon.REFUSE: 404,
    NoneInCommon.COMPLETE_THEN_CLOSE: Agreement(None, must_close=True),
}


@pytest.mark.parametrize(("in_common", "offered"), list(itertools.product(NoneInCommon, NoneOffered)))
@pytest.mark.parametrize("header", [None, "ocpp0.1", "ocpp0.1,ocpp1.6"])
def test_every_policy(header: str | None, in_common: NoneInCommon, offered: NoneOffered) -> None:
    policy = SubprotocolPolicy(in_common, offered, refusal_status=404)
    answer = negotiate(header, KNOWN, policy)
    expected: object
    if header is None:
        expected = EXPECTED_WITHOUT_OFFER[offered]
    elif header == "ocpp0.1":
        expected = EXPECTED_WITHOUT_COMMON[in_common]
    else:
        expected = Agreement("ocpp1.6")
    assert (answer.status if isinstance(answer, Refusal) else answer) == expected


def test_the_default_refuses_and_says_what_is_known() -> None:
    answer = negotiate("ocpp0.1", KNOWN)
    assert isinstance(answer, Refusal)
    assert answer.status == 400
    assert "ocpp1.6" in answer.text
