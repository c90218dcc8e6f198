"""From a PICS to a product: what the station claims becomes what it does."""

from typing import Final

from chargewright.errors import ConfigurationError
from chargewright.pics.enumerations import Cable, Current
from chargewright.pics.station import ConnectorShape, StationPics
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.station.hardware.interface import Outlet
from chargewright.station.meter import supported_measurands
from chargewright.station.product import Bounds, MeasurandList, Product

__all__ = ["product_of"]

_LISTS: Final = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")


def product_of(pics: StationPics, *, vendor: str | None = None, model: str | None = None) -> Product:
    """The product that a PICS describes, under our own name unless another one is given.

    What this station cannot do yet is left out, whatever the PICS claims. Raises `ConfigurationError` for a limit
    that leaves nothing to do.
    """
    outlets = tuple(_outlet(pics.connector(number)) for number in range(1, pics.number_of_connectors + 1))
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


def _outlet(shape: ConnectorShape) -> Outlet:
    return Outlet(
        phases=0 if shape.current is Current.DC else max(shape.phases),
        max_power_w=shape.rated_power_w,
        max_current_a=shape.maximum_current_a,
        has_fixed_cable=shape.cable is Cable.FIXED,
    )
