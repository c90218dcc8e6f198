"""The answers that a device wants of a station's PICS."""

import pytest
from tests.pics.edited import load_edited

from chargewright.pics.enumerations import (
    Cable,
    CertificationExtension,
    CipherSuite,
    ConnectorType,
    Current,
    FileTransferProtocol,
    Support,
)
from chargewright.pics.loading import load, names
from chargewright.pics.station import LIMITS, StationPics
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.datatypes import Measurand

ENERGY = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER
POWER = Measurand.POWER_ACTIVE_IMPORT


def station(name: str) -> StationPics:
    pics = load(name)
    assert isinstance(pics, StationPics)
    return pics


@pytest.fixture
def koolsign() -> StationPics:
    return station("koolsign_kcap7pg_cl5g")


@pytest.fixture
def kempower() -> StationPics:
    return station("kempower_s_series")


@pytest.fixture
def minimal() -> StationPics:
    return station("minimal")


def test_a_connector_joins_claims_and_assumptions(koolsign: StationPics) -> None:
    shape = koolsign.connector(1)
    assert (shape.number, shape.current, shape.phases) == (1, Current.AC, (1, 3))
    assert (shape.type, shape.cable, shape.has_cable_lock) == (ConnectorType.C_TYPE1, Cable.FIXED, False)
    assert (shape.rated_power_w, shape.maximum_current_a, shape.maximum_voltage_v) == (7000, 32, 230)


def test_direct_current_has_no_phases(kempower: StationPics) -> None:
    assert kempower.number_of_connectors == 2
    assert kempower.connector(2).phases == ()
    assert kempower.connector(2).current is Current.DC


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_connector_that_is_not_there_is_an_error(kempower: StationPics, number: int) -> None:
    with pytest.raises(ValueError, match=f"connector {number}: this station has connectors 1 to 2"):
        kempower.connector(number)


def test_core_features(koolsign: StationPics) -> None:
    assert koolsign.authorizes_offline
    assert koolsign.authorizes_unknown_offline
    assert not koolsign.limits_energy_on_invalid_id
    assert not koolsign.has_authorization_cache
    assert not koolsign.limits_status_notifications
    assert koolsign.starts_locally
    assert koolsign.stops_locally
    assert station("xcharge_c6").limits_energy_on_invalid_id
    assert station("reference").limits_status_notifications
    assert not station("minimal").authorizes_offline


@pytest.mark.parametrize(
    ("name", "values"),
    [("koolsign_kcap7pg_cl5g", {False}), ("kempower_s_series", {True}), ("reference", {False, True})],
)
def test_the_values_of_stop_on_ev_side_disconnect(name: str, values: set[bool]) -> None:
    assert station(name).stop_on_ev_side_disconnect_values == values


def test_measurands_are_the_claimed_ones_then_the_assumed_ones(koolsign: StationPics, kempower: StationPics) -> None:
    assert koolsign.measurands("MeterValuesSampledData") == (ENERGY, POWER)
    assert kempower.measurands("MeterValuesAlignedData") == (ENERGY, POWER)
    assert kempower.measurands("StopTxnSampledData") == (ENERGY, Measurand.SOC)
    assert set(station("reference").measurands("StopTxnAlignedData")) == set(Measurand)
    assert Measurand.CURRENT_EXPORT in station("xcharge_c6").measurands("MeterValuesSampledData")
    with pytest.raises(ValueError, match="HeartbeatInterval is not a list of measurands"):
        koolsign.measurands("HeartbeatInterval")


def test_units_of_charging_rates(koolsign: StationPics, kempower: StationPics, minimal: StationPics) -> None:
    assert koolsign.charging_rate_units == ("A",)
    assert kempower.charging_rate_units == ("W",)
    assert station("xcharge_c6").charging_rate_units == ("A", "W")
    assert minimal.charging_rate_units == ()


def test_reservation_and_firmware(koolsign: StationPics, kempower: StationPics, minimal: StationPics) -> None:
    assert not koolsign.reserves_connector_zero
    assert not kempower.reserves_connector_zero
    assert station("reference").reserves_connector_zero
    assert koolsign.updates_firmware_securely
    assert not kempower.updates_firmware_securely
    assert not minimal.updates_firmware_securely
    assert FeatureProfile.FIRMWARE_MANAGEMENT in minimal.feature_profiles


def test_files_travel_by_the_claimed_protocols(koolsign: StationPics, kempower: StationPics) -> None:
    assert set(koolsign.file_transfer_protocols) == set(FileTransferProtocol)
    assert kempower.file_transfer_protocols == (FileTransferProtocol.FTP,)
    bare = load_edited("minimal", ('"ORS-16" = ["ftp"]\n', ""))
    assert isinstance(bare, StationPics)
    assert bare.file_transfer_protocols == ()
    assumed = load_edited(
        "minimal", ('"ORS-16" = ["ftp"]\n', ""), ("[assumed]\n", '[assumed]\nfile_transfer_protocols = ["https"]\n')
    )
    assert isinstance(assumed, StationPics)
    assert assumed.file_transfer_protocols == (FileTransferProtocol.HTTPS,)


def test_security(koolsign: StationPics, kempower: StationPics, minimal: StationPics) -> None:
    assert koolsign.security_profiles == (2, 3)
    assert kempower.security_profiles == (1, 2, 3)
    assert minimal.security_profiles == ()
    assert koolsign.cipher_suites == (CipherSuite.RSA_AES_128_GCM, CipherSuite.RSA_AES_256_GCM)
    assert minimal.cipher_suites == ()
    assert minimal.extension_support(CertificationExtension.SECURITY) is Support.NOT_SUPPORTED
    assert FeatureProfile.SECURITY not in minimal.feature_profiles


def test_a_limit_is_the_claimed_one_then_the_assumed_one(koolsign: StationPics, kempower: StationPics) -> None:
    assert koolsign.limit("LocalAuthListMaxLength") == 48
    assert koolsign.limit("ChargeProfileMaxStackLevel") == 8
    assert koolsign.limit("MaxChargingProfilesInstalled") == 10
    assert kempower.limit("MeterValuesSampledDataMaxLength") == 8
    assert kempower.claimed_limit("MeterValuesSampledDataMaxLength") is None
    assert station("xcharge_c6").limit("MinimumHeartbeatInterval") == 0
    assert station("xcharge_c6").limit("ChargingScheduleMaxPeriods") == 24


def test_a_limit_of_something_unsupported_or_unknown_is_an_error(minimal: StationPics) -> None:
    with pytest.raises(ValueError, match="LocalAuthListMaxLength belongs to Local Authorization List Management"):
        minimal.limit("LocalAuthListMaxLength")
    with pytest.raises(ValueError, match="NumberOfConnectors is not a limit of a PICS"):
        minimal.limit("NumberOfConnectors")


@pytest.mark.parametrize("name", [name for name in names() if isinstance(load(name), StationPics)])
def test_every_limit_of_what_is_supported_has_a_value(name: str) -> None:
    pics = station(name)
    for limit, source in LIMITS.items():
        if pics.is_supported(source.needs):
            assert pics.limit(limit) >= 0
