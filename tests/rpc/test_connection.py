"""RpcConnection: each rule of OCPP-J 4 by itself, then two of them over a bad line, then bytes that nobody meant."""

import itertools
import json
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16 import core, firmware_management
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.salvage import salvage
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.errors import InternalFault, SecurityFault
from chargewright.rpc.events import (
    AnswerMalformed,
    CallLost,
    CallReceived,
    CallRefused,
    CallTimedOut,
    ErrorReceived,
    IgnoredReason,
    MessageIgnored,
    ResultReceived,
)

REMOTE_STOP = core.RemoteStopTransactionRequest(transaction_id=7)
STOPPED = core.RemoteStopTransactionResponse(status=core.RemoteStartStopStatus.ACCEPTED)
METER_VALUES = b'[2,"%b","MeterValues",{"connectorId":%d,"meterValue":[]}]'


def numbered(prefix: str = "") -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def csms(**options: Any) -> RpcConnection:
    return RpcConnection(Role.CSMS, ACTIONS, new_call_id=numbered(), **options)


def frames(connection: RpcConnection) -> list[Any]:
    return [json.loads(message) for message in connection.messages_to_send()]


# CALLs of the peer.


def test_a_call_is_received_answered_and_forgotten() -> None:
    connection = csms()
    message = METER_VALUES % (b"19", 1)
    connection.receive_message(message, 0.0)
    [event] = connection.events()
    assert isinstance(event, CallReceived)
    assert (event.call_id, event.action, event.raw) == ("19", ACTIONS["MeterValues"], message)
    assert event.request == core.MeterValuesRequest(connector_id=1, meter_value=[])
    assert list(event.deviations) == []
    assert (connection.unanswered, connection.is_open("19")) == (1, True)
    assert connection.messages_to_send() == []
    connection.answer("19", core.MeterValuesResponse())
    assert connection.messages_to_send() == [b'[3,"19",{}]']
    assert connection.messages_to_send() == []
    assert connection.events() == []
    assert (connection.unanswered, connection.is_open("19")) == (0, False)


@pytest.mark.parametrize("number", ["17", "-1", "1.50", "1e3", "0"])
def test_an_id_that_is_a_number_is_answered_as_it_was_sent_where_that_is_tolerated(number: str) -> None:
    connection = csms(accepts_number_ids=True)
    connection.receive_message(f'[2,{number},"Heartbeat",{{}}]'.encode(), 0.0)
    [event] = connection.events()
    assert isinstance(event, CallReceived)
    assert [(deviation.kind, deviation.sample) for deviation in event.deviations] == [("number-as-text", number)]
    connection.refuse(event.call_id, InternalFault("no"))
    assert connection.messages_to_send() == [f'[4,{number},"InternalError","no",{{}}]'.encode()]
    connection.receive_message(f'[2,{number},"MeterValues",{{"connectorId":1,"meterValue":[]}}]'.encode(), 0.0)
    [event] = connection.events()
    assert isinstance(event, CallReceived)
    connection.answer(event.call_id, core.MeterValuesResponse())
    assert connection.messages_to_send() == [f"[3,{number},{{}}]".encode()]
    for wrong in ('"Nonsense",{}', '"Heartbeat"'):
        connection.receive_message(f"[2,{number},{wrong}]".encode(), 0.0)
        [message] = connection.messages_to_send()
        assert message.startswith(f"[4,{number},".encode())


@pytest.mark.parametrize("rest", ['"Heartbeat",{}', '"Heartbeat"', '"Nonsense",{}'])
def test_an_id_that_is_a_number_is_refused_elsewhere(rest: str) -> None:
    connection = csms()
    connection.receive_message(f"[2,17,{rest}]".encode(), 0.0)
    [frame] = frames(connection)
    assert frame[:3] == [4, "17", "FormationViolation"]


