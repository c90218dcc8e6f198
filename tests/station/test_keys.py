"""The table of keys: standard names, each once, defaults that the key itself would take."""

from random import Random

import pytest
from tests.station.world import DC_CABLE, SOCKET, product

from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS
from chargewright.station.configuration import StationConfiguration
from chargewright.station.keys import KEYS, Key
from chargewright.station.product import LocalList, Product, Reservations
from chargewright.station.store import StationStore


def test_names_are_those_of_the_specification_and_each_stands_once() -> None:
    names = [key.name for key in KEYS]
    assert len(names) == len(set(names))
    assert set(names) <= {row.name for row in CONFIGURATION_KEYS.values()}


@pytest.mark.parametrize("key", [key for key in KEYS if key.check is not None], ids=lambda key: key.name)
def test_a_default_is_a_value_that_the_key_would_take(key: Key) -> None:
    for made in (product(SOCKET), product(DC_CABLE, DC_CABLE)):
        if key.exists(made):
            assert key.check is not None
            default = key.default(made)
            assert key.check(default, made) == default
            assert key.check("\N{SNOWMAN}", made) is None


@pytest.mark.parametrize(
    ("made", "profiles"),
    [
        (product(), "Core,RemoteTrigger"),
        (product(has_remote_trigger=False), "Core"),
        (
            product(local_list=LocalList(10, 5), reservations=Reservations(has_connector_zero=False)),
            "Core,LocalAuthListManagement,Reservation,RemoteTrigger",
        ),
    ],
)
def test_the_feature_profiles_are_those_of_the_product(made: Product, profiles: str) -> None:
    with StationStore(":memory:", Random(1)) as store:
        assert StationConfiguration(made, store).text("SupportedFeatureProfiles") == profiles
