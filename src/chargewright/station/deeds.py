"""What people do at a station, as data: one struct for each thing that a driver, a technician or the world can do.

The same words everywhere: a step of a scenario file, the last part of a URL of the control API and its JSON body, a
command of `chargewright station do` and its options. The first paragraph of a docstring is what `--help` and the
reference page say.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.id_tag import ID_TAG_EXPECTED, IdTag
from chargewright.wording import choices_at, in_plain_words

__all__ = [
    "DEEDS",
    "BreakFirmware",
    "BreakResets",
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
    "RemoveCertificate",
    "ReturnPower",
    "SelectConnector",
    "SetClock",
    "SetConfiguration",
    "Tamper",
    "Unplug",
    "Warn",
    "WrongField",
    "bare_type",
    "checked",
    "read_deed",
    "summary",
]

Connector = Annotated[int, msgspec.Meta(ge=1, description="Number of the connector, from 1.")]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]


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
    efficiency_percent: Annotated[
        float, msgspec.Meta(gt=0, le=100, description="How much of the energy from an AC outlet reaches its battery.")
    ] = 92.0


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


class SelectConnector(Deed, frozen=True, tag="select-connector"):
    """Choose the connector that the next tag is for; the station forgets it after ConnectionTimeOut."""

    connector: Connector


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


class Warn(Deed, frozen=True, tag="warn"):
    """Something is wrong that keeps nobody from charging: told with the status; `NoError` when it is over."""

    connector: Annotated[int, msgspec.Meta(ge=0, description="Number of the connector; 0: the station itself.")]
    error_code: Annotated[ChargePointErrorCode, msgspec.Meta(description="ChargePointErrorCode (§7.6).")]


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


class SetClock(Deed, frozen=True, tag="set-clock"):
    """Set the station's clock wrong, or right, as a technician does; the next Heartbeat puts it right again."""

    ahead_seconds: Annotated[
        float, msgspec.Meta(ge=-1e9, le=1e9, description="How far ahead of what it shows now; below 0: back.")
    ]


class BreakFirmware(Deed, frozen=True, tag="break-firmware"):
    """Let installations of firmware fail at a step, or none any more."""

    step: Annotated[
        str,
        msgspec.Meta(
            pattern="^(none|checking|writing|starting)$", description="`checking`, `writing`, `starting` or `none`."
        ),
    ]


class BreakResets(Deed, frozen=True, tag="break-resets"):
    """Let the next restarts of a Reset fail; with 0 they work again."""

    times: Annotated[int, msgspec.Meta(ge=0, le=1000, description="How many, tries of ResetRetries among them.")] = 1


class Tamper(Deed, frozen=True, tag="tamper"):
    """Open the housing: the station notes the security event TamperDetectionActivated."""


class RemoveCertificate(Deed, frozen=True, tag="remove-certificate"):
    """Remove the newest certificate of the station, as its maker's service can; DeleteCertificate cannot."""


# Every deed by its word, in the order in which help pages list them.
DEEDS: Final[dict[str, type[Deed]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        PlugIn,
        ChangeVehicle,
        Unplug,
        PresentTag,
        SelectConnector,
        PressStop,
        Fault,
        ClearFault,
        Warn,
        JamLock,
        FreeLock,
        EmergencyStop,
        ReleaseEmergencyStop,
        CutPower,
        ReturnPower,
        NetworkDown,
        NetworkUp,
        SetConfiguration,
        SetClock,
        BreakFirmware,
        BreakResets,
        Tamper,
        RemoveCertificate,
    )
}


def summary(kind: type[Deed]) -> str:
    """What a deed is, in a sentence or two."""
    return " ".join((kind.__doc__ or "").split())


class WrongField(ChargewrightError):
    """A field that cannot be read: which, what stands there (None: nothing), and what would be right."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(field, value, expected)
        self.field = field
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.field} is missing; expected {self.expected}"
        return f"{self.field}: {self.value!r} is not right; expected {self.expected}"


def read_deed(word: str, fields: Mapping[str, Any]) -> Deed:
    """The deed of that word with these fields; raises `WrongField`, for an unknown word too."""
    if word not in DEEDS:
        raise WrongField("do", word, f"one of {', '.join(DEEDS)}")
    deed: Deed = checked(DEEDS[word], {**fields, "do": word})
    return deed


def checked(kind: type, fields: Mapping[str, Any]) -> Any:
    """A struct of that kind from plain values; raises `WrongField`."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise _wrong(kind, fields, str(error)) from error


# What msgspec says: "Expected `int` >= 1 - at `$.connector`", "Object missing required field `connector`".
_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED: Final = re.compile(r"field `([^`]+)`")


def _wrong(kind: type, fields: Mapping[str, Any], sentence: str) -> WrongField:
    place = _PLACE.search(sentence)
    path = place[1] if place is not None else ""
    said = _PLACE.sub("", sentence)
    named = _NAMED.search(said)
    if named is not None and said.startswith("Object"):
        path = f"{path}.{named[1]}" if path else named[1]
        if "missing" in said:
            return WrongField(path, None, "a value")
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(kind)) or "none"
        return WrongField(path, _at(fields, path), f"no field of this name; known here: {known}")
    if path.endswith("id_tag"):
        return WrongField(path, _at(fields, path), ID_TAG_EXPECTED)
    return WrongField(path, _at(fields, path), in_plain_words(said, choices_at(kind, path)))


def bare_type(kind: Any) -> Any:
    """A type without what annotates it, and without None: `int` of an optional, bounded number."""
    kind = getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind
    others = [each for each in getattr(kind, "__args__", ()) if each is not type(None)]
    return bare_type(others[0]) if len(others) == 1 else kind


def _at(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
