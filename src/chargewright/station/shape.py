"""From a PICS to a product: what the station claims becomes what it does."""

from typing import Final

import msgspec

from chargewright.errors import ConfigurationError
from chargewright.pics.enumerations import Cable, CertificationProfile, Current, RfidReaders
from chargewright.pics.station import ConnectorShape, StationPics
from chargewright.pics.station_sections import StationDuration
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.station.hardware.interface import Outlet
from chargewright.station.measurands import supported_measurands
from chargewright.station.product import (
    Bounds,
    FirmwareManagement,
    LocalList,
    MeasurandList,
    Product,
    Reservations,
    Security,
    SmartCharging,
    Spread,
    Timing,
)

__all__ = ["product_of", "with_basic_authentication"]

# What an AC outlet can tell a vehicle to take: with the control pilot of IEC 61851-1, and in whatever other way.
PILOT_LEAST_A: Final = 6.0
OTHER_LEAST_A: Final = 1.0
_LISTS: Final = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")


def product_of(pics: StationPics, *, vendor: str | None = None, model: str | None = None) -> Product:
    """The product that a PICS describes, under our own name unless another one is given.

    Raises `ConfigurationError` for a limit that leaves nothing to do.
    """
    has_pilot = bool(pics.questions.charges_by_iec_61851_1)
    outlets = tuple(_outlet(pics.connector(number), has_pilot) for number in range(1, pics.number_of_connectors + 1))
    measurable = supported_measurands(outlets)
    lists = {}
    for name in _LISTS:
        claimed = {str(measurand.value) for measurand in pics.measurands(name)}
        allowed = frozenset(item for item in measurable if item in claimed or item.rpartition(".")[0] in claimed)
        most = pics.limit(f"{name}MaxLength")
        if most < 1:
            raise ConfigurationError("PICS", f"{name}MaxLength", most, "at least 1")
        lists[name] = MeasurandList(allowed, most)
    ends = pics.stop_on_ev_side_disconnect_values
    return Product(
        vendor=pics.assumed.vendor if vendor is None else vendor,
        model=pics.assumed.model if model is None else model,
        serial_number=pics.assumed.serial_number,
        firmware_version=pics.assumed.firmware_version,
        meter_type=pics.assumed.meter_type,
        meter_serial_number=pics.assumed.meter_serial_number,
        outlets=outlets,
        has_remote_trigger=FeatureProfile.REMOTE_TRIGGER in pics.feature_profiles,
        local_list=_local_list(pics),
        smart_charging=_smart_charging(pics),
        reservations=_reservations(pics),
        firmware_management=_firmware_management(pics),
        security=_security(pics),
        file_transfer_protocols=tuple(protocol.value for protocol in pics.file_transfer_protocols),
        authorizes_offline=pics.authorizes_offline,
        has_authorization_cache=pics.has_authorization_cache,
        limits_energy_on_invalid_id=pics.limits_energy_on_invalid_id,
        limits_status_notifications=pics.limits_status_notifications,
        has_one_reader=pics.hardware.rfid_readers is not RfidReaders.MULTIPLE,
        locks_before_authorization=bool(pics.questions.locks_before_authorization),
        meter_resolution_wh=pics.assumed.meter_resolution_wh,
        vendor_keys=pics.assumed.vendor_keys,
        nominal_voltage_v=pics.assumed.nominal_voltage_v,
        mains_frequency_hz=pics.assumed.mains_frequency_hz,
        allows_offline_unknown_tags=pics.authorizes_unknown_offline,
        ends_authorization=True in ends,
        maintains_authorization=False in ends,
        has_local_start=pics.starts_locally,
        has_local_stop=pics.stops_locally,
        requires_connector_selection=bool(pics.questions.requires_connector_selection),
        stops_before_power_down=bool(pics.questions.stops_before_going_down),
        bounds={
            "MeterValueSampleInterval": Bounds(
                pics.limit("MinimumMeterValueSampleInterval"), pics.limit("MaximumMeterValueSampleInterval")
            ),
            "HeartbeatInterval": Bounds(pics.limit("MinimumHeartbeatInterval"), pics.limit("MaximumHeartbeatInterval")),
        },
        defaults={"WebSocketPingInterval": str(pics.limit("WebSocketPingInterval"))},
        measurand_lists=lists,
        max_configuration_keys=pics.limit("GetConfigurationMaxKeys"),
        max_transaction_meter_values=pics.limit("StopTransactionMaxMeterValues"),
    )


