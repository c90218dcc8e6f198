"""What each key changes is said once, in a sentence that fits a table; test_keys_obeyed.py shows that it does."""

import pytest

from chargewright.station.key_effects import EFFECTS
from chargewright.station.keys import KEYS


def test_each_key_has_one() -> None:
    assert set(EFFECTS) == {key.name for key in KEYS}


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_it_is_a_sentence_that_fits_into_a_table(name: str) -> None:
    effect = EFFECTS[name]
    assert 10 < len(effect) <= 110 and effect[0].isupper() and not effect.endswith(".") and "|" not in effect