@pytest.mark.parametrize(
    ("action", "payload", "options", "code"),
    [
        ("Heartbeats", "{}", {}, ErrorCode.NOT_IMPLEMENTED),
        ("heartbeat", "{}", {}, ErrorCode.NOT_IMPLEMENTED),
        ("", "{}", {}, ErrorCode.NOT_IMPLEMENTED),
        ("Reset", '{"type":"Hard"}', {}, ErrorCode.NOT_SUPPORTED),
        ("Reset", '{"type":7}', {}, ErrorCode.NOT_SUPPORTED),
        ("Heartbeat", "{}", {"offered": {"BootNotification"}}, ErrorCode.NOT_SUPPORTED),
        ("Heartbeat", "[]", {}, ErrorCode.FORMATION_VIOLATION),
        ("Heartbeat", '{"x":1}', {}, ErrorCode.FORMATION_VIOLATION),
        ("Authorize", "{}", {"salvage": salvage}, ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        ("Authorize", '{"idTag":7}', {}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("Authorize", '{"idTag":"123456789012345678901"}', {}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
    ],
)
def test_a_call_that_cannot_be_served_is_refused_at_once(
    action: str, payload: str, options: dict[str, Any], code: ErrorCode
) -> None:
    connection = csms(**options)
    connection.receive_message(f'[2,"19","{action}",{payload}]'.encode(), 0.0)
    [event] = connection.events()
    assert isinstance(event, CallRefused)
    assert (event.call_id, event.action_name, event.code) == ("19", action, code)
    assert frames(connection) == [[4, "19", code.value, event.description, {}]]
    assert connection.unanswered == 0


def test_what_the_other_side_may_send_depends_on_who_we_are() -> None:
    station = RpcConnection(Role.STATION, ACTIONS, new_call_id=numbered())
    for name, code in [("Heartbeat", "NotSupported"), ("ClearCache", None), ("DataTransfer", None)]:
        station.receive_message(
            json.dumps([2, name, name, {"vendorId": "v"} if name == "DataTransfer" else {}]).encode(), 0
        )
        assert [frame[2] for frame in frames(station)] == ([code] if code else [])
    assert station.unanswered == 2


def test_an_offered_action_is_served() -> None:
    connection = csms(offered=frozenset({"Heartbeat"}))
    connection.receive_message(b'[2,"19","Heartbeat",{}]', 0.0)
    assert isinstance(connection.events()[0], CallReceived)


@pytest.mark.parametrize(
    ("message", "call_id"),
    [
        (b'[2,"19","Heartbeat"]', "19"),
        (b'[2,"19","Heartbeat",{', "19"),
        (b'[2,"","Heartbeat",{}]', ""),
        (b'[2,"' + b"x" * 37 + b'","Heartbeat",{}]', "x" * 37),
        (b'[2,19,"Heartbeat",{}]', "19"),
    ],
)
def test_a_call_that_is_no_frame_is_a_formation_violation(message: bytes, call_id: str) -> None:
    connection = csms()
    connection.receive_message(message, 0.0)
    [event] = connection.events()
    assert isinstance(event, CallRefused)
    assert [frame[:3] for frame in frames(connection)] == [[4, call_id, "FormationViolation"]]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"hello", IgnoredReason.NOT_JSON),
        (b"{}", IgnoredReason.NOT_AN_ARRAY),
        (b'[5,"19","Heartbeat",{}]', IgnoredReason.UNKNOWN_MESSAGE_TYPE),
        (b'[2,null,"Heartbeat",{}]', IgnoredReason.UNREADABLE_ID),
        (b'[3,"19",{}]', IgnoredReason.UNKNOWN_ID),
        (b'[4,"19","GenericError","",{}]', IgnoredReason.UNKNOWN_ID),
        (b'[3,"19"', IgnoredReason.UNKNOWN_ID),
    ],
)
def test_what_answers_nobody_is_ignored_and_reported(message: bytes, reason: IgnoredReason) -> None:
    connection = csms()
    connection.receive_message(message, 0.0)
    [event] = connection.events()
    assert isinstance(event, MessageIgnored)
    assert event.reason is reason
    assert event.detail
    assert connection.messages_to_send() == []


