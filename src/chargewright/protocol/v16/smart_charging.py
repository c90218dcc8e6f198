"""The Smart Charging feature profile (§5.5, §5.7, §5.16): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import UNSET, Integer, Message, Timestamp, UnsetType
from chargewright.protocol.v16.datatypes import (
    ChargingProfile,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
)

__all__ = [
    "ChargingProfileStatus",
    "ClearChargingProfileRequest",
    "ClearChargingProfileResponse",
    "ClearChargingProfileStatus",
    "GetCompositeScheduleRequest",
    "GetCompositeScheduleResponse",
    "GetCompositeScheduleStatus",
    "SetChargingProfileRequest",
    "SetChargingProfileResponse",
]


class ChargingProfileStatus(enum.StrEnum):
    """Answer to SetChargingProfile (§7.11)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


class ClearChargingProfileStatus(enum.StrEnum):
    """Answer to ClearChargingProfile (§7.21)."""

    ACCEPTED = "Accepted"
    UNKNOWN = "Unknown"


class GetCompositeScheduleStatus(enum.StrEnum):
    """Answer to GetCompositeSchedule (§7.26)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ClearChargingProfileRequest(Message):
    """Remove the charging profiles that match all fields given (§5.5)."""

    id: Integer | UnsetType = UNSET
    connector_id: Integer | UnsetType = UNSET
    charging_profile_purpose: ChargingProfilePurposeType | UnsetType = UNSET
    stack_level: Integer | UnsetType = UNSET


class ClearChargingProfileResponse(Message):
    """§5.5."""

    status: ClearChargingProfileStatus


class GetCompositeScheduleRequest(Message):
    """Ask what limits will hold during the next `duration` seconds (§5.7)."""

    connector_id: Integer
    duration: Integer
    charging_rate_unit: ChargingRateUnitType | UnsetType = UNSET


class GetCompositeScheduleResponse(Message):
    """§5.7."""

    status: GetCompositeScheduleStatus
    connector_id: Integer | UnsetType = UNSET
    schedule_start: Timestamp | UnsetType = UNSET
    charging_schedule: ChargingSchedule | UnsetType = UNSET


class SetChargingProfileRequest(Message):
    """§5.16."""

    connector_id: Integer
    cs_charging_profiles: ChargingProfile


class SetChargingProfileResponse(Message):
    """§5.16."""

    status: ChargingProfileStatus
