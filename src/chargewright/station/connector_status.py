"""The status of a connector, derived from facts (§4.9).

Nothing stores a status: whatever happened, the facts of this instant decide. That the changes which follow are
changes which §4.9 knows is held by a property test on `connector.Connector`.
"""

from typing import Final

import msgspec

from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus

__all__ = ["Facts", "derive_station_status", "derive_status", "warning_of"]


# Where the vehicle may fail to answer (§4.9); elsewhere there is none, or it does.
_VEHICLE_MAY_BE_MUTE: Final = frozenset(
    {
        ChargePointStatus.PREPARING,
        ChargePointStatus.SUSPENDED_EV,
        ChargePointStatus.SUSPENDED_EVSE,
        ChargePointStatus.FINISHING,
    }
)


class Facts(msgspec.Struct, frozen=True):
    """What is true of a connector.

    `is_plugged`: a cable or vehicle is there. `is_authorized`: somebody was let in and has not started yet.
    `has_transaction`: one runs. `is_ev_ready`: the vehicle asks for energy. `is_allowed`: the station would give it.
    `must_user_act`: the use has ended, and the user must still unplug or leave. `is_reserved`: it is kept for somebody.
    """

    is_operative: bool = True
    is_faulted: bool = False
    is_plugged: bool = False
    is_authorized: bool = False
    has_transaction: bool = False
    is_ev_ready: bool = False
    is_allowed: bool = True
    must_user_act: bool = False
    is_reserved: bool = False


def derive_status(facts: Facts) -> ChargePointStatus:
    """The status of a connector (1 and up). When both sides suspend, the station is named (§4.9)."""
    if facts.is_faulted:
        return ChargePointStatus.FAULTED
    if facts.has_transaction:
        if not facts.is_allowed:
            return ChargePointStatus.SUSPENDED_EVSE
        return ChargePointStatus.CHARGING if facts.is_ev_ready else ChargePointStatus.SUSPENDED_EV
    if not facts.is_operative:
        return ChargePointStatus.UNAVAILABLE
    if facts.is_authorized:
        return ChargePointStatus.PREPARING
    if facts.must_user_act:
        return ChargePointStatus.FINISHING
    if facts.is_reserved:
        return ChargePointStatus.RESERVED
    return ChargePointStatus.PREPARING if facts.is_plugged else ChargePointStatus.AVAILABLE


def warning_of(error_code: ChargePointErrorCode, status: ChargePointStatus) -> ChargePointErrorCode:
    """The error code that goes with a status other than Faulted: a warning, charging is still possible (§4.9)."""
    is_out_of_place = error_code is ChargePointErrorCode.EV_COMMUNICATION_ERROR and status not in _VEHICLE_MAY_BE_MUTE
    return ChargePointErrorCode.NO_ERROR if is_out_of_place else error_code


def derive_station_status(*, is_operative: bool, is_faulted: bool) -> ChargePointStatus:
    """The status of connector 0, which does not follow from those of the others (§4.9)."""
    if is_faulted:
        return ChargePointStatus.FAULTED
    return ChargePointStatus.AVAILABLE if is_operative else ChargePointStatus.UNAVAILABLE