def test_salvage_tells_what_it_overlooked() -> None:
    connection = csms(salvage=salvage)
    connection.receive_message(b'[2,"19","Heartbeat",{"x":1}]', 0.0)
    [event] = connection.events()
    assert isinstance(event, CallReceived)
    assert event.request == core.HeartbeatRequest()
    assert len(event.deviations) == 1


def test_salvage_saves_a_call_whose_payload_is_not_quite_json() -> None:
    message = b'[2,"19","Authorize",{"idTag":"0123\t"}]'
    strict = csms()
    strict.receive_message(message, 0.0)
    assert [frame[:3] for frame in frames(strict)] == [[4, "19", "FormationViolation"]]
    tolerant = csms(salvage=salvage)
    tolerant.receive_message(message, 0.0)
    [event] = tolerant.events()
    assert isinstance(event, CallReceived)
    assert event.request == core.AuthorizeRequest(id_tag="0123")
    assert event.deviations


def test_a_call_with_an_open_id_is_refused_after_the_first_is_answered() -> None:
    connection = csms()
    connection.receive_message(METER_VALUES % (b"19", 1), 0.0)
    connection.receive_message(METER_VALUES % (b"19", 2), 0.0)
    connection.receive_message(b'[2,"19","Heartbeat"', 0.0)
    connection.receive_message(METER_VALUES % (b"20", 3), 0.0)
    first, second, third, other = connection.events()
    assert isinstance(first, CallReceived)
    assert isinstance(second, CallRefused)
    assert isinstance(third, CallRefused)
    assert isinstance(other, CallReceived)
    assert (second.code, third.code) == (ErrorCode.PROTOCOL_ERROR, ErrorCode.FORMATION_VIOLATION)
    assert connection.unanswered == 4
    assert connection.messages_to_send() == []
    connection.answer("20", core.MeterValuesResponse())
    connection.answer("19", core.MeterValuesResponse())
    assert [frame[:3] for frame in frames(connection)] == [
        [3, "20", {}],
        [3, "19", {}],
        [4, "19", "ProtocolError"],
        [4, "19", "FormationViolation"],
    ]
    assert connection.unanswered == 0


def test_an_id_that_was_answered_may_come_again() -> None:
    connection = csms()
    for _ in range(2):
        connection.receive_message(METER_VALUES % (b"1", 1), 0.0)
        assert isinstance(connection.events()[0], CallReceived)
        connection.answer("1", core.MeterValuesResponse())
        assert frames(connection) == [[3, "1", {}]]


def test_calls_may_be_answered_in_any_order() -> None:
    connection = csms()
    for call_id in (b"1", b"2", b"3"):
        connection.receive_message(METER_VALUES % (call_id, 1), 0.0)
    connection.answer("3", core.MeterValuesResponse())
    connection.refuse("1", SecurityFault("not accepted"))
    connection.answer("2", core.MeterValuesResponse())
    assert frames(connection) == [[3, "3", {}], [4, "1", "SecurityError", "not accepted", {}], [3, "2", {}]]


def test_a_call_is_answered_only_once_and_only_if_it_came() -> None:
    connection = csms()
    with pytest.raises(LocalProtocolError, match="'19'"):
        connection.answer("19", core.MeterValuesResponse())
    with pytest.raises(LocalProtocolError, match="'19'"):
        connection.refuse("19", SecurityFault())
    connection.receive_message(METER_VALUES % (b"19", 1), 0.0)
    connection.refuse("19", SecurityFault())
    with pytest.raises(LocalProtocolError, match="'19'"):
        connection.answer("19", core.MeterValuesResponse())
    assert len(connection.messages_to_send()) == 1


