"""May this id tag charge? Answered from memory (§4.2, §7.2)."""

from chargewright.csms.directory import Directory
from chargewright.csms.instants import moment
from chargewright.csms.services.service import Service
from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo

__all__ = ["AuthorizationService"]


class AuthorizationService(Service):
    """Decides by the id tags of the directory; `accepts_unknown` is the operator's choice for all others."""

    def __init__(self, directory: Directory, *, accepts_unknown: bool) -> None:
        self._directory = directory
        self._unknown = IdTagInfo(
            status=AuthorizationStatus.ACCEPTED if accepts_unknown else AuthorizationStatus.INVALID
        )

    def check(self, id_tag: str, at: int) -> IdTagInfo:
        """What the station is told about the tag at the instant `at` (µs): Blocked before Expired before Accepted."""
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
