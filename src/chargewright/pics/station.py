"""The PICS of a station, and the answers that a device shaped by it wants: one name per question.

A claim comes first; where the certificate prints no row, what the file assumes. Something that was not tested is
answered as not supported.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from chargewright.pics.assumed import Assumed
from chargewright.pics.enumerations import (
    Cable,
    CertificationExtension,
    CertificationProfile,
    CipherSuite,
    ConnectorType,
    Current,
    FileTransferProtocol,
    Support,
    TestResult,
)
from chargewright.pics.model import Extensions, PicsRecord
from chargewright.pics.station_sections import (
    AdditionalQuestions,
    ConnectorRow,
    CoreFeatures,
    FirmwareFeatures,
    Hardware,
    MeterValueFeatures,
    ReservationFeatures,
    SecurityFeatures,
    Settings,
    SmartChargingFeatures,
    StationPerformance,
)
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.datatypes import Measurand

__all__ = ["LIMITS", "MEASURAND_KEYS", "ConnectorShape", "LimitSource", "StationPics"]

SECURITY: Final = CertificationExtension.SECURITY


class LimitSource(msgspec.Struct, frozen=True):
    """Where a limit comes from: its row (None: no certificate has one), and what must be supported to have it."""

    row: str | None
    needs: CertificationProfile | CertificationExtension = CertificationProfile.CORE


# Named as the configuration keys; the four intervals (seconds) bound a key's value.
LIMITS: Final[Mapping[str, LimitSource]] = {
    "GetConfigurationMaxKeys": LimitSource("ORS-1"),
    "MeterValuesAlignedDataMaxLength": LimitSource("ORS-2"),
    "MeterValuesSampledDataMaxLength": LimitSource("ORS-3"),
    "MinimumMeterValueSampleInterval": LimitSource("ORS-4"),
    "MaximumMeterValueSampleInterval": LimitSource("ORS-5"),
    "MinimumHeartbeatInterval": LimitSource("ORS-6"),
    "MaximumHeartbeatInterval": LimitSource("ORS-7"),
    "StopTransactionMaxMeterValues": LimitSource("ORS-8"),
    "StopTxnAlignedDataMaxLength": LimitSource("ORS-9"),
    "StopTxnSampledDataMaxLength": LimitSource("ORS-10"),
    "WebSocketPingInterval": LimitSource("ORS-11"),
    "LocalAuthListMaxLength": LimitSource("ORS-12", CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT),
    "SendLocalListMaxLength": LimitSource("ORS-13", CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT),
    "ChargeProfileMaxStackLevel": LimitSource("ORS-14", CertificationProfile.SMART_CHARGING),
    "ChargingScheduleMaxPeriods": LimitSource("ORS-15", CertificationProfile.SMART_CHARGING),
    "MaxChargingProfilesInstalled": LimitSource(None, CertificationProfile.SMART_CHARGING),
    "CertificateSignedMaxChainSize": LimitSource(None, SECURITY),
    "CertificateStoreMaxLength": LimitSource(None, SECURITY),
}

# Configuration key → the row that claims its measurands, if a row can.
MEASURAND_KEYS: Final[Mapping[str, str | None]] = {
    "MeterValuesSampledData": "C-09.1",
    "MeterValuesAlignedData": "C-09.2",
    "StopTxnSampledData": None,
    "StopTxnAlignedData": None,
}


class ConnectorShape(msgspec.Struct, frozen=True, kw_only=True):
    """One connector: what is claimed of it and what is assumed, side by side.

    `phases` are the numbers of phases it can charge with, () for DC. `maximum_current_a` is per phase for AC;
    `maximum_voltage_v` is line to neutral for AC.
    """

    number: int
    current: Current
    phases: tuple[int, ...]
    type: ConnectorType
    cable: Cable
    rated_power_w: float
    maximum_current_a: float
    maximum_voltage_v: float
    has_cable_lock: bool


class StationPics(PicsRecord, frozen=True, kw_only=True, tag_field="product_type", tag="Charging Station"):
    """The PICS of a station."""

    extensions: Extensions
    hardware: Hardware
    connectors: tuple[ConnectorRow, ...]
    core: CoreFeatures
    meter_values: MeterValueFeatures | None = None
    smart_charging: SmartChargingFeatures | None = None
    reservation: ReservationFeatures | None = None
    firmware: FirmwareFeatures | None = None
    security: SecurityFeatures | None = None
    questions: AdditionalQuestions
    settings: Settings = Settings()
    performance: StationPerformance | None = None
    assumed: Assumed

    @property
    def product_type(self) -> str:
        """`Charging Station`."""
        return str(self.__struct_config__.tag)

    def extension_support(self, extension: CertificationExtension) -> Support:
        """Whether a certification extension is supported, not supported, or was not tested."""
        result: TestResult = getattr(self.extensions, extension.name.lower())
        return result.support

    def is_supported(self, what: CertificationProfile | CertificationExtension) -> bool:
        """Whether a device of this shape offers the profile or extension."""
        if isinstance(what, CertificationProfile):
            return self.support(what) is Support.SUPPORTED
        return self.extension_support(what) is Support.SUPPORTED

    @property
    def feature_profiles(self) -> frozenset[FeatureProfile]:
        """The supported feature profiles, SECURITY among them if the security extension is."""
        security = {FeatureProfile.SECURITY} if self.is_supported(SECURITY) else set()
        return super().feature_profiles | security

    # Hardware

    @property
    def number_of_connectors(self) -> int:
        """HFS-8."""
        return self.hardware.connectors

    def connector(self, number: int) -> ConnectorShape:
        """The connector with this number, from 1 on; another number is a ValueError."""
        if not 1 <= number <= self.number_of_connectors:
            raise ValueError(f"connector {number}: this station has connectors 1 to {self.number_of_connectors}")
        claimed = self.connectors[number - 1]
        assumed = self.assumed.connectors[number - 1]
        return ConnectorShape(
            number=number,
            current=claimed.current,
            phases=() if claimed.phases is None else claimed.phases.numbers,
            type=claimed.type,
            cable=claimed.cable,
            rated_power_w=assumed.rated_power_w,
            maximum_current_a=assumed.maximum_current_a,
            maximum_voltage_v=assumed.maximum_voltage_v,
            has_cable_lock=assumed.has_cable_lock,
        )

    # Core

    @property
    def authorizes_offline(self) -> bool:
        """C-01: tags known to the local list or cache can start a transaction offline."""
        return bool(self.core.offline_authorization)

    @property
    def authorizes_unknown_offline(self) -> bool:
        """C-02: the key AllowOfflineTxForUnknownId exists."""
        return bool(self.core.offline_authorization_of_unknown_ids)

    @property
    def limits_energy_on_invalid_id(self) -> bool:
        """C-03: the key MaxEnergyOnInvalidId exists."""
        return bool(self.core.maximum_energy_for_invalid_ids)

    @property
    def has_authorization_cache(self) -> bool:
        """C-04: there is an authorization cache, and the key AuthorizationCacheEnabled."""
        return bool(self.core.authorization_cache)

    @property
    def limits_status_notifications(self) -> bool:
        """C-05: the key MinimumStatusDuration exists."""
        return bool(self.core.limited_status_notifications)

    @property
    def stop_on_ev_side_disconnect_values(self) -> frozenset[bool]:
        """C-06: the values that the key StopTransactionOnEVSideDisconnect can take; with one of them it is fixed."""
        values = {
            False: self.core.keeps_authorization_on_ev_side_disconnect,
            True: self.core.ends_authorization_on_ev_side_disconnect,
        }
        return frozenset(value for value, answer in values.items() if answer)

    @property
    def starts_locally(self) -> bool:
        """C-07."""
        return bool(self.core.local_start)

    @property
    def stops_locally(self) -> bool:
        """C-08."""
        return bool(self.core.local_stop)

    def measurands(self, key: str) -> tuple[Measurand, ...]:
        """The measurands that this configuration key's list may hold; a key that is no such list is a ValueError."""
        if key not in MEASURAND_KEYS:
            raise ValueError(f"{key} is not a list of measurands: {', '.join(MEASURAND_KEYS)}")
        if self.meter_values is not None:
            claimed = {"C-09.1": self.meter_values.sampled, "C-09.2": self.meter_values.aligned}
            row = MEASURAND_KEYS[key]
            if row is not None:
                return claimed[row].supported
        for field in msgspec.structs.fields(self.assumed.meter_values):
            if field.encode_name == key:
                return tuple(getattr(self.assumed.meter_values, field.name) or ())
        return ()

    # The other profiles

    @property
    def charging_rate_units(self) -> tuple[str, ...]:
        """SC-1: `A`, `W` or both; () without Smart Charging."""
        if self.smart_charging is None or not self.is_supported(CertificationProfile.SMART_CHARGING):
            return ()
        units = {"A": self.smart_charging.amperes, "W": self.smart_charging.watts}
        return tuple(unit for unit, answer in units.items() if answer)

    @property
    def reserves_connector_zero(self) -> bool:
        """R-1: the key ReserveConnectorZeroSupported is true."""
        supported = self.is_supported(CertificationProfile.RESERVATION)
        return supported and self.reservation is not None and bool(self.reservation.entire_station)

    @property
    def updates_firmware_securely(self) -> bool:
        """F-1: SignedUpdateFirmware is answered; it belongs to the security extension."""
        return self.is_supported(SECURITY) and self.firmware is not None and bool(self.firmware.secure_updates)

    @property
    def file_transfer_protocols(self) -> tuple[FileTransferProtocol, ...]:
        """ORS-16, or what is assumed; () when neither says anything."""
        return self.settings.file_transfer_protocols or self.assumed.file_transfer_protocols or ()

    # Security

    @property
    def security_profiles(self) -> tuple[int, ...]:
        """SEC-1 to SEC-3, ascending; () without the security extension."""
        if self.security is None or not self.is_supported(SECURITY):
            return ()
        answers = (self.security.profile_1, self.security.profile_2, self.security.profile_3)
        return tuple(number for number, answer in enumerate(answers, start=1) if answer)

    @property
    def cipher_suites(self) -> tuple[CipherSuite, ...]:
        """SEC-4; () without the security extension."""
        if self.security is None or not self.is_supported(SECURITY):
            return ()
        return self.security.cipher_suites or ()

    # Limits

    def limit(self, name: str) -> int:
        """A limit by its configuration key's name: the claimed row, else the assumed value.

        Raises ValueError for a name that is no limit, and for one whose profile this station does not offer.
        """
        source = LIMITS.get(name)
        if source is None:
            raise ValueError(f"{name} is not a limit of a PICS; these are: {', '.join(LIMITS)}")
        if not self.is_supported(source.needs):
            raise ValueError(f"{name} belongs to {source.needs.value}, which this station does not support")
        claimed = self.claimed_limit(name)
        return self.assumed.limits[name] if claimed is None else claimed

    def claimed_limit(self, name: str) -> int | None:
        """The same, from the certificate's row alone."""
        row = LIMITS[name].row
        for field in msgspec.structs.fields(self.settings):
            if field.encode_name == row:
                value: int | None = getattr(self.settings, field.name)
                return value
        return None
