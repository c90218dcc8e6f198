"""What a person sees."""

import pytest

from chargewright.station.snapshot import masked


@pytest.mark.parametrize(
    ("id_tag", "shown"), [("", "…"), ("A", "…"), ("AB", "…B"), ("ABCDEF", "…DEF"), ("0123456789ABCDEF", "…CDEF")]
)
def test_never_more_than_half_of_a_tag_is_shown(id_tag: str, shown: str) -> None:
    assert masked(id_tag) == shown