def test_a_response_of_another_action_is_a_bug_and_leaves_the_call_open() -> None:
    connection = csms()
    connection.receive_message(METER_VALUES % (b"19", 1), 0.0)
    with pytest.raises(LocalProtocolError, match=r"StopTransactionResponse.*MeterValues"):
        connection.answer("19", core.StopTransactionResponse())
    assert connection.unanswered == 1
    assert connection.messages_to_send() == []


@pytest.mark.parametrize("data", ["\ud800", object()])
def test_a_response_that_cannot_be_encoded_becomes_one_internal_error(data: Any) -> None:
    connection = csms()
    connection.receive_message(b'[2,"19","DataTransfer",{"vendorId":"v"}]', 0.0)
    connection.events()
    connection.answer("19", core.DataTransferResponse(status=core.DataTransferStatus.ACCEPTED, data=data))
    [frame] = frames(connection)
    assert frame[:3] == [4, "19", "InternalError"]
    [event] = connection.events()
    assert isinstance(event, CallRefused)
    assert (event.action_name, event.code) == ("DataTransfer", ErrorCode.INTERNAL_ERROR)
    assert "DataTransferResponse cannot be encoded" in event.reason
    assert connection.unanswered == 0
    with pytest.raises(LocalProtocolError):
        connection.refuse("19", SecurityFault())


def test_payloads_outlive_a_buffer_that_is_used_again() -> None:
    connection = csms()
    buffer = bytearray(len(METER_VALUES % (b"1", 1)))
    sent = [METER_VALUES % (b"%d" % number, number) for number in (1, 2, 3)]
    received = []
    for message in sent:
        buffer[:] = message
        connection.receive_message(memoryview(buffer), 0.0)  # type: ignore[arg-type]  # what no transport should do
        received += connection.events()
    assert [event.raw for event in received if isinstance(event, CallReceived)] == sent
    assert [event.request.connector_id for event in received if isinstance(event, CallReceived)] == [1, 2, 3]


# Our own CALLs.


def calling() -> tuple[RpcConnection, str]:
    connection = csms()
    call_id = connection.call(REMOTE_STOP, 100.0, 30.0)
    assert frames(connection) == [[2, call_id, "RemoteStopTransaction", {"transactionId": 7}]]
    return connection, call_id


def test_a_result_ends_the_call() -> None:
    connection, call_id = calling()
    assert connection.is_calling
    assert connection.next_deadline == 130.0
    connection.receive_message(f'[3,"{call_id}",{{"status":"Accepted"}}]'.encode(), 101.5)
    assert connection.events() == [ResultReceived(call_id, ACTIONS["RemoteStopTransaction"], STOPPED, (), 1.5)]
    assert not connection.is_calling
    assert connection.next_deadline is None
    assert connection.call(REMOTE_STOP, 102.0, 30.0) != call_id


@pytest.mark.parametrize("message", ['[4,"1","NotSupported","no",{"a":1}]', '[4,"1","NotSupported","no"]'])
def test_an_error_ends_the_call(message: str) -> None:
    connection, call_id = calling()
    connection.receive_message(message.encode(), 101.0)
    [event] = connection.events()
    assert isinstance(event, ErrorReceived)
    assert (event.call_id, event.action.name) == (call_id, "RemoteStopTransaction")
    assert (event.error.code, event.error.description) == (ErrorCode.NOT_SUPPORTED, "no")
    assert not connection.is_calling


@pytest.mark.parametrize(
    "message",
    [
        '[3,"1",{}]',
        '[3,"1",null]',
        '[3,"1",["Accepted"]]',
        '[3,"1",{"status":"Perhaps"}]',
        '[3,"1"]',
        '[3,"1",{"status":"Accepted"},0]',
        '[3,"1",{"status":"Acc',
        '[4,"1"]',
        '[4,"1",7,"",{}]',
    ],
)
def test_an_answer_that_cannot_be_read_ends_the_call_without_a_word_to_the_peer(message: str) -> None:
    connection, call_id = calling()
    connection.receive_message(message.encode(), 101.0)
    [event] = connection.events()
    assert isinstance(event, AnswerMalformed)
    assert (event.call_id, event.action.name) == (call_id, "RemoteStopTransaction")
    assert event.reason
    assert not connection.is_calling
    assert connection.messages_to_send() == []


