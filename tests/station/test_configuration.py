"""Configuration keys: only those that are obeyed, with the values that they may take (§5.3, §5.8, §9)."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.station.world import DC_CABLE, product

import chargewright.station
from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS
from chargewright.protocol.v16.core import ChangeConfigurationRequest, GetConfigurationRequest, KeyValue
from chargewright.station.configuration import StationConfiguration
from chargewright.station.keys import KEYS
from chargewright.station.product import Bounds, Product
from chargewright.station.store import StationStore


@pytest.fixture
def store() -> Iterator[StationStore]:
    with StationStore(":memory:", Random(1)) as store:
        yield store


def change(store: StationStore, key: str, value: str, made: Product | None = None) -> str:
    configuration = StationConfiguration(made or product(), store)
    return configuration.change_configuration(ChangeConfigurationRequest(key=key, value=value)).status.value


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("metervaluesampleinterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "0", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "1.5", "Rejected"),
        ("MeterValueSampleInterval", "", "Rejected"),
        ("MeterValueSampleInterval", "9" * 400, "Rejected"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("TransactionMessageAttempts", "0", "Rejected"),
        ("StopTransactionOnInvalidId", "FALSE", "Accepted"),
        ("StopTransactionOnInvalidId", "no", "Rejected"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register, Voltage.L1", "Accepted"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Coffee", "Rejected"),
        ("MeterValuesSampledData", "SoC", "Rejected"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("ConnectorPhaseRotation", "0.RST,1.Unknown", "Accepted"),
        ("ConnectorPhaseRotation", "2.RST", "Rejected"),
        ("ConnectorPhaseRotation", "1.XYZ", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("WebSocketPingInterval", "10", "RebootRequired"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("LocalPreAuthorize", "true", "Accepted"),
        ("LocalAuthorizeOffline", "maybe", "Rejected"),
        ("LocalAuthListEnabled", "true", "NotSupported"),
        ("AuthorizationCacheEnabled", "true", "NotSupported"),
        ("MakeCoffee", "true", "NotSupported"),
    ],
)
def test_change(key: str, value: str, status: str, store: StationStore) -> None:
    before = StationConfiguration(product(), store).get_configuration(GetConfigurationRequest())
    assert change(store, key, value) == status
    after = StationConfiguration(product(), store).get_configuration(GetConfigurationRequest())
    assert (before == after) or status in ("Accepted", "RebootRequired")


def test_a_change_is_kept_before_it_is_acknowledged_and_read_back_in_standard_form(store: StationStore) -> None:
    assert change(store, "stoptxnsampleddata", " Voltage , Temperature ") == "Accepted"
    assert store.configuration() == {"StopTxnSampledData": "Voltage,Temperature"}
    assert StationConfiguration(product(), store).items("StopTxnSampledData") == ["Voltage", "Temperature"]


def test_the_makers_bounds_hold_but_zero_still_means_off(store: StationStore) -> None:
    made = product(bounds={"MeterValueSampleInterval": Bounds(10, 100)})
    values = {value: change(store, "MeterValueSampleInterval", value, made) for value in ("0", "9", "10", "100", "101")}
    assert values == {"0": "Accepted", "9": "Rejected", "10": "Accepted", "100": "Accepted", "101": "Rejected"}


def test_get_all_some_and_unknown(store: StationStore) -> None:
    configuration = StationConfiguration(product(), store)
    everything = configuration.get_configuration(GetConfigurationRequest())
    assert everything.unknown_key is UNSET and everything.configuration_key is not UNSET
    assert configuration.get_configuration(GetConfigurationRequest(key=[])) == everything
    some = configuration.get_configuration(
        GetConfigurationRequest(key=["heartbeatinterval", "HeartbeatInterval", "Nothing", "Nothing"])
    )
    assert some.configuration_key is not UNSET
    assert [(item.key, item.readonly, item.value) for item in some.configuration_key] == [
        ("HeartbeatInterval", False, "300")
    ]
    assert some.unknown_key == ["Nothing"]


def test_read_only_follows_the_product(store: StationStore) -> None:
    both = StationConfiguration(product(), store)
    one = StationConfiguration(product(maintains_authorization=False), store)
    fixed = StationConfiguration(product(DC_CABLE), store)
    read_only = {
        configuration: {key.name for key in configuration if configuration.is_read_only(key)}
        for configuration in (both, one, fixed)
    }
    assert "StopTransactionOnEVSideDisconnect" not in read_only[both]
    assert "StopTransactionOnEVSideDisconnect" in read_only[one]
    assert "UnlockConnectorOnEVSideDisconnect" not in read_only[both]
    assert "UnlockConnectorOnEVSideDisconnect" in read_only[fixed]
    assert fixed.boolean("UnlockConnectorOnEVSideDisconnect") is False


def test_keys_of_features_that_a_product_lacks_are_not_listed(store: StationStore) -> None:
    without = StationConfiguration(product(allows_offline_unknown_tags=False, measurand_lists={}), store)
    names = {key.name for key in without}
    assert not {"AllowOfflineTxForUnknownId", "MeterValuesSampledData", "StopTxnSampledDataMaxLength"} & names


def test_a_kept_value_that_another_product_forbids_falls_back(store: StationStore) -> None:
    assert change(store, "MeterValuesSampledData", "Voltage.L3") == "Accepted"
    changed = StationConfiguration(product(DC_CABLE), store)
    assert changed.text("MeterValuesSampledData") == "Energy.Active.Import.Register"


def test_an_illegal_default_is_the_makers_mistake(store: StationStore) -> None:
    with pytest.raises(ConfigurationError, match="ConnectionTimeOut"):
        StationConfiguration(product(defaults={"ConnectionTimeOut": "soon"}), store)


def test_names_are_those_of_the_specification() -> None:
    assert {key.name for key in KEYS} <= set(CONFIGURATION_KEYS)


# What a key tells that cannot be written, the product obeys; how the electrician wired the phases is told, and no more.
@pytest.mark.parametrize(
    "name", [key.name for key in KEYS if key.check is not None and key.name != "ConnectorPhaseRotation"]
)
def test_every_key_that_can_be_written_is_read_by_somebody(name: str) -> None:
    room = Path(inspect.getfile(chargewright.station)).parent
    readers = [
        path.name
        for path in room.rglob("*.py")
        if path.name not in ("configuration.py", "shape.py", "keys.py", "key_effects.py")
        and f'"{name}"' in path.read_text()
    ]
    assert readers, f"{name} is listed, but nothing obeys it"


def test_keys_of_the_makers_own_are_listed_written_and_kept_untouched(store: StationStore) -> None:
    made = product(vendor_keys={"DisplayText": "Welcome"})
    assert StationConfiguration(made, store).text("DisplayText") == "Welcome"
    request = ChangeConfigurationRequest(key="displaytext", value=" 3,5 € – bis 22 Uhr ")
    assert StationConfiguration(made, store).change_configuration(request).status.value == "Accepted"
    answer = StationConfiguration(made, store).get_configuration(GetConfigurationRequest(key=["DISPLAYTEXT"]))
    assert answer.configuration_key == [KeyValue(key="DisplayText", readonly=False, value=" 3,5 € – bis 22 Uhr ")]
    assert "DisplayText" in [item.key for item in all_keys(made, store)]
    assert "DisplayText" not in [item.key for item in all_keys(product(), store)]


def all_keys(made: Product, store: StationStore) -> list[KeyValue]:
    answer = StationConfiguration(made, store).get_configuration(GetConfigurationRequest())
    return answer.configuration_key or []
