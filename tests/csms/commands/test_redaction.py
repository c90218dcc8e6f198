"""Passwords are in no event, row or log."""

import json

import pytest
from tests.commands_catalogue import PAYLOADS

from chargewright.csms.commands.redaction import event_payload, holds_secret, outcome_body, shown, shown_outcome
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import (
    ClearCacheRequest,
    ClearCacheResponse,
    ClearCacheStatus,
    GetConfigurationResponse,
)

KEY = "0f" * 20


@pytest.mark.parametrize("name", ["AuthorizationKey", "authorizationkey"])
def test_a_password_is_hidden_whatever_the_case(name: str) -> None:
    request = check("ChangeConfiguration", {"key": name, "value": KEY})
    assert holds_secret(request)
    assert shown(request) == {"key": name, "value": "(hidden)"}
    assert KEY not in json.dumps(event_payload(request))


def test_a_station_that_reports_its_password_does_not_spread_it() -> None:
    text = json.dumps({"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": KEY}]})
    response = decode(GetConfigurationResponse, text.encode())
    told = shown_outcome(Answered(response=response, elapsed_seconds=0.1))
    assert KEY not in json.dumps(told)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("ftp://user:secret@host/path", "ftp://user:(hidden)@host/path"),
        ("https://u:p:q@host", "https://u:(hidden)@host"),
        ("ftp://user@host/a:b@c", "ftp://user@host/a:b@c"),
        ("https://host/x", "https://host/x"),
    ],
)
def test_a_password_in_an_address_is_hidden(location: str, expected: str) -> None:
    request = check("GetDiagnostics", {"location": location})
    assert shown(request) == {"location": expected}
    assert not holds_secret(request)


def test_a_long_payload_is_told_by_its_length() -> None:
    entries = [{"idTag": f"TAG{number}"} for number in range(1000)]
    payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    told = event_payload(check("SendLocalList", payload))
    assert list(told) == ["payloadBytes"] and told["payloadBytes"] > 4096


@pytest.mark.parametrize("action", PAYLOADS)
def test_the_rest_is_shown_as_it_is(action: str) -> None:
    assert shown(check(action, PAYLOADS[action])) == PAYLOADS[action]


ACCEPTED = ClearCacheResponse(status=ClearCacheStatus.ACCEPTED)
OUTCOMES: list[tuple[Outcome, dict[str, object]]] = [
    (Answered(response=ACCEPTED, elapsed_seconds=0.5), {"outcome": "answered", "status": "Accepted"}),
    (Refused(code="X", description="y"), {"outcome": "refused", "code": "X", "description": "y"}),
    (Malformed(reason="r"), {"outcome": "malformed", "reason": "r"}),
    (Unanswered(reason="r"), {"outcome": "unanswered", "reason": "r"}),
    (NotSent(reason="r"), {"outcome": "not-sent", "reason": "r"}),
]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
def test_each_outcome_has_its_words(outcome: Outcome, expected: dict[str, object]) -> None:
    body = outcome_body(ClearCacheRequest(), outcome)
    assert body["action"] == "ClearCache"
    assert expected.items() <= body.items()
