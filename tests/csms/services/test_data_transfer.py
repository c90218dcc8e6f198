"""DataTransfer and the hook for vendors: plug-ins that answer, fail, lie, and are found by entry points."""

from importlib.metadata import EntryPoint
from typing import Any

import msgspec
import pytest
import structlog
from tests.csms.bench import Workbench
from tests.csms.services.call import NOW, make_call

from chargewright.clock import ManualClock
from chargewright.csms.services.data_transfer import (
    ENTRY_POINTS,
    DataTransferService,
    Reply,
    VendorExtension,
    find_extensions,
)
from chargewright.csms.storage.base import DataTransferRecord, EventRecord
from chargewright.protocol.v16.core import DataTransferRequest, DataTransferStatus


def extension(station: str, message_id: str | None, data: str | None) -> Reply:
    if message_id != "echo":
        return Reply(DataTransferStatus.UNKNOWN_MESSAGE_ID)
    return Reply(DataTransferStatus.ACCEPTED, f"{station}:{data}")


def second(station: str, message_id: str | None, data: str | None) -> Reply:
    return Reply(DataTransferStatus.REJECTED)


def failing(station: str, message_id: str | None, data: str | None) -> Reply:
    raise RuntimeError(f"cannot bear {data}")


def service(*vendors: tuple[str, Any], clock: ManualClock | None = None) -> DataTransferService:
    return DataTransferService(dict(vendors), clock or ManualClock(NOW))


def receive(made: DataTransferService, **fields: Any) -> tuple[Any, DataTransferRecord, list[EventRecord]]:
    """The answer, the record of it, and the events."""
    call = make_call("DataTransfer")
    response = made.receive(call, msgspec.convert(fields, DataTransferRequest))
    (record,) = (record for record in call.unit.records if isinstance(record, DataTransferRecord))
    events = [record for record in call.unit.records if isinstance(record, EventRecord)]
    return msgspec.to_builtins(response), record, events


@pytest.mark.parametrize(
    ("request_fields", "answer"),
    [
        ({"vendorId": "nobody"}, {"status": "UnknownVendorId"}),
        ({"vendorId": "com.example", "messageId": "else"}, {"status": "UnknownMessageId"}),
        ({"vendorId": "COM.Example", "messageId": "echo", "data": "x"}, {"status": "Accepted", "data": "A1:x"}),
    ],
)
def test_the_vendors_extension_answers(request_fields: dict[str, Any], answer: dict[str, Any]) -> None:
    response, record, (event,) = receive(service(("com.example", extension)), **request_fields)
    assert response == answer
    assert (record.vendor_id, record.status) == (request_fields["vendorId"], answer["status"])
    named = {name: value for name, value in request_fields.items() if name != "data"}
    assert (event.kind, event.body) == ("data_transfer.received", named | {"status": answer["status"]})


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (failing, "RuntimeError"),
        (lambda *_: "Accepted", "TypeError"),
        (lambda *_: None, "TypeError"),
        (lambda: None, "TypeError"),
        (lambda *_: Reply("Perhaps"), "ValueError"),  # type: ignore[arg-type]
        (lambda *_: Reply(DataTransferStatus.ACCEPTED, b"bytes"), "ValidationError"),  # type: ignore[arg-type]
    ],
)
def test_an_extension_that_fails_is_answered_for_and_told(broken: VendorExtension, error: str) -> None:
    with structlog.testing.capture_logs() as log:
        response, record, (failed, received) = receive(service(("v", broken)), vendorId="v", data="secret")
    assert response == {"status": "Rejected"}
    assert (record.data, record.status) == ("secret", "Rejected")
    assert (failed.kind, failed.body) == ("data_transfer.failed", {"vendorId": "v", "error": error})
    assert received.body["status"] == "Rejected"
    (entry,) = log
    assert (entry["log_level"], entry["station"], entry["vendor"]) == ("error", "A1", "v")


def test_an_extension_that_holds_everybody_up_is_named() -> None:
    clock = ManualClock(NOW)

    def slow(station: str, message_id: str | None, data: str | None) -> Reply:
        clock.advance(0.2)
        return Reply(DataTransferStatus.ACCEPTED)

    with structlog.testing.capture_logs() as log:
        assert receive(service(("v", slow), clock=clock), vendorId="v")[0] == {"status": "Accepted"}
    assert [(entry["vendor"], entry["seconds"]) for entry in log] == [("v", 0.2)]


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINTS)


def test_extensions_are_found_and_what_cannot_be_loaded_is_left_out() -> None:
    here = __name__
    offered = [
        point("Com.One", f"{here}:extension"),
        point("com.gone", "no_such_module_anywhere:extension"),
        point("com.missing", f"{here}:nothing_of_that_name"),
        point("com.constant", f"{here}:NOW"),
        point("com.one", f"{here}:second"),
    ]
    with structlog.testing.capture_logs() as log:
        found = find_extensions(offered)
    assert list(found) == ["com.one"]
    assert found["com.one"]("A", "echo", "x").data == "A:x", "of two, the first by name"
    assert sorted(entry["vendor"] for entry in log) == ["com.constant", "com.gone", "com.missing", "com.one"]


def test_nothing_is_installed_here() -> None:
    assert find_extensions() == {}


async def test_a_failing_extension_ends_nothing(start_bench: Any) -> None:
    bench: Workbench = await start_bench(csms={"vendors": {"v": failing, "w": extension}})
    connection = await bench.connect()
    for _ in range(2):
        answer = await bench.exchange(connection, "DataTransfer", {"vendorId": "v", "data": "x"})
        assert answer[2] == {"status": "Rejected"}
    answer = await bench.exchange(connection, "DataTransfer", {"vendorId": "w", "messageId": "echo", "data": "x"})
    assert answer[2] == {"status": "Accepted", "data": "A1:x"}
    assert await bench.rows("SELECT status FROM data_transfer ORDER BY id") == [
        ("Rejected",),
        ("Rejected",),
        ("Accepted",),
    ]
