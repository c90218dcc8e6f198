"""The Reservation feature profile (§5.1, §5.13): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import UNSET, CiString20, Integer, Message, Timestamp, UnsetType

__all__ = [
    "CancelReservationRequest",
    "CancelReservationResponse",
    "CancelReservationStatus",
    "ReservationStatus",
    "ReserveNowRequest",
    "ReserveNowResponse",
]


class CancelReservationStatus(enum.StrEnum):
    """Answer to CancelReservation (§7.5)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ReservationStatus(enum.StrEnum):
    """Answer to ReserveNow (§7.42)."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class CancelReservationRequest(Message):
    """§5.1."""

    reservation_id: Integer


class CancelReservationResponse(Message):
    """§5.1."""

    status: CancelReservationStatus


class ReserveNowRequest(Message):
    """Keep a connector, or with connector 0 any one, for an id tag until `expiry_date` (§5.13)."""

    connector_id: Integer
    expiry_date: Timestamp
    id_tag: CiString20
    reservation_id: Integer
    parent_id_tag: CiString20 | UnsetType = UNSET


class ReserveNowResponse(Message):
    """§5.13."""

    status: ReservationStatus
