"""Credentials on the wire and at rest."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.transport.basic_auth import (
    authorization_header,
    hash_credential,
    is_authorization_key,
    password_from_header,
    password_from_key,
    verify_credential,
)

KEY = b"k" * 32
SALT = b"s" * 16
PASSWORD = password_from_key("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")


def test_the_example_of_the_specification() -> None:
    header = authorization_header("AL1000", PASSWORD)
    assert header == "Basic QUwxMDAwOgABAgMEBQYH////////////////"
    assert password_from_header(header, "AL1000") == PASSWORD


@given(identity=st.text(alphabet=st.characters(codec="ascii"), max_size=48), password=st.binary(max_size=40))
def test_any_identity_and_any_bytes_survive_the_wire(identity: str, password: bytes) -> None:
    assert password_from_header(authorization_header(identity, password), identity) == password


def test_identities_with_colons_are_not_confused() -> None:
    header = authorization_header("a:b", b"c")
    assert password_from_header(header, "a:b") == b"c"
    # The same bytes are a password of `a`; only the station's own secret decides.
    assert password_from_header(header, "a") == b"b:c"
    assert password_from_header(header, "A:b") is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!!",
        "Basic QUwxMDAw",  # no colon
        "Basic QUwxMDAwOg",  # padding is missing
        "Bearer QUwxMDAwOgA=",
        "Basic \xe4",
    ],
)
def test_what_is_not_basic_credentials(header: str) -> None:
    assert password_from_header(header, "AL1000") is None


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_has_no_case(scheme: str) -> None:
    encoded = base64.b64encode(b"AL1000:x").decode()
    assert password_from_header(f"{scheme}  {encoded} ", "AL1000") == b"x"


@pytest.mark.parametrize(
    ("text", "is_good"),
    [("0" * 31, False), ("0" * 32, True), ("0" * 33, False), ("aF" * 20, True), ("0" * 42, False), ("g" * 32, False)],
)
def test_authorization_keys_have_32_to_40_digits_in_pairs(text: str, is_good: bool) -> None:
    assert is_authorization_key(text) is is_good
    if not is_good:
        with pytest.raises(ValueError, match="32 to 40") as caught:
            password_from_key(text)
        assert text not in str(caught.value)


def test_a_credential_verifies_and_no_other_does() -> None:
    stored = hash_credential(PASSWORD, KEY, SALT)
    assert PASSWORD.hex() not in stored
    assert verify_credential(PASSWORD, KEY, stored)
    assert not verify_credential(PASSWORD[:-1] + b"\xfe", KEY, stored)
    assert not verify_credential(b"", KEY, stored)
    assert not verify_credential(b"x" * 100_000, KEY, stored)
    assert not verify_credential(PASSWORD, b"K" * 32, stored)
    assert hash_credential(PASSWORD, KEY, b"S" * 16) != stored


@pytest.mark.parametrize("spelling", [str.upper, str.lower])
def test_hex_text_as_the_password_needs_the_switch(spelling: "type[str]") -> None:
    stored = hash_credential(PASSWORD, KEY, SALT)
    text = spelling(PASSWORD.hex()).encode()
    assert not verify_credential(text, KEY, stored)
    assert verify_credential(text, KEY, stored, accept_hex_text=True)
    assert not verify_credential(b"00" + text[2:-2] + b"00", KEY, stored, accept_hex_text=True)
    assert not verify_credential(b"\xff" * 40, KEY, stored, accept_hex_text=True)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes; got 3"):
        hash_credential(PASSWORD, b"key", SALT)
    with pytest.raises(ValueError, match="16 bytes; got 4"):
        hash_credential(PASSWORD, KEY, b"salt")
    with pytest.raises(ValueError, match="not a credential hash"):
        verify_credential(PASSWORD, KEY, PASSWORD.hex())
