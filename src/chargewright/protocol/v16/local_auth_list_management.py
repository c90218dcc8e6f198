"""The Local Auth List Management feature profile (§5.10, §5.15): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import UNSET, CiString20, Integer, Message, UnsetType
from chargewright.protocol.v16.datatypes import IdTagInfo

__all__ = [
    "AuthorizationData",
    "GetLocalListVersionRequest",
    "GetLocalListVersionResponse",
    "SendLocalListRequest",
    "SendLocalListResponse",
    "UpdateStatus",
    "UpdateType",
]


class UpdateType(enum.StrEnum):
    """Whether a list replaces the old one or changes it (§7.48)."""

    DIFFERENTIAL = "Differential"
    FULL = "Full"


class UpdateStatus(enum.StrEnum):
    """Answer to SendLocalList (§7.46)."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


class AuthorizationData(Message):
    """An entry of a local list (§7.1). In a differential update an entry without `id_tag_info` removes the id tag."""

    id_tag: CiString20
    id_tag_info: IdTagInfo | UnsetType = UNSET


class GetLocalListVersionRequest(Message):
    """§5.10."""


class GetLocalListVersionResponse(Message):
    """§5.10. 0: the list is empty; -1: the station has no local lists."""

    list_version: Integer


class SendLocalListRequest(Message):
    """§5.15."""

    list_version: Integer
    update_type: UpdateType
    local_authorization_list: list[AuthorizationData] | UnsetType = UNSET


class SendLocalListResponse(Message):
    """§5.15."""

    status: UpdateStatus
