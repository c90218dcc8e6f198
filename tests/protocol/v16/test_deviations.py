"""The words for deviations: they are stored and counted, so they must stay."""

import re

from chargewright.protocol.v16.deviations import IS_LOSSY, Deviation, DeviationKind


def test_kinds_are_words_for_a_table() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.value) for kind in DeviationKind)


def test_deviations_compare_by_value() -> None:
    first = Deviation(DeviationKind.NULL.value, "info", "null")
    assert first == Deviation("null", "info", "null")
    assert len({first, Deviation("null", "info", "null")}) == 1


def test_of_every_kind_it_is_known_whether_it_loses_anything() -> None:
    assert set(IS_LOSSY) == set(DeviationKind)
    assert Deviation("too-large", "meterStart", "1e30").is_lossy
    assert not Deviation("null", "info", "null").is_lossy
