"""The control pilot as a table (IEC 61851-1, annex A)."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.errors import LocalProtocolError
from chargewright.station.hardware.interface import PilotState

__all__ = ["TRANSITIONS", "PilotCue", "next_state"]


class PilotCue(enum.Enum):
    """What can happen on the wire between vehicle and station."""

    PLUGGED = "the vehicle is connected"
    UNPLUGGED = "the vehicle is disconnected"
    READY = "the vehicle asks for energy (closes S2)"
    READY_VENTILATED = "the vehicle asks for energy and ventilation"
    NOT_READY = "the vehicle asks no more (opens S2)"
    SHORTED = "the pilot is shorted"
    STATION_FAULT = "the station takes the pilot down"
    CLEARED = "the fault is gone, no vehicle assumed until it shows again"


_VEHICLE_IS_THERE: Final[Mapping[PilotCue, PilotState]] = {
    PilotCue.READY: PilotState.C,
    PilotCue.READY_VENTILATED: PilotState.D,
    PilotCue.NOT_READY: PilotState.B,
    PilotCue.UNPLUGGED: PilotState.A,
    PilotCue.SHORTED: PilotState.E,
    PilotCue.STATION_FAULT: PilotState.F,
}

TRANSITIONS: Final[Mapping[PilotState, Mapping[PilotCue, PilotState]]] = {
    PilotState.A: {
        PilotCue.PLUGGED: PilotState.B,
        PilotCue.SHORTED: PilotState.E,
        PilotCue.STATION_FAULT: PilotState.F,
    },
    PilotState.B: _VEHICLE_IS_THERE,
    PilotState.C: _VEHICLE_IS_THERE,
    PilotState.D: _VEHICLE_IS_THERE,
    PilotState.E: {PilotCue.CLEARED: PilotState.A, PilotCue.STATION_FAULT: PilotState.F},
    PilotState.F: {PilotCue.CLEARED: PilotState.A, PilotCue.SHORTED: PilotState.E},
}


def next_state(state: PilotState, cue: PilotCue) -> PilotState:
    """The state after `cue`; raises `LocalProtocolError` naming both when the wire cannot do that."""
    try:
        return TRANSITIONS[state][cue]
    except KeyError:
        raise LocalProtocolError(
            f"control pilot in state {state.name} ({state.value}): {cue.value} cannot happen"
        ) from None
