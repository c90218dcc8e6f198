"""What a station is: its outlets, and the choices that its maker made once and for all."""

from collections.abc import Mapping
from typing import Final

import msgspec

from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.station.hardware.interface import Outlet

__all__ = [
    "OUR_VENDOR",
    "Bounds",
    "FirmwareManagement",
    "LocalList",
    "MeasurandList",
    "Product",
    "Reservations",
    "Security",
    "SmartCharging",
    "Spread",
    "Timing",
]

OUR_VENDOR: Final = "Chargewright"


class Bounds(msgspec.Struct, frozen=True):
    """The values that an integer key may take, both ends included; None: no bound of the maker's own."""

    least: int | None = None
    most: int | None = None


class MeasurandList(msgspec.Struct, frozen=True):
    """What may stand in one of the four lists of measurands, and how many of them; phases may be appended (`.L1`)."""

    allowed: frozenset[str]
    max_length: int


class LocalList(msgspec.Struct, frozen=True):
    """The local authorization list: how many entries it holds, and how many of them one message may bring."""

    max_entries: int
    max_entries_per_message: int


class SmartCharging(msgspec.Struct, frozen=True, kw_only=True):
    """What charging profiles may be. `units` are `A`, `W` or both, the preferred one first; levels count from 0."""

    units: tuple[str, ...]
    max_stack_level: int
    max_periods: int
    max_profiles: int
    switches_3_to_1_phase: bool = False


class Reservations(msgspec.Struct, frozen=True):
    """Whether the station as a whole can be reserved, too (connector 0)."""

    has_connector_zero: bool


class FirmwareManagement(msgspec.Struct, frozen=True, kw_only=True):
    """How firmware comes: `is_signed`: by SignedUpdateFirmware only (L01), else by UpdateFirmware."""

    is_signed: bool
    downloads_during_transaction: bool


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """The security extension. `profiles` are security profiles, ascending; `cipher_suites` in the RFC's words."""

    profiles: tuple[int, ...]
    cipher_suites: tuple[str, ...]
    max_chain_size: int
    max_certificates: int
    checks_additional_root: bool
    removes_last_root: bool
    removes_last_station_certificate: bool


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that something takes: between `least` and `most`, `mean` on average."""

    least: float
    most: float
    mean: float


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a product takes: from the arrival of a CALL to its answer, from the answer to what was triggered, from
    the arrival of RemoteStartTransaction to the start, and from that of RemoteStopTransaction to the stop."""

    answer: Spread
    triggered: Spread
    remote_start: Spread
    remote_stop: Spread


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product.

    `bounds`, `defaults` and `measurand_lists` are by configuration key. `stops_before_power_down`: whether a running
    transaction is reported as stopped before an orderly power-down, or after the next boot. `maintains_authorization`:
    the product may keep a transaction when the vehicle is unplugged; `ends_authorization`: it may end it. With both,
    the key StopTransactionOnEVSideDisconnect can be written.

    A feature profile whose part is None is not offered. `has_one_reader`: one tag reader for all connectors, or else
    each has its own. `locks_before_authorization`: a cable cannot be plugged in before somebody was let in.
    `free_vending_tag`: without a reader, everybody who plugs in charges with this tag. `vendor_keys` are configuration
    keys that the maker added, with their first values. `meter_resolution_wh`: the register moves in steps of this.
    `timing`: how slow it is; None: as fast as the hardware allows.
    """

    vendor: str = OUR_VENDOR
    model: str
    serial_number: str
    firmware_version: str
    meter_type: str = ""
    meter_serial_number: str = ""
    outlets: tuple[Outlet, ...]
    has_remote_trigger: bool = True
    local_list: LocalList | None = None
    smart_charging: SmartCharging | None = None
    reservations: Reservations | None = None
    firmware_management: FirmwareManagement | None = None
    security: Security | None = None
    file_transfer_protocols: tuple[str, ...] = ()
    authorizes_offline: bool = True
    has_authorization_cache: bool = False
    max_cached_tags: int = 1000
    limits_energy_on_invalid_id: bool = False
    limits_status_notifications: bool = False
    has_one_reader: bool = True
    locks_before_authorization: bool = False
    free_vending_tag: str = ""
    vendor_keys: Mapping[str, str] = {}
    meter_resolution_wh: int = 1
    timing: Timing | None = None
    nominal_voltage_v: float = 230.0
    mains_frequency_hz: float = 50.0
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

    @property
    def feature_profiles(self) -> frozenset[FeatureProfile]:
        """What is offered, SECURITY among it where the security extension is."""
        offered = {
            FeatureProfile.CORE: True,
            FeatureProfile.REMOTE_TRIGGER: self.has_remote_trigger,
            FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT: self.local_list is not None,
            FeatureProfile.SMART_CHARGING: self.smart_charging is not None,
            FeatureProfile.RESERVATION: self.reservations is not None,
            FeatureProfile.FIRMWARE_MANAGEMENT: self.firmware_management is not None,
            FeatureProfile.SECURITY: self.security is not None,
        }
        return frozenset(profile for profile, is_offered in offered.items() if is_offered)
