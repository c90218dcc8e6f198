"""The table of keys: standard names, each once, defaults that the key itself would take."""

import pytest
from tests.station.world import DC_CABLE, SOCKET, product

from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS
from chargewright.station.keys import KEYS, Key


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