def timing_of(pics: StationPics) -> Timing:
    """How slow the certified product was, by its certificate.

    Raises `ConfigurationError` for a PICS without measured times, of which a certificate has four rows.
    """
    performance = pics.performance
    if performance is None:
        raise ConfigurationError(
            f"PICS of {pics.assumed.model}",
            "performance",
            None,
            "the measured times of a certificate, or --timing fast",
        )
    return Timing(
        answer=_spread("OCPP response timeout", performance.response_timeout),
        triggered=_spread("OCPP triggered function timeout", performance.triggered_function_timeout),
        remote_start=_spread("Transaction authorization time by RemoteStartTransaction", performance.remote_start_time),
        remote_stop=_spread(
            "Transaction authorization end time by RemoteStopTransaction", performance.remote_stop_time
        ),
    )


def _spread(row: str, duration: StationDuration) -> Spread:
    least, most, mean = duration.measured_minimum, duration.measured_maximum, duration.measured_average
    if least is None or most is None or mean is None or not least <= mean <= most:
        expected = "measured minimum, maximum, and an average between them"
        raise ConfigurationError("PICS performance", row, (least, most, mean), expected)
    return Spread(least=least, most=most, mean=mean)


def _local_list(pics: StationPics) -> LocalList | None:
    if not pics.is_supported(CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT):
        return None
    return LocalList(pics.limit("LocalAuthListMaxLength"), pics.limit("SendLocalListMaxLength"))


def _smart_charging(pics: StationPics) -> SmartCharging | None:
    if not pics.is_supported(CertificationProfile.SMART_CHARGING):
        return None
    return SmartCharging(
        units=pics.charging_rate_units,
        max_stack_level=pics.limit("ChargeProfileMaxStackLevel"),
        max_periods=pics.limit("ChargingScheduleMaxPeriods"),
        max_profiles=pics.limit("MaxChargingProfilesInstalled"),
        switches_3_to_1_phase=pics.assumed.connector_switch_3_to_1_phase,
    )


def _reservations(pics: StationPics) -> Reservations | None:
    if not pics.is_supported(CertificationProfile.RESERVATION):
        return None
    return Reservations(pics.reserves_connector_zero)


def _firmware_management(pics: StationPics) -> FirmwareManagement | None:
    if not pics.is_supported(CertificationProfile.FIRMWARE_MANAGEMENT):
        return None
    return FirmwareManagement(
        is_signed=pics.updates_firmware_securely,
        downloads_during_transaction=bool(pics.questions.downloads_during_transaction),
    )


def _security(pics: StationPics) -> Security | None:
    if FeatureProfile.SECURITY not in pics.feature_profiles:
        return None
    return Security(
        profiles=pics.security_profiles,
        cipher_suites=tuple(suite.value for suite in pics.cipher_suites),
        max_chain_size=pics.limit("CertificateSignedMaxChainSize"),
        max_certificates=pics.limit("CertificateStoreMaxLength"),
        checks_additional_root=pics.assumed.additional_root_certificate_check,
        removes_last_root=bool(pics.questions.removes_last_root_certificate),
        removes_last_station_certificate=bool(pics.questions.removes_last_station_certificate),
    )


def with_basic_authentication(product: Product) -> Product:
    """The same product with security profile 1 added, where its PICS states other profiles only.

    For simulations that stay on loopback addresses: a password crosses them without TLS.
    """
    security = product.security
    if security is None or 1 in security.profiles:
        return product
    allowed = msgspec.structs.replace(security, profiles=(1, *security.profiles))
    return msgspec.structs.replace(product, security=allowed)


def _outlet(shape: ConnectorShape, has_pilot: bool) -> Outlet:
    return Outlet(
        phases=0 if shape.current is Current.DC else max(shape.phases),
        max_power_w=shape.rated_power_w,
        max_current_a=shape.maximum_current_a,
        has_fixed_cable=shape.cable is Cable.FIXED,
        least_current_a=PILOT_LEAST_A if has_pilot else OTHER_LEAST_A,
    )
