"""Energy is the integral of power, and the curve is the one that was asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.station.ev.battery import Battery, ac_power_w

socs = st.floats(0.0, 1.0)
offers = st.floats(500.0, 300_000.0)


def battery(soc: float) -> Battery:
    return Battery(60_000.0, soc, max_power_w=100_000.0, knee=0.7, end_share=0.05)


@given(soc=socs, offered_w=offers, seconds=st.floats(1.0, 20_000.0), parts=st.integers(2, 7))
def test_it_does_not_matter_in_how_many_steps_a_battery_is_charged(
    soc: float, offered_w: float, seconds: float, parts: int
) -> None:
    once, often = battery(soc), battery(soc)
    taken = once.charge(seconds, offered_w)
    in_parts = sum(often.charge(seconds / parts, offered_w) for _ in range(parts))
    assert in_parts == pytest.approx(taken, rel=1e-6, abs=1e-3)
    assert often.soc == pytest.approx(once.soc, abs=1e-6)


@given(soc=st.floats(0.0, 0.99), offered_w=offers)
def test_the_energy_taken_is_the_integral_of_the_power(soc: float, offered_w: float) -> None:
    charged, watched = battery(soc), battery(soc)
    seconds, steps = 900.0, 900
    energy_wh = charged.charge(seconds, offered_w)
    integral_wh = 0.0
    for _ in range(steps):
        before = watched.power_w(offered_w)
        watched.charge(seconds / steps, offered_w)
        integral_wh += (before + watched.power_w(offered_w)) / 2 * (seconds / steps) / 3600
    # The trapezoid rule errs by half a step at most where the battery becomes full.
    assert integral_wh == pytest.approx(energy_wh, rel=1e-3, abs=30.0)


@given(soc=st.floats(0.0, 0.95), target=st.floats(0.0, 1.0), offered_w=offers)
def test_the_time_to_a_target_is_the_time_it_takes(soc: float, target: float, offered_w: float) -> None:
    subject = battery(soc)
    seconds = subject.seconds_until(target, offered_w)
    assert math.isfinite(seconds)
    subject.charge(seconds, offered_w)
    assert subject.soc == pytest.approx(max(soc, target), abs=1e-6)


def test_power_is_constant_up_to_the_knee_and_falls_to_the_end_share() -> None:
    assert battery(0.1).power_w(1e6) == pytest.approx(100_000)
    assert battery(0.7).power_w(1e6) == pytest.approx(100_000)
    assert battery(0.85).power_w(1e6) == pytest.approx(52_500)
    assert battery(0.999999).power_w(1e6) == pytest.approx(5_000, rel=1e-3)
    assert battery(1.0).power_w(1e6) == 0
    assert battery(0.1).power_w(11_000) == 11_000


def test_a_full_battery_takes_nothing_and_an_offer_of_nothing_never_fills_one() -> None:
    assert battery(1.0).charge(3600, 50_000) == 0
    assert battery(0.5).charge(3600, 0) == 0
    assert battery(0.5).seconds_until(0.6, 0) == math.inf


@pytest.mark.parametrize("arguments", [(0, 0.5, 1), (1, 0.5, 0), (1, 1.1, 1), (1, -0.1, 1)])
def test_an_impossible_battery_is_refused(arguments: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"shares lie|cannot be charged"):
        Battery(*arguments)


def test_ac_power_is_current_times_voltage_on_each_phase() -> None:
    assert ac_power_w(3, 16.0, 230.0) == pytest.approx(11_040)
