"""DataTransfer and the hook for vendors."""

from typing import Any

import msgspec
import pytest
from tests.csms.services.call import NOW, make_call

from chargewright.clock import ManualClock
from chargewright.csms.services.data_transfer import DataTransferService, Reply
from chargewright.csms.storage.base import DataTransferRecord
from chargewright.protocol.v16.core import DataTransferRequest, DataTransferStatus


def extension(station: str, message_id: str | None, data: str | None) -> Reply:
    if message_id != "echo":
        return Reply(DataTransferStatus.UNKNOWN_MESSAGE_ID)
    return Reply(DataTransferStatus.ACCEPTED, f"{station}:{data}")


@pytest.mark.parametrize(
    ("request_fields", "answer"),
    [
        ({"vendorId": "nobody"}, {"status": "UnknownVendorId"}),
        ({"vendorId": "com.example", "messageId": "else"}, {"status": "UnknownMessageId"}),
        ({"vendorId": "COM.Example", "messageId": "echo", "data": "x"}, {"status": "Accepted", "data": "A1:x"}),
    ],
)
def test_the_vendors_extension_answers(request_fields: dict[str, Any], answer: dict[str, Any]) -> None:
    call = make_call("DataTransfer")
    service = DataTransferService({"com.example": extension}, ManualClock(NOW))
    response = service.receive(call, msgspec.convert(request_fields, DataTransferRequest))
    assert msgspec.to_builtins(response) == answer
    (record,) = (record for record in call.unit.records if isinstance(record, DataTransferRecord))
    assert (record.vendor_id, record.status) == (request_fields["vendorId"], answer["status"])
