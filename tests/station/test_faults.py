"""Faults by source: nobody takes back what another has said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.faults import HARDWARE, Faults, FaultSource

SOURCES = st.sampled_from(FaultSource)
CODES = st.sampled_from([code for code in ChargePointErrorCode if code is not ChargePointErrorCode.NO_ERROR])


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(FaultSource, 2)))
def test_what_one_takes_back_leaves_the_fault_of_another(one: FaultSource, other: FaultSource) -> None:
    faults = Faults()
    faults.add(one, ChargePointErrorCode.GROUND_FAILURE)
    faults.add(other, ChargePointErrorCode.OTHER_ERROR)
    faults.remove(other)
    assert faults and faults.sources == {one}
    assert faults.error_code is ChargePointErrorCode.GROUND_FAILURE
    faults.remove(one)
    assert not faults and faults.error_code is ChargePointErrorCode.NO_ERROR


def test_the_oldest_that_still_stands_is_told() -> None:
    faults = Faults()
    faults.add(FaultSource.ORDER, ChargePointErrorCode.POWER_SWITCH_FAILURE)
    faults.add(FaultSource.PERSON, ChargePointErrorCode.GROUND_FAILURE)
    faults.add(FaultSource.PERSON, ChargePointErrorCode.HIGH_TEMPERATURE)
    assert faults.error_code is ChargePointErrorCode.POWER_SWITCH_FAILURE
    faults.remove(*HARDWARE)
    assert faults.error_code is ChargePointErrorCode.HIGH_TEMPERATURE


@given(st.lists(st.tuples(SOURCES, st.none() | CODES)))
def test_there_is_one_as_long_as_somebody_says_so(words: list[tuple[FaultSource, ChargePointErrorCode | None]]) -> None:
    faults, said = Faults(), {}
    for source, code in words:
        if code is None:
            faults.remove(source)
            said.pop(source, None)
        else:
            faults.add(source, code)
            said[source] = code
        assert bool(faults) == bool(said) and faults.sources == set(said)
        assert (faults.error_code in said.values()) if said else faults.error_code is ChargePointErrorCode.NO_ERROR
