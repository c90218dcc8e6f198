"""DataTransfer from stations (§4.3), and the hook for operators' own vendor extensions.

A vendor extension is a function `(station identity, messageId or None, data or None) -> Reply`, registered under its
vendorId: as an argument of `Csms`, or by a distribution's entry point in the group `chargewright.data_transfer` whose
name is the vendorId. It runs inside the event loop and must not block: what takes longer than a few milliseconds it
hands on to a task or a thread of its own, and answers at once.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.ports import CallContext
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import DataTransferRecord
from chargewright.protocol.v16.base import UNSET, UnsetType
from chargewright.protocol.v16.core import DataTransferRequest, DataTransferResponse, DataTransferStatus

__all__ = ["ENTRY_POINTS", "DataTransferService", "Reply", "VendorExtension", "find_extensions"]

# The group of entry points in which distributions offer extensions.
ENTRY_POINTS: Final = "chargewright.data_transfer"
# An extension that needs longer keeps every station waiting; said in the log.
SLOW_SECONDS: Final = 0.05

_log = structlog.get_logger(__name__)


class Reply(msgspec.Struct, frozen=True):
    """What a vendor extension answers."""

    status: DataTransferStatus
    data: str | None = None


VendorExtension = Callable[[str, str | None, str | None], Reply]


def find_extensions(offered: Iterable[EntryPoint] | None = None) -> dict[str, VendorExtension]:
    """The extensions that installed distributions offer, by vendorId. One that cannot be loaded is logged and left
    out; of two for one vendor the first counts, by the names of their distributions."""
    found: dict[str, VendorExtension] = {}
    points = entry_points(group=ENTRY_POINTS) if offered is None else offered
    for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
        vendor_id = point.name.casefold()
        if vendor_id in found:
            _log.error("a vendor has two extensions, the second is left out", vendor=point.name, taken=point.value)
            continue
        try:
            extension = point.load()
        except Exception:
            _log.exception("an extension for a vendor cannot be loaded", vendor=point.name, value=point.value)
            continue
        if not callable(extension):
            _log.error("an extension for a vendor is no function", vendor=point.name, value=point.value)
            continue
        found[vendor_id] = extension
    return found


class DataTransferService(Service):
    """Stores every DataTransfer and lets the vendor's extension answer; without one, UnknownVendorId."""

    def __init__(self, vendors: Mapping[str, VendorExtension], clock: Clock) -> None:
        self._vendors = {vendor_id.casefold(): extension for vendor_id, extension in vendors.items()}
        self._clock = clock

    def vendors(self) -> list[str]:
        """The vendorIds that have an extension, casefolded."""
        return sorted(self._vendors)

    def receive(self, call: CallContext, request: DataTransferRequest) -> DataTransferResponse:
        """The answer; the record of it goes into the CALL's unit."""
        message_id = None if isinstance(request.message_id, UnsetType) else request.message_id
        data = None if isinstance(request.data, UnsetType) else request.data
        extension = self._vendors.get(request.vendor_id.casefold())  # a CiString: case does not count (§6.15)
        named = {"vendorId": request.vendor_id, **({} if message_id is None else {"messageId": message_id})}
        if extension is None:
            reply = Reply(DataTransferStatus.UNKNOWN_VENDOR_ID)
        else:
            try:
                reply = self._ask(extension, call, request.vendor_id, message_id, data)
            except Exception as error:
                _log.exception(
                    "the extension for a vendor failed",
                    station=call.station.identity,
                    vendor=request.vendor_id,
                    message=message_id,
                )
                reply = Reply(DataTransferStatus.REJECTED)
                # Only its kind: its text may repeat what the station sent.
                call.add(make_event("data_transfer.failed", {**named, "error": type(error).__name__}))
        call.add(
            DataTransferRecord(vendor_id=request.vendor_id, message_id=message_id, data=data, status=reply.status.value)
        )
        call.add(make_event("data_transfer.received", {**named, "status": reply.status.value}))
        return DataTransferResponse(status=reply.status, data=UNSET if reply.data is None else reply.data)

    def _ask(
        self, extension: VendorExtension, call: CallContext, vendor_id: str, message_id: str | None, data: str | None
    ) -> Reply:
        """What the extension says; raises whatever it raises, and `TypeError` for what is no `Reply`."""
        began = self._clock.monotonic()
        reply: object = extension(call.station.identity, message_id, data)
        seconds = self._clock.monotonic() - began
        if seconds > SLOW_SECONDS:
            _log.warning("the extension for a vendor holds everybody up", vendor=vendor_id, seconds=round(seconds, 3))
        if not isinstance(reply, Reply):
            raise TypeError(f"the extension for {vendor_id!r} returned {type(reply).__name__}, not a Reply")
        # What it puts in is not checked when it makes one.
        return Reply(DataTransferStatus(reply.status), msgspec.convert(reply.data, str | None))
