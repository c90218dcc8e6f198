"""URLs that a station can and cannot use."""

import pytest

from chargewright.errors import ConfigurationError
from chargewright.transport.client_request import check_answered_subprotocol, client_request
from chargewright.transport.errors import SubprotocolNotAgreed


def test_identity_and_password_go_where_they_belong() -> None:
    request = client_request("wss://csms.example/ocpp", "AL 1", ["ocpp1.6"], b"\x00\xff")
    assert request.url == "wss://csms.example/ocpp/AL%201"
    assert request.is_encrypted
    assert request.authorization == "Basic QUwgMToA/w=="


def test_a_complete_url_is_left_alone() -> None:
    request = client_request("ws://csms.example/ocpp/AL1?x=%20", None, [], None)
    assert request.url == "ws://csms.example/ocpp/AL1?x=%20"
    assert not request.is_encrypted
    assert request.authorization is None


@pytest.mark.parametrize("url", ["http://csms.example/", "csms.example", "ws://", "ws:///ocpp", "ws://a/#b", ""])
def test_what_is_no_websocket_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client_request(url, "AL1", [], None)
    assert caught.value.value == url


def test_a_password_in_the_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="without user and password") as caught:
        client_request("ws://user:geheim@csms.example/", "AL1", [], None)
    assert "geheim" not in str(caught.value)


def test_a_password_needs_an_identity() -> None:
    with pytest.raises(ConfigurationError, match="identity"):
        client_request("ws://csms.example/", None, [], b"x")


@pytest.mark.parametrize(
    ("offered", "answered", "is_agreed"),
    [
        (["ocpp1.6"], "ocpp1.6", True),
        (["a", "b"], "b", True),
        (["ocpp1.6"], None, False),
        (["ocpp1.6"], "OCPP1.6", False),
        (["a", "b"], "a, b", False),
        ([], None, True),
        ([], "ocpp1.6", False),
    ],
)
def test_the_answer_must_be_one_of_the_offers(offered: list[str], answered: str | None, is_agreed: bool) -> None:
    request = client_request("ws://csms.example/", "AL1", offered, None)
    if is_agreed:
        check_answered_subprotocol(request, answered)
    else:
        with pytest.raises(SubprotocolNotAgreed) as caught:
            check_answered_subprotocol(request, answered)
        assert caught.value.answered == answered
