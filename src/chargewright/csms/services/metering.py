"""Meter values as they are stored: canonical, hashed, and with the common measurands as numbers."""

import math
import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from chargewright.csms.ports import CallContext
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_TRANSACTION, MeterValueRecord
from chargewright.protocol.v16.base import UNSET, UnsetType, encode_hook
from chargewright.protocol.v16.datatypes import (
    Location,
    Measurand,
    MeterValue,
    SampledValue,
    UnitOfMeasure,
    ValueFormat,
)

__all__ = ["MeteringService", "content_hash"]

_ENERGY: Final = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
_POWER: Final = Measurand.POWER_ACTIVE_IMPORT
_SOC: Final = Measurand.SOC
_SIGNED: Final = ValueFormat.SIGNED_DATA
_OUTLET: Final = Location.OUTLET
_KWH: Final = UnitOfMeasure.KWH
_KW: Final = UnitOfMeasure.KW
_CONDUCTORS: Final = frozenset({"L1", "L2", "L3"})
_from_eight_bytes: Final = struct.Struct(">q").unpack


def content_hash(content: bytes) -> int:
    """64 bits of the content, signed, as databases have them."""
    number: int = _from_eight_bytes(blake2b(content, digest_size=8).digest())[0]
    return number


class MeteringService(Service):
    """Turns MeterValue structures (§7.33) into records."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder(enc_hook=encode_hook).encode

    def store(
        self, call: CallContext, connector_id: int, transaction_id: int | UnsetType, meter_values: Sequence[MeterValue]
    ) -> None:
        """Add the meter values of one MeterValues.req to the CALL's unit (§4.7)."""
        call.unit.records.extend(self.records(call, connector_id, transaction_id, meter_values))

    def records(
        self, call: CallContext, connector_id: int, transaction_id: int | UnsetType, meter_values: Sequence[MeterValue]
    ) -> list[MeterValueRecord]:
        """One record for each instant, its samples byte for byte as the station sent their values.

        The hash tells two contents of one instant apart, an id that was sent from the one that stands for none, and two
        messages of which salvaging left the same.
        """
        made = []
        prefix = (b"0" if transaction_id is UNSET else b"1") + call.lost_digest()
        number = NO_TRANSACTION if isinstance(transaction_id, UnsetType) else transaction_id
        for meter_value in meter_values:
            samples = self._encode(meter_value.sampled_value)
            energy_wh, power_w, soc_percent = _common_measurands(meter_value.sampled_value)
            record = MeterValueRecord(
                connector_id=connector_id,
                transaction_id=number,
                instant=call.instant(meter_value.timestamp),
                station_time=meter_value.timestamp.text,
                content_hash=content_hash(prefix + samples),
                samples=samples.decode(),
                energy_wh=energy_wh,
                power_w=power_w,
                soc_percent=soc_percent,
            )
            made.append(record)
        return made


def _common_measurands(samples: Sequence[SampledValue]) -> tuple[float | None, float | None, float | None]:
    """Energy register in Wh, power in W, state of charge in percent, of the whole connector; None where not sent.

    A measurand that is sent per phase only is the sum of its phases.
    """
    energy = power = soc = None
    phases: dict[Measurand, dict[str, float]] = {}
    isfinite = math.isfinite
    for sample in samples:
        measurand = sample.measurand
        if measurand is UNSET:
            measurand = _ENERGY
        elif measurand is not _ENERGY and measurand is not _POWER and measurand is not _SOC:
            continue
        if sample.format is _SIGNED:
            continue
        try:
            number = float(sample.value)
        except ValueError:
            continue  # §7.43: with format Raw a decimal number; what is none stays in the samples as it was sent
        if not isfinite(number):
            continue
        if measurand is _SOC:
            soc = number
            continue
        location, unit, phase = sample.location, sample.unit, sample.phase
        if location is not _OUTLET and location is not UNSET:
            continue
        if unit is _KWH or unit is _KW:
            number *= 1000
        if phase is not UNSET:
            # "L1" and "L1-N" name the same reading; phase to phase and N are no parts of a sum.
            if (conductor := phase.removesuffix("-N")) in _CONDUCTORS:
                phases.setdefault(measurand, {})[conductor] = number
        elif measurand is _ENERGY:
            energy = number
        else:
            power = number
    if phases:
        energy = sum(phases[_ENERGY].values()) if energy is None and _ENERGY in phases else energy
        power = sum(phases[_POWER].values()) if power is None and _POWER in phases else power
    return energy, power, soc
