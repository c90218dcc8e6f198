"""May this id tag charge? Answered from memory (§4.2, §7.2)."""

import msgspec

from chargewright.csms.directory import Directory
from chargewright.csms.instants import moment
from chargewright.csms.ports import CallContext
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import StartRecord
from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.core import StartTransactionRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo

__all__ = ["AuthorizationService"]


class AuthorizationService(Service):
    """Decides by the id tags of the directory; `accepts_unknown` is the operator's choice for all others."""

    def __init__(self, directory: Directory, active: ActiveTransactionsService, *, accepts_unknown: bool) -> None:
        self._directory = directory
        self._active = active
        self._unknown = IdTagInfo(
            status=AuthorizationStatus.ACCEPTED if accepts_unknown else AuthorizationStatus.INVALID
        )

    def check(self, id_tag: str, at: int) -> IdTagInfo:
        """What the station is told about the tag at the instant `at` (µs): Blocked before Expired before Accepted.

        Never ConcurrentTx, which belongs to StartTransaction.conf alone (§7.2).
        """
        row = self._directory.id_tag(id_tag)
        if row is None:
            return self._unknown
        if row.blocked:
            status = AuthorizationStatus.BLOCKED
        elif row.expires_at is not None and row.expires_at <= at:
            status = AuthorizationStatus.EXPIRED
        else:
            status = AuthorizationStatus.ACCEPTED
        return IdTagInfo(
            status=status,
            expiry_date=UNSET if row.expires_at is None else Timestamp.of(moment(row.expires_at)),
            parent_id_tag=UNSET if row.parent_id_tag is None else row.parent_id_tag,
        )

    def check_start(self, call: CallContext, request: StartTransactionRequest) -> IdTagInfo:
        """What the station is told about the tag of a transaction that it began: as `check` now, and ConcurrentTx where
        the tag had as many others as it may have at the instant of the start, whenever that is told."""
        id_tag = request.id_tag
        information = self.check(id_tag, call.received_at)
        limit = self._active.limit(id_tag)
        if not limit or information.status is not AuthorizationStatus.ACCEPTED:
            return information
        start = (request.connector_id, id_tag, call.instant(request.timestamp), request.meter_start)
        if self._active.is_reached(call.station.id, start, limit, call.received_at):
            return msgspec.structs.replace(information, status=AuthorizationStatus.CONCURRENT_TX)
        return information

    def as_stored(self, information: IdTagInfo, start: StartRecord) -> IdTagInfo:
        """What is answered once the start is durable: a repeat is told the status that the first one was told, which is
        the one that its transaction has."""
        if start.id_tag_status == information.status.value:
            return information
        return msgspec.structs.replace(information, status=AuthorizationStatus(start.id_tag_status))
