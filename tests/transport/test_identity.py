"""Identities in URLs."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.transport.identity import identity_from_path, is_identity, url_for_identity

FORBIDDEN = set("/\\?#%")
ALPHABET = [chr(code) for code in range(0x20, 0x7F) if chr(code) not in FORBIDDEN]


@pytest.mark.parametrize("code", range(256))
def test_the_alphabet(code: int) -> None:
    assert is_identity("a" + chr(code)) == (chr(code) in ALPHABET)


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("", False),
        ("a", True),
        ("a" * 48, True),
        ("a" * 49, False),
        (".", False),
        ("..", False),
        ("...", True),
        ("a\n", False),
    ],
)
def test_lengths_and_dots(text: str, is_good: bool) -> None:
    assert is_identity(text) is is_good


@pytest.mark.parametrize(
    ("path", "prefix", "identity"),
    [
        ("/AL1000", "/", "AL1000"),
        ("/ocpp/AL1000", "/", "AL1000"),
        ("/ocpp/16/AL1000", "/ocpp", "AL1000"),
        ("/ocpp//AL1000/", "/ocpp/", "AL1000"),
        ("//AL1000", "/", "AL1000"),
        ("/RDAM%7C123", "/", "RDAM|123"),
        ("/RDAM|123", "/", "RDAM|123"),
        ("/a%20b", "/", "a b"),
        ("/a%3Ab?token=1/2", "/", "a:b"),
        ("/al1000", "/", "al1000"),
        ("/", "/", None),
        ("", "/", None),
        ("/ocpp", "/ocpp", None),
        ("/other/AL1000", "/ocpp", None),
        ("/ocppx/AL1000", "/ocpp", None),
        ("/a%2Fb", "/", None),
        ("/a%5Cb", "/", None),
        ("/a%2541", "/", None),
        ("/100%", "/", None),
        ("/a%00", "/", None),
        ("/%C3%A4", "/", None),
        ("/\xe4", "/", None),
        ("/%2E%2E", "/", None),
        ("/" + "a" * 49, "/", None),
    ],
)
def test_identity_of_a_path(path: str, prefix: str, identity: str | None) -> None:
    assert identity_from_path(path, prefix) == identity


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=48).filter(lambda text: text not in (".", "..")))
def test_what_a_station_encodes_the_csms_decodes(identity: str) -> None:
    url = url_for_identity("ws://csms.example/ocpp/", identity)
    path = url.removeprefix("ws://csms.example")
    assert set(path) <= set(string.ascii_letters + string.digits + "/%-._~")
    assert identity_from_path(path, "/ocpp") == identity


def test_a_query_of_the_endpoint_stays_behind_the_identity() -> None:
    assert url_for_identity("wss://csms.example/ocpp?tenant=1", "A/B") == "wss://csms.example/ocpp/A%2FB?tenant=1"
