"""A charging profile as a station keeps it: periods packed into arrays, and the way back to the message.

A thousand profiles of a thousand periods are 17 MB that way, and would be a quarter of a gigabyte as messages.
"""

import sys
from array import array
from bisect import bisect_right
from decimal import Decimal
from itertools import pairwise
from typing import Final, Self

import msgspec

from chargewright.charging_profiles.recurrence import SECOND, Timing, timing_of
from chargewright.charging_profiles.units import DEFAULT_PHASES, Limit
from chargewright.protocol.v16.base import UNSET, Integer, Message, UnsetType
from chargewright.protocol.v16.coding import decode, encode
from chargewright.protocol.v16.datatypes import (
    ChargingProfile,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedulePeriod,
)

__all__ = ["InstalledProfile"]

_TEN: Final = Decimal(10)


class _StoredProfile(Message):
    """What is written down of an installed profile: the message without its periods, and these as packed numbers,
    least byte first. A thousand periods are read back that way in a fraction of the time that JSON would take."""

    connector_id: Integer
    installed_at: Integer
    charging_profile: ChargingProfile
    starts: bytes
    tenths: bytes
    phases: bytes


class InstalledProfile:
    """A charging profile on a connector; never changed.

    `installed_at` is an instant. Raises `ValueError` for periods that no installed profile can have (`validation` says
    it better, and before).
    """

    __slots__ = ("_header", "_phases", "_starts", "_tenths", "connector_id", "installed_at", "timing")

    def __init__(self, profile: ChargingProfile, connector_id: int, installed_at: int) -> None:
        periods = profile.charging_schedule.charging_schedule_period
        bare = msgspec.structs.replace(profile.charging_schedule, charging_schedule_period=[])
        self._keep(
            msgspec.structs.replace(profile, charging_schedule=bare),
            connector_id,
            installed_at,
            array("q", [period.start_period for period in periods]),
            array("q", [int(period.limit * 10) for period in periods]),
            # 0 stands for an absent numberPhases.
            bytes(0 if isinstance(period.number_phases, UnsetType) else period.number_phases for period in periods),
        )

    def _keep(
        self,
        header: ChargingProfile,
        connector_id: int,
        installed_at: int,
        starts: "array[int]",
        tenths: "array[int]",
        phases: bytes,
    ) -> None:
        if not starts or starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
            raise ValueError(f"chargingProfileId {header.charging_profile_id}: its periods do not rise from 0 on")
        if not len(starts) == len(tenths) == len(phases):
            raise ValueError(f"chargingProfileId {header.charging_profile_id}: its periods are not of one number")
        self._header = header
        self.connector_id = connector_id
        self.installed_at = installed_at
        self.timing: Timing = timing_of(header)
        self._starts = starts
        self._tenths = tenths
        self._phases = phases

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """What `encoded` made; raises one of `protocol.v16.coding.DECODE_FAILURES`, or `ValueError`."""
        stored = decode(_StoredProfile, text)
        installed = cls.__new__(cls)
        installed._keep(
            stored.charging_profile,
            stored.connector_id,
            stored.installed_at,
            _unpacked(stored.starts),
            _unpacked(stored.tenths),
            stored.phases,
        )
        return installed

    def encoded(self) -> bytes:
        """JSON, for `decoded` after the next boot (errata v4.0 §3.37)."""
        return encode(
            _StoredProfile(
                connector_id=self.connector_id,
                installed_at=self.installed_at,
                charging_profile=self._header,
                starts=_packed(self._starts),
                tenths=_packed(self._tenths),
                phases=self._phases,
            )
        )

    @property
    def profile(self) -> ChargingProfile:
        """The message again: equal to the one that was installed."""
        periods = [
            ChargingSchedulePeriod(
                start_period=start, limit=Decimal(tenths) / _TEN, number_phases=phases if phases else UNSET
            )
            for start, tenths, phases in zip(self._starts, self._tenths, self._phases, strict=True)
        ]
        schedule = msgspec.structs.replace(self._header.charging_schedule, charging_schedule_period=periods)
        return msgspec.structs.replace(self._header, charging_schedule=schedule)

    @property
    def profile_id(self) -> int:
        """chargingProfileId."""
        return self._header.charging_profile_id

    @property
    def stack_level(self) -> int:
        """stackLevel."""
        return self._header.stack_level

    @property
    def purpose(self) -> ChargingProfilePurposeType:
        """chargingProfilePurpose."""
        return self._header.charging_profile_purpose

    @property
    def transaction_id(self) -> int | None:
        """transactionId; None where the profile names none."""
        number = self._header.transaction_id
        return None if isinstance(number, UnsetType) else number

    @property
    def number_of_periods(self) -> int:
        """How many periods its schedule has."""
        return len(self._starts)

    def period_at(self, offset: int) -> int:
        """The number, from 0, of the period that holds `offset` microseconds after the start of the schedule."""
        return bisect_right(self._starts, offset // SECOND) - 1

    def period_end(self, number: int) -> int | None:
        """Microseconds from the start of the schedule to that of the next period; None for the last one."""
        return self._starts[number + 1] * SECOND if number + 1 < len(self._starts) else None

    def limit(self, number: int) -> Limit:
        """The limit of a period."""
        rate = Decimal(self._tenths[number]) / _TEN
        phases = self._phases[number] or DEFAULT_PHASES
        if self._header.charging_schedule.charging_rate_unit is ChargingRateUnitType.W:
            return Limit(rate, None, phases)
        return Limit(None, rate, phases)


def _packed(numbers: "array[int]") -> bytes:
    if sys.byteorder == "little":
        return numbers.tobytes()
    swapped = array("q", numbers)
    swapped.byteswap()
    return swapped.tobytes()


def _unpacked(data: bytes) -> "array[int]":
    numbers = array("q")
    numbers.frombytes(data)
    if sys.byteorder != "little":
        numbers.byteswap()
    return numbers