def test_a_null_payload_is_an_empty_result() -> None:
    station = RpcConnection(Role.STATION, ACTIONS, new_call_id=numbered())
    station.call(core.MeterValuesRequest(connector_id=1, meter_value=[]), 0.0, 30.0)
    station.receive_message(b'[3,"1",null]', 1.0)
    assert station.events() == [ResultReceived("1", ACTIONS["MeterValues"], core.MeterValuesResponse(), (), 1.0)]


def test_a_result_may_be_salvaged() -> None:
    connection = csms(salvage=salvage)
    connection.call(REMOTE_STOP, 0.0, 30.0)
    connection.receive_message(b'[3,"1",{"status":"Accepted","x":1}]', 1.0)
    [event] = connection.events()
    assert isinstance(event, ResultReceived)
    assert event.response == STOPPED
    assert len(event.deviations) == 1


def test_a_call_times_out_at_its_deadline_and_a_late_answer_is_dropped() -> None:
    connection, call_id = calling()
    connection.tick(129.9)
    assert connection.events() == []
    connection.tick(130.0)
    connection.tick(131.0)
    assert connection.events() == [CallTimedOut(call_id, ACTIONS["RemoteStopTransaction"])]
    second = connection.call(REMOTE_STOP, 131.0, 30.0)
    connection.receive_message(f'[3,"{call_id}",{{"status":"Accepted"}}]'.encode(), 132.0)
    [event] = connection.events()
    assert isinstance(event, MessageIgnored)
    assert event.reason is IgnoredReason.LATE_ANSWER
    connection.receive_message(f'[3,"{second}",{{"status":"Accepted"}}]'.encode(), 133.0)
    assert isinstance(connection.events()[0], ResultReceived)


def test_an_answer_after_the_deadline_but_before_the_tick_counts() -> None:
    connection, call_id = calling()
    connection.receive_message(f'[3,"{call_id}",{{"status":"Accepted"}}]'.encode(), 140.0)
    connection.tick(140.0)
    assert [type(event) for event in connection.events()] == [ResultReceived]


def test_a_second_answer_is_dropped() -> None:
    connection, call_id = calling()
    for _ in range(2):
        connection.receive_message(f'[3,"{call_id}",{{"status":"Accepted"}}]'.encode(), 101.0)
    _, event = connection.events()
    assert isinstance(event, MessageIgnored)
    assert event.reason is IgnoredReason.UNKNOWN_ID


def test_only_one_call_may_be_outstanding() -> None:
    connection, call_id = calling()
    with pytest.raises(LocalProtocolError, match="waiting"):
        connection.call(REMOTE_STOP, 101.0, 30.0)
    assert connection.messages_to_send() == []
    connection.receive_message(f'[3,"{call_id}",{{"status":"Accepted"}}]'.encode(), 101.0)
    assert isinstance(connection.events()[0], ResultReceived)


def test_while_calling_we_still_answer() -> None:
    connection, _ = calling()
    connection.receive_message(METER_VALUES % (b"1", 1), 101.0)
    connection.answer("1", core.MeterValuesResponse())
    assert frames(connection) == [[3, "1", {}]]
    assert connection.is_calling


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (core.HeartbeatRequest(), "Heartbeat may not be sent by the csms"),
        (core.HeartbeatResponse(current_time=None), "HeartbeatResponse is not the request"),  # type: ignore[arg-type]
        (core.DataTransferRequest(vendor_id="\ud800"), "DataTransfer cannot be encoded"),
    ],
)
def test_a_call_that_cannot_be_made_changes_nothing(request_: Message, sentence: str) -> None:
    connection = csms()
    with pytest.raises(LocalProtocolError, match=sentence):
        connection.call(request_, 0.0, 30.0)
    assert (connection.is_calling, connection.messages_to_send(), connection.events()) == (False, [], [])


