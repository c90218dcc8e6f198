"""The security extension as stations see it."""

from typing import Any

import pytest
from tests.csms.bench import Workbench

EVENT = {"type": "SettingSystemTime", "timestamp": "2026-03-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("action", "payload", "answer", "rows"),
    [
        (
            "LogStatusNotification",
            {"status": "PermissionDenied", "requestId": 4},
            {},
            ("SELECT status, request_id FROM diagnostics_status", [("PermissionDenied", 4)]),
        ),
        (
            "LogStatusNotification",
            {"status": "UploadFailed", "requestId": 4},
            {},
            ("SELECT status, request_id FROM diagnostics_status", [("UploadFailure", 4)]),
        ),
        (
            "LogStatusNotification",
            {"status": "Idle"},
            {},
            ("SELECT status, request_id FROM diagnostics_status", [("Idle", None)]),
        ),
        (
            "SignedFirmwareStatusNotification",
            {"status": "InvalidSignature", "requestId": -9},
            {},
            ("SELECT status, request_id, signed FROM firmware_status", [("InvalidSignature", -9, 1)]),
        ),
        (
            "SignedFirmwareStatusNotification",
            {"status": "Idle"},
            {},
            ("SELECT status, request_id, signed FROM firmware_status", [("Idle", None, 1)]),
        ),
        (
            "SecurityEventNotification",
            EVENT,
            {},
            ("SELECT type, critical, tech_info FROM security_event", [("SettingSystemTime", 1, None)]),
        ),
        (
            "SecurityEventNotification",
            EVENT | {"type": "x" * 50, "techInfo": "y" * 255},
            {},
            ("SELECT type, critical, tech_info FROM security_event", [("x" * 50, 0, "y" * 255)]),
        ),
        (
            "SignCertificate",
            {"csr": "-----BEGIN CERTIFICATE REQUEST-----"},
            {"status": "Rejected"},
            (
                "SELECT csr, status FROM certificate_request",
                [("-----BEGIN CERTIFICATE REQUEST-----", "Rejected")],
            ),
        ),
    ],
)
async def test_each_message_with_its_answer_and_what_it_leaves(
    action: str, payload: Any, answer: Any, rows: tuple[str, Any], bench: Workbench
) -> None:
    connection = await bench.connect()
    call_id = connection.call(action, payload)
    assert [message for message in connection.sent if message[1] == call_id] == [], "not durable yet"
    await bench.settle()
    assert connection.answer_to(call_id) == [3, call_id, answer]
    statement, expected = rows
    assert await bench.rows(statement) == expected
    # The event stands in the same unit: connecting is the one, this the other.
    assert len(await bench.event_kinds()) == 2


async def test_an_event_whose_time_cannot_be_read_is_kept_all_the_same(bench: Workbench) -> None:
    connection = await bench.connect()
    answer = await bench.exchange(connection, "SecurityEventNotification", EVENT | {"timestamp": "yesterday"})
    assert answer[0] == 3, answer
    assert await bench.rows("SELECT station_time, instant = received_at FROM security_event") == [("yesterday", 1)]


async def test_a_request_without_content_is_refused(bench: Workbench) -> None:
    connection = await bench.connect()
    assert (await bench.exchange(connection, "SignCertificate", {}))[0] == 4
    assert await bench.rows("SELECT * FROM certificate_request") == []
