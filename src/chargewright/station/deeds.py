"""What people do at a station, as data: one struct for each thing that a driver, a technician or the world can do.

The same words everywhere: a step of a scenario file, the last part of a URL of the control API and its JSON body, a
command of `chargewright station do` and its options. The first paragraph of a docstring is what `--help` and the
reference page say.
"""

from typing import Annotated, Final

import msgspec

from chargewright.protocol.v16.core import ChargePointErrorCode

__all__ = [
    "DEEDS",
    "ChangeVehicle",
    "ClearFault",
    "CutPower",
    "Deed",
    "EmergencyStop",
    "Fault",
    "FreeLock",
    "JamLock",
    "NetworkDown",
    "NetworkUp",
    "PlugIn",
    "PresentTag",
    "PressStop",
    "ReleaseEmergencyStop",
    "ReturnPower",
    "SetConfiguration",
    "Tamper",
    "Unplug",
    "summary",
]

Connector = Annotated[int, msgspec.Meta(ge=1, description="Number of the connector, from 1.")]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
IdTag = Annotated[str, msgspec.Meta(min_length=1, max_length=20, description="Id tag: 1 to 20 characters (§7.28).")]


class Deed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """One thing done at a station."""


class PlugIn(Deed, frozen=True, tag="plug-in"):
    """Connect a vehicle, with its own cable where the outlet is a socket."""

    connector: Connector
    capacity_wh: Annotated[float, msgspec.Meta(gt=0, description="Usable energy of the battery, in Wh.")] = 60_000.0
    soc_percent: Annotated[Percent, msgspec.Meta(description="How full it arrives.")] = 20.0
    target_soc_percent: Annotated[Percent, msgspec.Meta(description="Where it stops asking for energy.")] = 100.0
    phases: Annotated[int, msgspec.Meta(ge=1, le=3, description="Phases of its onboard charger (AC).")] = 3
    max_current_a: Annotated[
        float, msgspec.Meta(gt=0, description="Most that its onboard charger takes on each phase, in A (AC).")
    ] = 16.0
    dc_power_w: Annotated[float, msgspec.Meta(gt=0, description="Most that its battery takes, in W.")] = 100_000.0


class ChangeVehicle(Deed, frozen=True, tag="change-vehicle"):
    """Give other properties to the vehicle that is plugged in; what is not given stays."""

    connector: Connector
    target_soc_percent: Annotated[Percent, msgspec.Meta(description="Where it stops asking for energy.")] | None = None
    phases: Annotated[int, msgspec.Meta(ge=1, le=3, description="Phases of its onboard charger (AC).")] | None = None
    max_current_a: (
        Annotated[
            float, msgspec.Meta(gt=0, description="Most that its onboard charger takes on each phase, in A (AC).")
        ]
        | None
    ) = None
    dc_power_w: Annotated[float, msgspec.Meta(gt=0, description="Most that its battery takes, in W.")] | None = None


class Unplug(Deed, frozen=True, tag="unplug"):
    """Pull the plug: at the vehicle, where a detachable cable stays in the socket, or at the station, cable and all."""

    connector: Connector
    side: Annotated[
        str,
        msgspec.Meta(
            pattern="^(station|vehicle)?$",
            description="`station` or `vehicle`; absent: the station where the cable can be taken out there.",
        ),
    ] = ""


class PresentTag(Deed, frozen=True, tag="present-tag"):
    """Hold a tag before the reader."""

    id_tag: IdTag
    connector: (
        Annotated[int, msgspec.Meta(ge=1, description="The connector that is meant; absent: the station finds out.")]
        | None
    ) = None


class PressStop(Deed, frozen=True, tag="press-stop"):
    """Press the station's stop button (reason Local)."""

    connector: Annotated[int, msgspec.Meta(ge=1, description="Whose; absent: every transaction stops.")] | None = None


class Fault(Deed, frozen=True, tag="fault"):
    """Break something: the connector reports this error and lets no energy flow until the fault is cleared."""

    connector: Connector
    error_code: Annotated[ChargePointErrorCode, msgspec.Meta(description="ChargePointErrorCode (§7.6).")]


class ClearFault(Deed, frozen=True, tag="clear-fault"):
    """Mend what `fault` broke."""

    connector: Connector


class JamLock(Deed, frozen=True, tag="jam-lock"):
    """Make the lock of a socket fail, as a half-inserted plug does; it stays as it is until `free-lock`."""

    connector: Connector


class FreeLock(Deed, frozen=True, tag="free-lock"):
    """Let the lock of a socket work again."""

    connector: Connector


class EmergencyStop(Deed, frozen=True, tag="emergency-stop"):
    """Press the emergency button: every transaction ends (reason EmergencyStop), and nothing charges until release."""


class ReleaseEmergencyStop(Deed, frozen=True, tag="release-emergency-stop"):
    """Pull the emergency button out again."""


class CutPower(Deed, frozen=True, tag="cut-power"):
    """Take the grid away, in the middle of whatever goes on. Only what the station has on disk survives."""


class ReturnPower(Deed, frozen=True, tag="return-power"):
    """Give the grid back: the station starts on the same memory, with the same vehicles at its cables."""


class NetworkDown(Deed, frozen=True, tag="network-down"):
    """Cut the network: an open connection is lost without a goodbye, and no new one comes about."""


class NetworkUp(Deed, frozen=True, tag="network-up"):
    """Mend the network, or make it slow; the station connects when its back-off says so."""

    delay_seconds: Annotated[
        float, msgspec.Meta(ge=0, le=3600, description="Delay of each message, both ways, in seconds.")
    ] = 0.0


class SetConfiguration(Deed, frozen=True, tag="set-configuration"):
    """Change a configuration key at the station itself, as a technician does; what may be written is as in §5.3."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=50, description="Name of the key.")]
    value: Annotated[str, msgspec.Meta(max_length=500, description="Its new value, as it travels.")]


class Tamper(Deed, frozen=True, tag="tamper"):
    """Open the housing: the station notes the security event TamperDetectionActivated."""


# Every deed by its word, in the order in which help pages list them.
DEEDS: Final[dict[str, type[Deed]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        PlugIn,
        ChangeVehicle,
        Unplug,
        PresentTag,
        PressStop,
        Fault,
        ClearFault,
        JamLock,
        FreeLock,
        EmergencyStop,
        ReleaseEmergencyStop,
        CutPower,
        ReturnPower,
        NetworkDown,
        NetworkUp,
        SetConfiguration,
        Tamper,
    )
}


def summary(kind: type[Deed]) -> str:
    """What a deed is, in a sentence or two."""
    return " ".join((kind.__doc__ or "").split())
