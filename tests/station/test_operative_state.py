"""In and out of service: kept for ChangeAvailability, forgotten for holds."""

import pytest
from tests.station.bench import Bench
from tests.station.world import product

from chargewright.station.operative_state import OperativeState
from chargewright.station.store import Availability


def test_a_change_is_kept_and_waits_where_the_connector_is_busy() -> None:
    bench = Bench(product())
    state = OperativeState(bench.context, 1)
    assert not state.change(False, is_busy=True)
    assert (state.is_operative, bench.store.availability(1)) == (True, Availability(True, False))
    assert state.catch_up()
    assert (state.is_operative, bench.store.availability(1)) == (False, Availability(False))
    assert not state.catch_up()
    assert OperativeState(bench.context, 1).is_operative is False


@pytest.mark.parametrize("is_operative", [True, False])
def test_a_hold_leaves_what_is_kept_alone(is_operative: bool) -> None:
    bench = Bench(product())
    state = OperativeState(bench.context, 1)
    state.change(is_operative, is_busy=False)
    state.hold(True)
    assert (state.is_held, state.is_operative) == (False, is_operative)
    assert state.catch_up()
    assert (state.is_held, state.is_operative) == (True, False)
    assert OperativeState(bench.context, 1).is_operative is is_operative
    state.hold(False)
    assert (state.is_held, state.is_operative, state.catch_up()) == (False, is_operative, False)


def test_a_hold_that_was_taken_back_before_it_took_effect() -> None:
    state = OperativeState(Bench(product()).context, 1)
    state.hold(True)
    state.hold(False)
    assert not state.catch_up()
    assert not state.is_held
