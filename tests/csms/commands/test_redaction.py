"""Passwords are in no event, row or log."""

import json

import pytest
from tests.commands_catalogue import PAYLOADS

from chargewright.csms.commands.redaction import (
    event_payload,
    holds_secret,
    outcome_body,
    shown,
    shown_outcome,
    shown_text,
)
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
        ("ftp://user:secret@host/path", "ftp://user:***@host/path"),
        ("https://u:p:q@host", "https://u:***@host"),
        ("ftp://user@host/a:b@c", "ftp://user@host/a:b@c"),
        ("https://host/x", "https://host/x"),
        ("https://bucket/x?X-Signature=abc&Expires=9", "https://bucket/x?X-Signature=***&Expires=***"),
        ("user:secret@host/x", "user:***@host/x"),
    ],
)
def test_a_secret_in_an_address_is_hidden(location: str, expected: str) -> None:
    request = check("GetDiagnostics", {"location": location})
    assert shown(request) == {"location": expected}
    assert not holds_secret(request)


LINK = "https://bucket/x?sig=s3cret"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": LINK}}),
        ("UpdateFirmware", {"location": LINK, "retrieveDate": "2036-01-01T00:00:00Z"}),
        ("ChangeConfiguration", {"key": "UploadUrl", "value": LINK}),
        ("DataTransfer", {"vendorId": "v", "data": json.dumps({"url": LINK, "text": f"see {LINK}, or <{LINK}>"})}),
    ],
)
def test_what_signs_a_link_is_hidden_wherever_the_link_stands(action: str, payload: dict[str, object]) -> None:
    request = check(action, payload)
    for told in (shown(request), event_payload(request), shown_text(json.dumps(payload))):
        assert "s3cret" not in json.dumps(told) and "https://bucket/x?sig=***" in json.dumps(told)


def test_a_station_that_repeats_a_link_does_not_spread_it() -> None:
    told = shown_outcome(Refused(code="InternalError", description=f"cannot reach {LINK}", details={"at": [LINK]}))
    assert told["description"] == "cannot reach https://bucket/x?sig=***"
    assert told["details"] == {"at": ["https://bucket/x?sig=***"]}


def test_what_is_masked_already_is_shown_though_it_fits_no_schema_any_more() -> None:
    location = "https://h/x?" + "&".join("a=" for _ in range(150))
    request = check("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": location}})
    stored = json.dumps(shown(request))
    assert len(shown(request)["log"]["remoteLocation"]) > 512
    assert shown_text(stored) == shown(request)


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


@pytest.mark.parametrize(
    "outcome",
    [
        Refused(code="InternalError", description=f"no {KEY}", details={KEY: [KEY.upper()]}),
        Malformed(reason=f"{KEY} is no status"),
    ],
)
def test_a_station_that_repeats_its_password_does_not_spread_it(outcome: Outcome) -> None:
    request = check("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})
    told = outcome_body(request, outcome)
    assert KEY not in json.dumps(told).lower()
    assert "(hidden)" in told.values()


def test_why_a_password_was_not_sent_is_told() -> None:
    request = check("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})
    assert outcome_body(request, NotSent(reason="offline"))["reason"] == "offline"
    assert outcome_body(request, Unanswered(reason="silent"))["reason"] == "silent"
