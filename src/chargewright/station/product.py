"""What a station is: its outlets, and the choices that its maker made once and for all."""

from collections.abc import Mapping
from typing import Final

import msgspec

from chargewright.station.hardware.interface import Outlet

__all__ = ["OUR_VENDOR", "Bounds", "MeasurandList", "Product"]

OUR_VENDOR: Final = "Chargewright"


class Bounds(msgspec.Struct, frozen=True):
    """The values that an integer key may take, both ends included; None: no bound of the maker's own."""

    least: int | None = None
    most: int | None = None


class MeasurandList(msgspec.Struct, frozen=True):
    """What may stand in one of the four lists of measurands, and how many of them; phases may be appended (`.L1`)."""

    allowed: frozenset[str]
    max_length: int


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product.

    `bounds`, `defaults` and `measurand_lists` are by configuration key. `stops_before_power_down`: whether a running
    transaction is reported as stopped before an orderly power-down, or after the next boot. `maintains_authorization`:
    the product may keep a transaction when the vehicle is unplugged; `ends_authorization`: it may end it. With both,
    the key StopTransactionOnEVSideDisconnect can be written.
    """

    vendor: str = OUR_VENDOR
    model: str
    serial_number: str
    firmware_version: str
    meter_type: str = ""
    meter_serial_number: str = ""
    outlets: tuple[Outlet, ...]
    has_remote_trigger: bool = True
    allows_offline_unknown_tags: bool = False
    maintains_authorization: bool = False
    ends_authorization: bool = True
    has_local_start: bool = True
    has_local_stop: bool = True
    requires_connector_selection: bool = False
    stops_before_power_down: bool = False
    bounds: Mapping[str, Bounds] = {}
    defaults: Mapping[str, str] = {}
    measurand_lists: Mapping[str, MeasurandList] = {}
    max_configuration_keys: int = 100
    max_transaction_meter_values: int = 100
