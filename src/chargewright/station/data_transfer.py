"""DataTransfer: this station has agreed on nothing with anybody, and says so (§5.6)."""

from chargewright.protocol.v16.core import DataTransferRequest, DataTransferResponse, DataTransferStatus
from chargewright.station.context import Answer

__all__ = ["data_transfer"]


def data_transfer(request: DataTransferRequest) -> Answer:
    """No vendor is known: UnknownVendorId, whatever the data."""
    return Answer(DataTransferResponse(status=DataTransferStatus.UNKNOWN_VENDOR_ID))
