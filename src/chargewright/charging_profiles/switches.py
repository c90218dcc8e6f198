"""What a station may choose where the specification is open or read in two ways (§3.13)."""

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Choice", "Switches"]

Choice: TypeAlias = Literal["accept", "reject"]


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of one station; the defaults are what certification expects, where it expects anything.

    `exhausted_tx_profile`: what holds when the schedule of a TxProfile is over and the TxProfile is still valid:
    `"no-limit"` (it goes on overruling the TxDefaultProfile), or `"default"` (the TxDefaultProfile takes over).
    `recurs_backwards`: whether a recurring schedule also holds before its first startSchedule.
    `absolute_without_start`: whether an Absolute profile without startSchedule is taken; it then counts from the start
    of charging. `relative_maximum`: whether a Relative ChargePointMaxProfile is taken; it then counts from its
    installation. `local_limit`: whether a composite schedule is capped by what the station can give (`"caps"`), or
    tells that only where no charging profile limits anything (`"fills"`). `has_start_schedule`: whether a composite
    schedule repeats its start in `startSchedule`, against errata v4.0 §3.57.
    """

    exhausted_tx_profile: Literal["no-limit", "default"] = "no-limit"
    recurs_backwards: bool = False
    absolute_without_start: Choice = "accept"
    relative_maximum: Choice = "reject"
    local_limit: Literal["caps", "fills"] = "caps"
    has_start_schedule: bool = False
