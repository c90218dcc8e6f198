"""The words for deviations: they are stored and counted, so they must stay."""

import re

from chargewright.protocol.v16.deviations import Deviation, DeviationKind


def test_kinds_are_words_for_a_table() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.value) for kind in DeviationKind)


def test_deviations_compare_by_value() -> None:
    first = Deviation(DeviationKind.NULL.value, "info", "null")
    assert first == Deviation("null", "info", "null")
    assert len({first, Deviation("null", "info", "null")}) == 1
