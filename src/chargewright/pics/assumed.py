"""What no certificate states but a device needs: kept apart from the claims, and never shown as one."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chargewright.pics.enumerations import FileTransferProtocol
from chargewright.protocol.v16.datatypes import Measurand

__all__ = ["Assumed", "AssumedConnector", "AssumedMeterValues", "Positive"]

Positive = Annotated[float, Meta(gt=0)]
Text20 = Annotated[str, Meta(min_length=1, max_length=20)]
Text25 = Annotated[str, Meta(min_length=1, max_length=25)]
Text50 = Annotated[str, Meta(min_length=1, max_length=50)]
Count = Annotated[int, Meta(ge=0)]


class AssumedConnector(msgspec.Struct, frozen=True, kw_only=True):
    """One connector's electrics. Current is per phase for AC; voltage is line to neutral for AC, the highest for DC."""

    connector: Annotated[int, Meta(ge=1)]
    rated_power_w: Positive
    maximum_current_a: Positive
    maximum_voltage_v: Positive
    has_cable_lock: bool


class AssumedMeterValues(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "sampled": "MeterValuesSampledData",
        "aligned": "MeterValuesAlignedData",
        "stop_sampled": "StopTxnSampledData",
        "stop_aligned": "StopTxnAlignedData",
    },
):
    """The measurands that may stand in each list; the first two only where rows C-09.1 and C-09.2 are absent."""

    sampled: tuple[Measurand, ...] | None = None
    aligned: tuple[Measurand, ...] | None = None
    stop_sampled: tuple[Measurand, ...]
    stop_aligned: tuple[Measurand, ...]


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """How a virtual device of this shape introduces itself, and what its electrics and limits are."""

    vendor: Text20
    model: Text20
    serial_number: Text25
    firmware_version: Text50
    meter_type: Text25
    meter_serial_number: Text25
    nominal_voltage_v: Positive
    mains_frequency_hz: Positive
    connectors: tuple[AssumedConnector, ...]
    limits: dict[str, Count]
    meter_values: AssumedMeterValues
    file_transfer_protocols: tuple[FileTransferProtocol, ...] | None = None
    meter_resolution_wh: Annotated[int, Meta(ge=1)] = 1
    connector_switch_3_to_1_phase: bool = False
    # Configuration keys of the maker's own, with their first values.
    vendor_keys: dict[str, str] = {}
    additional_root_certificate_check: bool = False