def test_an_action_outside_the_table_cannot_be_called() -> None:
    only_core = {"Reset": ACTIONS["Reset"]}
    connection = RpcConnection(Role.CSMS, only_core, new_call_id=numbered())
    with pytest.raises(LocalProtocolError, match="GetDiagnosticsRequest"):
        connection.call(firmware_management.GetDiagnosticsRequest(location="ftp://127.0.0.1/"), 0.0, 30.0)
    connection.receive_message(b'[2,"19","Heartbeat",{}]', 0.0)
    assert frames(connection)[0][2] == "NotImplemented"


@pytest.mark.parametrize("call_id", ["", "x" * 37])
def test_ids_of_our_own_are_held_to_the_specification_too(call_id: str) -> None:
    connection = RpcConnection(Role.CSMS, ACTIONS, new_call_id=lambda: call_id)
    with pytest.raises(LocalProtocolError, match="36 characters"):
        connection.call(REMOTE_STOP, 0.0, 30.0)
    assert not connection.is_calling


# The end.


def test_a_lost_connection_ends_everything() -> None:
    connection, call_id = calling()
    connection.receive_message(METER_VALUES % (b"19", 1), 101.0)
    connection.receive_message(METER_VALUES % (b"19", 1), 101.0)
    connection.receive_message(b'[2,"20","Heartbeats",{}]', 101.0)
    connection.events()
    connection.connection_lost()
    assert connection.events() == [CallLost(call_id, ACTIONS["RemoteStopTransaction"])]
    connection.connection_lost()
    assert connection.events() == []
    assert connection.messages_to_send() == []
    assert (connection.unanswered, connection.is_calling, connection.next_deadline) == (0, False, None)
    with pytest.raises(LocalProtocolError):
        connection.answer("19", core.MeterValuesResponse())
    with pytest.raises(LocalProtocolError, match="closed"):
        connection.call(REMOTE_STOP, 102.0, 30.0)
    connection.receive_message(METER_VALUES % (b"21", 1), 103.0)
    [event] = connection.events()
    assert isinstance(event, MessageIgnored)
    assert event.reason is IgnoredReason.CONNECTION_LOST
    assert connection.unanswered == 0


def test_reading_is_apart_from_taking() -> None:
    """What was read elsewhere, at any time, counts as it is when it is taken, in the order of taking."""
    connection = csms()
    with ThreadPoolExecutor(1) as executor:
        first, second = executor.map(connection.read, (METER_VALUES % (b"19", 1), METER_VALUES % (b"19", 2)))
        third = executor.submit(connection.read, b'[2,"20","Nonsense",{}]').result()
    assert connection.events() == []
    assert connection.unanswered == 0
    connection.take(second, 0.0)
    connection.take(first, 0.0)
    connection.take(third, 0.0)
    taken, refused, unknown = connection.events()
    assert isinstance(taken, CallReceived)
    assert b"2" in taken.raw
    assert isinstance(refused, CallRefused)
    assert isinstance(unknown, CallRefused)
    assert (refused.code, unknown.code) == (ErrorCode.PROTOCOL_ERROR, ErrorCode.NOT_IMPLEMENTED)


def test_what_was_read_before_the_connection_was_lost_is_ignored_after() -> None:
    connection = csms()
    reading = connection.read(METER_VALUES % (b"19", 1))
    connection.connection_lost()
    connection.take(reading, 0.0)
    [event] = connection.events()
    assert isinstance(event, MessageIgnored)
    assert connection.unanswered == 0


# Two connections over a line that delays, cuts, and comes back.

OUTCOMES = (ResultReceived, ErrorReceived, AnswerMalformed, CallTimedOut, CallLost)


