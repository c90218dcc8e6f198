"""Reading what the CSMS sends: answers as well as they can be read, orders exactly."""

from typing import Final

import msgspec

from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Integer, Message
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode
from chargewright.protocol.v16.core import StartTransactionResponse, StopTransactionResponse
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.protocol.v16.deviations import Deviation, DeviationKind
from chargewright.protocol.v16.salvage import Salvaged, salvage
from chargewright.station.context import UnjudgedStart

__all__ = ["read_tolerantly"]

_SAMPLE_LENGTH: Final = 200


def read_tolerantly(kind: type[Message], payload: bytes | msgspec.Raw) -> Salvaged:
    """Read an answer with harmless deviations, but a CALL as the schema says.

    A CSMS that adds a field to an answer must not keep a station from booting; what it orders must be exact. An answer
    to StartTransaction or StopTransaction says that the message has arrived, whatever stands in its IdTagInfo: asked
    again, a CSMS might make a second bill of it. Of an IdTagInfo that cannot be read its status is kept, if that can
    be; if not, a stop is answered without, and a start with `UnjudgedStart`.
    """
    if kind in ACTION_OF_REQUEST:
        return Salvaged(decode(kind, payload), ())
    try:
        return salvage(kind, payload)
    except DECODE_FAILURES:
        if kind not in (StartTransactionResponse, StopTransactionResponse):
            raise
        rest = _without_id_tag_info(kind, bytes(payload))
        if rest is None:
            raise
        return rest


class _TransactionIdOnly(Message):
    transaction_id: Integer


def _without_id_tag_info(kind: type[Message], payload: bytes) -> Salvaged | None:
    try:
        whole = msgspec.json.decode(payload, type=dict[str, object])
        info = whole.pop("idTagInfo", None)
        sample = msgspec.json.encode(info).decode()[:_SAMPLE_LENGTH]
    except DECODE_FAILURES:
        return None
    lost = Deviation(DeviationKind.UNREADABLE_FIELD.value, "idTagInfo", sample)
    if isinstance(info, dict) and "status" in info:
        read = _salvaged_or_none(kind, {**whole, "idTagInfo": {"status": info["status"]}})
        if read is not None:
            return Salvaged(read.message, (*read.deviations, lost))
    if kind is StopTransactionResponse:
        return Salvaged(StopTransactionResponse(), (lost,))
    read = _salvaged_or_none(_TransactionIdOnly, whole)
    if read is None or not isinstance(read.message, _TransactionIdOnly):
        return None
    unjudged = UnjudgedStart(
        id_tag_info=IdTagInfo(status=AuthorizationStatus.INVALID), transaction_id=read.message.transaction_id
    )
    return Salvaged(unjudged, (*read.deviations, lost))


def _salvaged_or_none(kind: type[Message], value: object) -> Salvaged | None:
    try:
        return salvage(kind, msgspec.json.encode(value))
    except DECODE_FAILURES:
        return None
