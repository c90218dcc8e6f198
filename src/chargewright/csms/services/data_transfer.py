"""DataTransfer from stations (§4.3), and the hook for operators' own vendor extensions.

A vendor extension is a function `(station identity, messageId or None, data or None) -> Reply`, registered under its
vendorId: as an argument of `Csms`, or by a distribution's entry point in the group `chargewright.data_transfer` whose
name is the vendorId. It runs inside the event loop and must not block.
"""

from collections.abc import Callable, Mapping

import msgspec

from chargewright.csms.ports import CallContext
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import DataTransferRecord
from chargewright.protocol.v16.base import UNSET, UnsetType
from chargewright.protocol.v16.core import DataTransferRequest, DataTransferResponse, DataTransferStatus

__all__ = ["DataTransferService", "Reply", "VendorExtension"]


class Reply(msgspec.Struct, frozen=True):
    """What a vendor extension answers."""

    status: DataTransferStatus
    data: str | None = None


VendorExtension = Callable[[str, str | None, str | None], Reply]


class DataTransferService(Service):
    """Stores every DataTransfer and lets the vendor's extension answer; without one, UnknownVendorId."""

    def __init__(self, vendors: Mapping[str, VendorExtension]) -> None:
        self._vendors = {vendor_id.casefold(): extension for vendor_id, extension in vendors.items()}

    def receive(self, call: CallContext, request: DataTransferRequest) -> DataTransferResponse:
        """The answer; the record of it goes into the CALL's unit."""
        message_id = None if isinstance(request.message_id, UnsetType) else request.message_id
        data = None if isinstance(request.data, UnsetType) else request.data
        extension = self._vendors.get(request.vendor_id.casefold())  # a CiString: case does not count (§6.15)
        if extension is None:
            reply = Reply(DataTransferStatus.UNKNOWN_VENDOR_ID)
        else:
            reply = extension(call.station.identity, message_id, data)
        call.add(
            DataTransferRecord(vendor_id=request.vendor_id, message_id=message_id, data=data, status=reply.status.value)
        )
        return DataTransferResponse(status=reply.status, data=UNSET if reply.data is None else reply.data)