class Side:
    """One side of the line: what it called, how each call ended, what it has still to answer."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.new_call_id = numbered(role.value)
        self.made: list[str] = []
        self.ended: Counter[str] = Counter()
        self.received: list[str] = []
        self.to_answer: deque[str] = deque()
        self.inbound: deque[bytes] = deque()
        self.open_anew()

    def open_anew(self) -> None:
        self.rpc = RpcConnection(self.role, ACTIONS, new_call_id=self.new_call_id)
        self.to_answer.clear()
        self.inbound.clear()
        self.answered: Counter[str] = Counter()

    def take_events(self) -> None:
        for event in self.rpc.events():
            if isinstance(event, OUTCOMES):
                self.ended[event.call_id] += 1
            elif isinstance(event, CallReceived):
                self.received.append(event.call_id)
                self.to_answer.append(event.call_id)
            else:
                assert isinstance(event, MessageIgnored), event
                assert event.reason in (IgnoredReason.LATE_ANSWER, IgnoredReason.UNKNOWN_ID)


class BadLine(RuleBasedStateMachine):
    """Both sides send DataTransfer, which is the one action that goes both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.station, self.csms = Side(Role.STATION), Side(Role.CSMS)
        self.sides = {True: (self.station, self.csms), False: (self.csms, self.station)}

    def flush(self) -> None:
        for sender, receiver in self.sides.values():
            for message in sender.rpc.messages_to_send():
                number, call_id = json.loads(message)[:2]
                if number != 2:
                    sender.answered[call_id] += 1
                receiver.inbound.append(message)

    @rule(by_station=st.booleans(), timeout_seconds=st.sampled_from([1.0, 5.0, 60.0]))
    def call(self, by_station: bool, timeout_seconds: float) -> None:
        side, _ = self.sides[by_station]
        request = core.DataTransferRequest(vendor_id="chargewright")
        if side.rpc.is_calling:
            with pytest.raises(LocalProtocolError):
                side.rpc.call(request, self.now, timeout_seconds)
        else:
            side.made.append(side.rpc.call(request, self.now, timeout_seconds))
        self.flush()

    @rule(to_station=st.booleans(), is_garbled=st.sampled_from([False, False, False, True]))
    def deliver(self, to_station: bool, is_garbled: bool) -> None:
        side, _ = self.sides[to_station]
        if side.inbound:
            message = side.inbound.popleft()
            # Only answers are garbled, so that each CALL received is one that was made.
            if is_garbled and not message.startswith(b"[2"):
                message = message[:-1]
            side.rpc.receive_message(message, self.now)
            side.take_events()
        self.flush()

    @rule(by_station=st.booleans(), refuses=st.booleans(), from_end=st.booleans())
    def answer(self, by_station: bool, refuses: bool, from_end: bool) -> None:
        side, _ = self.sides[by_station]
        if side.to_answer:
            call_id = side.to_answer.pop() if from_end else side.to_answer.popleft()
            if refuses:
                side.rpc.refuse(call_id, SecurityFault("no"))
            else:
                side.rpc.answer(call_id, core.DataTransferResponse(status=core.DataTransferStatus.ACCEPTED))
            with pytest.raises(LocalProtocolError):
                side.rpc.refuse(call_id, SecurityFault("again"))
        self.flush()

    @rule(seconds=st.sampled_from([0.5, 2.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for side, _ in self.sides.values():
            side.rpc.tick(self.now)
            side.take_events()
            assert side.rpc.next_deadline is None or side.rpc.next_deadline > self.now

    @precondition(lambda self: self.station.made or self.csms.made)
    @rule()
    def cut_and_reconnect(self) -> None:
        for side, _ in self.sides.values():
            side.rpc.connection_lost()
            side.take_events()
            assert not side.rpc.is_calling
            side.open_anew()

    @invariant()
    def each_call_ends_once_and_only_the_last_is_outstanding(self) -> None:
        for side, _ in self.sides.values():
            *before, last = side.made or [None]
            assert all(side.ended[call_id] == 1 for call_id in before)
            if last is not None:
                assert side.ended[last] == (0 if side.rpc.is_calling else 1)
            assert set(side.ended) <= set(side.made)

    @invariant()
    def ids_are_unique_and_nothing_is_received_or_answered_twice(self) -> None:
        for side, peer in self.sides.values():
            assert len(set(side.made)) == len(side.made)
            assert len(set(side.received)) == len(side.received)
            assert set(side.received) <= set(peer.made)
            assert all(count == 1 for count in side.answered.values())
            assert set(side.answered) <= set(side.received)
            assert side.rpc.unanswered == len(side.to_answer)

    def teardown(self) -> None:
        for side, _ in self.sides.values():
            side.rpc.connection_lost()
            side.take_events()
            assert side.ended == Counter(side.made)


TestBadLine = BadLine.TestCase
TestBadLine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# Bytes that nobody meant.

ELEMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["1", "Heartbeat"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NEAR_FRAMES = st.builds(
    lambda head, rest: json.dumps([*head, *rest]).encode(),
    st.tuples(st.sampled_from([2, 3, 4, 2.0, 5]), st.sampled_from(["1", "2", "", "x" * 37]) | ELEMENTS),
    st.lists(ELEMENTS | st.sampled_from([*ACTIONS, {}, {"vendorId": "v"}, {"status": "Accepted"}]), max_size=4),
)
WELL_FORMED = st.sampled_from(
    [
        b'[2,"1","Heartbeat",{}]',
        b'[2,"2","DataTransfer",{"vendorId":"v","data":"\\u20ac"}]',
        b'[2,"3","Authorize",{"idTag":"\xc3\xa9"}]',
        b'[3,"1",{"status":"Accepted"}]',
        b'[4,"1","GenericError","no",{}]',
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A frame with a piece cut out or overwritten."""
    message = draw(WELL_FORMED | NEAR_FRAMES)
    begin = draw(st.integers(0, len(message)))
    end = draw(st.integers(begin, min(len(message), begin + 4)))
    return message[:begin] + draw(st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"]", b","])) + message[end:]


def legal_call_id(message: bytes) -> str | None:
    """The id that an answer must have, judged by another JSON parser."""
    try:
        frame = json.loads(message.decode())
    except (ValueError, RecursionError):
        return None
    if isinstance(frame, list) and len(frame) == 4 and frame[0] == 2 and not isinstance(frame[0], bool):
        call_id = frame[1]
        if isinstance(call_id, str) and 1 <= len(call_id) <= 36 and call_id.isprintable():
            return call_id
    return None


@settings(max_examples=2000, deadline=None)
@example([b'[2.0," ",{"":"\\ud800"},null]'], False)
@given(st.lists(st.binary(max_size=60) | NEAR_FRAMES | mutated() | WELL_FORMED, min_size=1, max_size=4), st.booleans())
def test_whatever_comes_each_legal_call_gets_exactly_one_answer(messages: list[bytes], is_tolerant: bool) -> None:
    connection = csms(salvage=salvage if is_tolerant else None)
    connection.call(REMOTE_STOP, 0.0, 30.0)
    connection.messages_to_send()
    expected: Counter[str] = Counter()
    for message in messages:
        connection.receive_message(message, 1.0)
        call_id = legal_call_id(message)
        if call_id is not None:
            expected[call_id] += 1
    events = connection.events()
    for event in events:
        if isinstance(event, CallReceived):
            connection.refuse(event.call_id, SecurityFault("no"))
    answers = Counter(frame[1] for frame in frames(connection))
    assert connection.unanswered == 0
    assert sum(answers.values()) == sum(isinstance(event, CallReceived | CallRefused) for event in events)
    for call_id, count in expected.items():
        assert answers[call_id] >= count
    assert sum(answers.values()) <= len(messages)
    assert sum(isinstance(event, OUTCOMES) for event in events) == (0 if connection.is_calling else 1)
    assert len(events) == len(messages)
