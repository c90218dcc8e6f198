"""Every odd frame and what becomes of it, payloads and their error codes, and what is sent."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from chargewright.protocol.v16 import core, smart_charging
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.salvage import salvage
from chargewright.rpc.codec import (
    BadAnswer,
    BadCall,
    Unreadable,
    call_frame,
    error_frame,
    read_error,
    read_frame,
    read_payload,
    result_frame,
)
from chargewright.rpc.errors import GenericFault, RpcError, SecurityFault
from chargewright.rpc.events import IgnoredReason
from chargewright.rpc.frames import Call, CallError, CallResult

UUID = "123e4567-e89b-12d3-a456-426614174000"
DEEP = b"[" * 100_000 + b"]" * 100_000


def outcome(message: bytes) -> tuple[Any, ...]:
    """What `read_frame` made of a message, without its sentences."""
    match read_frame(message):
        case Call(call_id, action, payload):
            return ("call", call_id, action, bytes(payload))
        case CallResult(call_id, payload):
            return ("result", call_id, bytes(payload))
        case CallError(call_id, code, description, details):
            return ("error", call_id, code, description, bytes(details))
        case BadCall(call_id, action_name, error):
            assert error.code is ErrorCode.FORMATION_VIOLATION
            return ("bad call", call_id, action_name)
        case BadAnswer(call_id, _):
            return ("bad answer", call_id)
        case Unreadable(reason, _):
            return ("unreadable", reason)


NOT_JSON = ("unreadable", IgnoredReason.NOT_JSON)
NOT_AN_ARRAY = ("unreadable", IgnoredReason.NOT_AN_ARRAY)
UNKNOWN_TYPE = ("unreadable", IgnoredReason.UNKNOWN_MESSAGE_TYPE)
UNREADABLE_ID = ("unreadable", IgnoredReason.UNREADABLE_ID)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # Well-formed, however it is laid out.
        (b'[2,"19","Heartbeat",{}]', ("call", "19", "Heartbeat", b"{}")),
        (b'[2,"19","Heartbeat",null]', ("call", "19", "Heartbeat", b"null")),
        (b' [ 2 ,\t"19" ,\r\n"Heartbeat" , { } ]\n', ("call", "19", "Heartbeat", b"{ }")),
        (b'[2,"\\u0031\\u0039","Heartbeat",{}]', ("call", "19", "Heartbeat", b"{}")),
        (f'[2,"{UUID}","Heartbeat",{{}}]'.encode(), ("call", UUID, "Heartbeat", b"{}")),
        ('[2,"Zürich €","Heartbeat",{}]'.encode(), ("call", "Zürich €", "Heartbeat", b"{}")),
        (b'[2,"19","Heartbeat",[1]]', ("call", "19", "Heartbeat", b"[1]")),
        (b'[2.0,"19","Heartbeat",{}]', ("call", "19", "Heartbeat", b"{}")),
        (b'[3,"19",{}]', ("result", "19", b"{}")),
        (b'[3,"19",null]', ("result", "19", b"null")),
        (b'[3.0,"19",{}]', ("result", "19", b"{}")),
        (b'[4,"19","GenericError","no",{"a":1}]', ("error", "19", "GenericError", "no", b'{"a":1}')),
        # CALLERRORs that stations send: no details, null for either, no description text.
        (b'[4,"19","GenericError","no"]', ("error", "19", "GenericError", "no", b"{}")),
        (b'[4,"19","GenericError",null,null]', ("error", "19", "GenericError", "", b"null")),
        (b'[4,"19","GenericError",{}]', ("error", "19", "GenericError", "", b"{}")),
        (b'[4,"19","GenericError","no",""]', ("error", "19", "GenericError", "no", b'""')),
        # CALLs that can be answered.
        (b'[2,"19","Heartbeat"]', ("bad call", "19", "Heartbeat")),
        (b'[2,"19"]', ("bad call", "19", "")),
        (b'[2,"19","Heartbeat",{},{}]', ("bad call", "19", "Heartbeat")),
        (b'[2,"19","Heartbeat",{}' + b",0" * 100_000 + b"]", ("bad call", "19", "Heartbeat")),
        (b'[2,"19",7,{}]', ("bad call", "19", "")),
        (b'[2,"19",null,{}]', ("bad call", "19", "")),
        (b'[2,"19","Heart\xffbeat",{}]', ("bad call", "19", "")),
        (b'[2,"","Heartbeat",{}]', ("bad call", "", "Heartbeat")),
        (b'[2,"' + b"x" * 37 + b'","Heartbeat",{}]', ("bad call", "x" * 37, "Heartbeat")),
        (b'[2,"' + b"x" * 5000 + b'","Heartbeat",{}]', ("bad call", "x" * 255, "Heartbeat")),
        (b'[2,19,"Heartbeat",{}]', ("call", "19", "Heartbeat", b"{}")),
        (b"[2," + b"1" * 37 + b',"Heartbeat",{}]', ("bad call", "1" * 37, "Heartbeat")),
        (b'[2,-1.50,"Heartbeat",{}]', ("call", "-1.50", "Heartbeat", b"{}")),
        (b"[2,19]", ("bad call", "19", "")),
        # Broken JSON whose beginning names the id.
        (b'[2,"19","Heartbeat",{}', ("bad call", "19", "Heartbeat")),
        (b'[2,"19","Heartbeat",{}]]', ("bad call", "19", "Heartbeat")),
        (b'[2,"19","Heartbeat",{]', ("bad call", "19", "Heartbeat")),
        (b'[2,"19","Heartbeat",nan]', ("bad call", "19", "Heartbeat")),
        (b'[2,"19",Heartbeat,{}]', ("bad call", "19", "")),
        (b' [ 2 , "19"', ("bad call", "19", "")),
        (b'[2.0,"19"', ("bad call", "19", "")),
        (b'[2,"1\\"9"x', ("bad call", '1"9', "")),
        (b'[2,"' + b"\\u0031" * 36 + b'",', ("bad call", "1" * 36, "")),
        (b'[2,"19","Heartbeat",' + DEEP + b"]", ("bad call", "19", "Heartbeat")),
        (b'[3,"19",{', ("bad answer", "19")),
        (b'[3,"19",nan]', ("bad answer", "19")),
        (b'[4,"19",GenericError]', ("bad answer", "19")),
        (b'[3,"19",' + DEEP + b"]", ("bad answer", "19")),
        # Broken JSON in the payload only: salvaging has a chance.
        (b'[2,"19","Heartbeat",{"a":nan}]', ("call", "19", "Heartbeat", b'{"a":nan}')),
        (b' [ 2 , "19" , "Heartbeat" , {"a":\'1\'} ] ', ("call", "19", "Heartbeat", b"{\"a\":'1'}")),
        (b'[2,"19","Heartbeat",{"a":"\x01"}]', ("call", "19", "Heartbeat", b'{"a":"\x01"}')),
        (b'[2,"19","Heartbeat",{"a":"\\ud800"}]', ("call", "19", "Heartbeat", b'{"a":"\\ud800"}')),
        (b'[2,"19","Heartbeat",{}],{}]', ("call", "19", "Heartbeat", b"{}],{}")),
        (b'[3,"19",{"a":\n"\n"}]', ("result", "19", b'{"a":\n"\n"}')),
        # Answers that can be read no further.
        (b'[3,"19"]', ("bad answer", "19")),
        (b'[3,"19",{},{}]', ("bad answer", "19")),
        (b'[3,"19","Heartbeat",{}]', ("bad answer", "19")),
        (b'[4,"19"]', ("bad answer", "19")),
        (b'[4,"19","GenericError"]', ("bad answer", "19")),
        (b'[4,"19",null,"no",{}]', ("bad answer", "19")),
        (b'[4,"19","GenericError","no",{},{}]', ("bad answer", "19")),
        # Nobody to answer.
        (b"", NOT_JSON),
        (b"hello", NOT_JSON),
        (b"\xff\xfe", NOT_JSON),
        (b'[2,"19', NOT_JSON),
        (b'[2,"1\n9",', NOT_JSON),
        (b'[2,"\xff",', NOT_JSON),
        (b'[2,"",', NOT_JSON),
        (b'[2,"\\ud800","Heartbeat",{}]', NOT_JSON),
        (b'[2,"' + b"x" * 37 + b'",', NOT_JSON),
        (b'[2,"' + b"x" * 5000 + b'",', NOT_JSON),
        (b'[5,"19",', NOT_JSON),
        (DEEP, NOT_JSON),
        (b"{}", NOT_AN_ARRAY),
        (b"null", NOT_AN_ARRAY),
        (b'"[2]"', NOT_AN_ARRAY),
        (b"2", NOT_AN_ARRAY),
        (b"[]", NOT_AN_ARRAY),
        (b'[1,"19",{}]', UNKNOWN_TYPE),
        (b'[5,"19","Heartbeat",{},{}]', UNKNOWN_TYPE),
        (b'[-2,"19","Heartbeat",{}]', UNKNOWN_TYPE),
        (b'[2.5,"19","Heartbeat",{}]', UNKNOWN_TYPE),
        (b"[" + b"9" * 5000 + b',"19"]', UNKNOWN_TYPE),
        (b'["2","19","Heartbeat",{}]', UNKNOWN_TYPE),
        (b'[null,"19","Heartbeat",{}]', UNKNOWN_TYPE),
        (b'[true,"19","Heartbeat",{}]', UNKNOWN_TYPE),
        (b'[[2,"19","Heartbeat",{}]]', UNKNOWN_TYPE),
        (b"[2]", UNREADABLE_ID),
        (b'[2,null,"Heartbeat",{}]', UNREADABLE_ID),
        (b'[2,true,"Heartbeat",{}]', UNREADABLE_ID),
        (b'[2,["19"],"Heartbeat",{}]', UNREADABLE_ID),
        (b'[2,"\xff","Heartbeat",{}]', UNREADABLE_ID),
        (b"[3]", UNREADABLE_ID),
        (b"[3,19,{}]", UNREADABLE_ID),
        (b'[4,null,"GenericError","",{}]', UNREADABLE_ID),
    ],
)
def test_frames(message: bytes, expected: tuple[Any, ...]) -> None:
    assert outcome(message) == expected


SECRET = "s3cr3t-0123456789"


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        (core.BootNotificationRequest, b'{"chargePointVendor":"v"}', ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (core.BootNotificationRequest, b"{}", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (core.BootNotificationRequest, b"null", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (core.HeartbeatRequest, b'{"x":"s3cr3t-0123456789"}', ErrorCode.FORMATION_VIOLATION),
        (core.HeartbeatRequest, b'["s3cr3t-0123456789"]', ErrorCode.FORMATION_VIOLATION),
        (core.HeartbeatRequest, b'"s3cr3t-0123456789"', ErrorCode.FORMATION_VIOLATION),
        (core.HeartbeatRequest, b"17", ErrorCode.FORMATION_VIOLATION),
        (core.HeartbeatRequest, b"{}],{}", ErrorCode.FORMATION_VIOLATION),
        (core.AuthorizeRequest, b'{"idTag":"s3cr3t-0123456789\n"}', ErrorCode.FORMATION_VIOLATION),
        (core.AuthorizeRequest, b'{"idTag":"s3cr3t-0123456789\xff"}', ErrorCode.FORMATION_VIOLATION),
        (core.ResetRequest, b'{"type":"s3cr3t-0123456789"}', ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (core.ResetRequest, b'{"type":7}', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        (core.AuthorizeRequest, b'{"idTag":"s3cr3t-0123456789-long"}', ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (core.AuthorizeRequest, b'{"idTag":["s3cr3t-0123456789"]}', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        (
            core.MeterValuesRequest,
            b'{"connectorId":1,"meterValue":[{"timestamp":"s3cr3t-0123456789","sampledValue":[{"value":"1"}]}]}',
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
    ],
)
def test_a_payload_that_is_refused(kind: type[Message], payload: bytes, code: ErrorCode) -> None:
    with pytest.raises(RpcError) as refusal:
        read_payload(kind, Raw(payload), None)
    assert refusal.value.code is code
    assert 0 < len(refusal.value.description) <= 255
    assert SECRET not in refusal.value.description


def test_a_refused_rate_is_not_quoted() -> None:
    schedule = b'{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0512345}]}'
    profile = (
        b'{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative",'
        b'"chargingSchedule":%b}' % schedule
    )
    with pytest.raises(RpcError) as refusal:
        read_payload(
            smart_charging.SetChargingProfileRequest,
            Raw(b'{"connectorId":1,"csChargingProfiles":%b}' % profile),
            None,
        )
    assert refusal.value.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert refusal.value.description
    assert "16.05" not in refusal.value.description


@pytest.mark.parametrize("payload", [b"{}", b"null", b'{ "unknown" : 1 }'])
@pytest.mark.parametrize("is_tolerant", [False, True])
def test_an_empty_payload_may_be_null(payload: bytes, is_tolerant: bool) -> None:
    if b"unknown" in payload and not is_tolerant:
        with pytest.raises(RpcError):
            read_payload(core.HeartbeatRequest, Raw(payload), None)
        return
    request, deviations = read_payload(core.HeartbeatRequest, Raw(payload), salvage if is_tolerant else None)
    assert request == core.HeartbeatRequest()
    assert len(deviations) == (1 if b"unknown" in payload else 0)


def test_what_cannot_be_salvaged_is_refused() -> None:
    with pytest.raises(RpcError) as refusal:
        read_payload(core.BootNotificationRequest, Raw(b'{"chargePointVendor":"v","x":1}'), salvage)
    assert refusal.value.code in (ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION, ErrorCode.FORMATION_VIOLATION)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (b"{}", {}),
        (b"null", {}),
        (b'{"a":[1]}', {"a": [1]}),
        (b'"text"', {"details": "text"}),
        (b"[1]", {"details": [1]}),
        (b'{"a":"\xff"}', {"details": "a string is not UTF-8"}),
    ],
)
def test_details_of_a_peer_are_always_an_object(details: bytes, expected: dict[str, Any]) -> None:
    assert read_error(CallError("19", "SecurityError", "no", Raw(details))).details == expected


def test_frames_as_sent() -> None:
    call = call_frame("19", "RemoteStopTransaction", core.RemoteStopTransactionRequest(transaction_id=7))
    assert call == b'[2,"19","RemoteStopTransaction",{"transactionId":7}]'
    assert call_frame("19", "Heartbeat", core.HeartbeatRequest()) == b'[2,"19","Heartbeat",{}]'
    assert result_frame('1"9', core.MeterValuesResponse()) == b'[3,"1\\"9",{}]'
    assert error_frame("19", GenericFault()) == b'[4,"19","GenericError","",{}]'
    assert error_frame("19", SecurityFault("no", {"a": Decimal("1.5")})) == b'[4,"19","SecurityError","no",{"a":1.5}]'


@pytest.mark.parametrize("error", [SecurityFault("\ud800"), SecurityFault("no", {"a": object()})])
def test_an_error_that_cannot_be_encoded_still_says_its_code(error: RpcError) -> None:
    assert error_frame("19", error) == b'[4,"19","SecurityError","",{}]'


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
@example("é" * 256)
def test_descriptions_are_cut_to_255_characters(description: str) -> None:
    frame = json.loads(error_frame("19", GenericFault(description)))
    assert frame[3] == description[:255]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36))
def test_ids_come_back_as_they_came(call_id: str) -> None:
    frame = read_frame(json.dumps([2, call_id, "Heartbeat", {}]).encode())
    assert isinstance(frame, Call)
    assert msgspec.json.decode(result_frame(frame.call_id, core.MeterValuesResponse()))[1] == call_id
