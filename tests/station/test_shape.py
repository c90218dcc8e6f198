"""Every built-in PICS becomes a product of ours."""

from random import Random

import pytest

from chargewright.errors import ConfigurationError
from chargewright.pics.loading import load, names
from chargewright.pics.station import StationPics
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.core import BootNotificationRequest, GetConfigurationRequest
from chargewright.station.configuration import StationConfiguration
from chargewright.station.product import Bounds, Spread
from chargewright.station.shape import product_of, timing_of
from chargewright.station.store import StationStore

STATIONS = {name: pics for name in names() if isinstance(pics := load(name), StationPics)}


@pytest.mark.parametrize("name", STATIONS)
def test_each_pics_gives_a_station_that_introduces_itself_as_ours(name: str) -> None:
    pics = STATIONS[name]
    product = product_of(pics)
    assert product.vendor == "Chargewright"
    assert len(product.outlets) == pics.number_of_connectors
    encode(BootNotificationRequest(charge_point_vendor=product.vendor, charge_point_model=product.model))
    with StationStore(":memory:", Random(1)) as store:
        keys = StationConfiguration(product, store).get_configuration(GetConfigurationRequest())
        listed = {item.key: item.value for item in keys.configuration_key or []}
        assert listed["NumberOfConnectors"] == str(pics.number_of_connectors)
        assert listed["GetConfigurationMaxKeys"] == str(pics.limit("GetConfigurationMaxKeys"))
        assert ("AllowOfflineTxForUnknownId" in listed) == pics.authorizes_unknown_offline
        # A default must be a value that the key would take.
        assert set(str(listed["MeterValuesSampledData"]).split(",")) <= product.measurand_lists[
            "MeterValuesSampledData"
        ].allowed | {""}


def test_claims_become_behaviour() -> None:
    dc = product_of(STATIONS["kempower_s_series"])
    assert [outlet.is_dc for outlet in dc.outlets] == [True, True]
    assert dc.requires_connector_selection and dc.has_one_reader
    assert not product_of(STATIONS["reference"]).has_one_reader
    assert (dc.ends_authorization, dc.maintains_authorization) == (True, False)
    assert "SoC" in dc.measurand_lists["MeterValuesSampledData"].allowed
    assert "Temperature" not in dc.measurand_lists["MeterValuesSampledData"].allowed
    assert dc.bounds["HeartbeatInterval"] == Bounds(1, 86_400)
    minimal = product_of(STATIONS["minimal"])
    assert not minimal.has_remote_trigger
    assert minimal.measurand_lists["MeterValuesSampledData"].max_length == 1


def test_another_name_only_if_asked_for() -> None:
    product = product_of(STATIONS["minimal"], vendor="ACME", model="Box")
    assert (product.vendor, product.model) == ("ACME", "Box")


def test_times_come_from_the_certificate_or_not_at_all() -> None:
    timing = timing_of(STATIONS["xcharge_c6"])
    assert timing.answer == Spread(least=0.25, most=5.13, mean=0.37)
    assert timing.remote_start == Spread(least=42.87, most=42.87, mean=42.87)
    with pytest.raises(ConfigurationError, match="performance"):
        timing_of(STATIONS["reference"])
    assert product_of(STATIONS["xcharge_c6"]).timing is None


def test_only_a_control_pilot_has_a_least_current_of_6_amperes() -> None:
    least = {name: product_of(pics).outlets[0].least_current_a for name, pics in STATIONS.items()}
    assert least["koolsign_kcap7pg_cl5g"] == 1.0
    assert least["reference"] == least["minimal"] == 6.0
