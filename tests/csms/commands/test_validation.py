"""Payloads are held to the schema: the error names field, value and expectation."""

import json
from typing import Any

import pytest
from tests.commands_catalogue import PAYLOADS

from chargewright.csms.commands.validation import COMMANDS, InvalidCommand, UnknownCommand, check
from chargewright.protocol.v16.coding import encode


@pytest.mark.parametrize("action", PAYLOADS)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_valid_payload_is_the_request(action: str, as_text: bool) -> None:
    payload: Any = json.dumps(PAYLOADS[action]).encode() if as_text else PAYLOADS[action]
    request = check(action, payload)
    assert type(request) is COMMANDS[action].request
    assert json.loads(encode(request)) == PAYLOADS[action]


@pytest.mark.parametrize("action", ["Heartbeat", "Nothing", "reset", ""])
def test_only_what_is_sent_to_stations_is_a_command(action: str) -> None:
    with pytest.raises(UnknownCommand, match="RemoteStartTransaction"):
        check(action, {})


PROFILE = dict(PAYLOADS["SetChargingProfile"]["csChargingProfiles"])
LONG = "x" * 300


@pytest.mark.parametrize(
    ("action", "payload", "field", "value", "expected"),
    [
        ("Reset", {}, "type", None, "missing"),
        ("Reset", {"type": "Gentle"}, "type", "Gentle", "one of Hard, Soft"),
        ("Reset", {"type": 5}, "type", 5, "a text, not a whole number"),
        ("Reset", {"type": "Soft", "force": True}, "force", True, "no field of this name"),
        ("Reset", [], "", "[]", "named fields"),
        ("Reset", b"{", "", None, "truncated"),
        ("UnlockConnector", {"connectorId": "1"}, "connectorId", "1", "a whole number"),
        ("UnlockConnector", {"connectorId": None}, "connectorId", None, "a whole number"),
        ("RemoteStartTransaction", {"idTag": "x" * 21}, "idTag", "x" * 21, "a text of at most 20 characters"),
        ("RemoteStartTransaction", {"idTag": LONG}, "idTag", f"{LONG[:100]}…", "at most 20 characters"),
        (
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": PROFILE | {"stackLevel": "high"}},
            "csChargingProfiles.stackLevel",
            "high",
            "a whole number",
        ),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": 5}, "value", "(hidden)", "a text"),
    ],
)
def test_an_error_names_field_value_and_expectation(
    action: str, payload: Any, field: str, value: Any, expected: str
) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        check(action, payload)
    error = refusal.value
    assert (error.field, error.value) == (field, value)
    assert expected in error.expected
    assert action in str(error)
