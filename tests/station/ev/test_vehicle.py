"""Vehicles take what their onboard charger, their battery and their driver allow."""

import math

import pytest

from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle


def car(soc: float = 0.5, **changes: object) -> Vehicle:
    return Vehicle(Battery(50_000.0, soc, max_power_w=120_000.0), **changes)  # type: ignore[arg-type]  # test values


@pytest.mark.parametrize(
    ("car_phases", "outlet_phases", "offered_a", "power_w"),
    [(1, 3, 32.0, 3680.0), (3, 1, 32.0, 3680.0), (3, 3, 10.0, 6900.0), (3, 3, 32.0, 11_040.0), (3, 3, 5.9, 0.0)],
)
def test_ac_power_follows_the_weaker_of_both_sides(
    car_phases: int, outlet_phases: int, offered_a: float, power_w: float
) -> None:
    assert car(phases=car_phases, max_current_a=16.0).ac_offer_w(outlet_phases, offered_a, 230.0) == power_w


def test_ac_losses_are_metered_but_not_stored() -> None:
    vehicle = car(efficiency=0.9)
    before = vehicle.battery.energy_wh
    metered = vehicle.take(3600, 11_000, is_dc=False)
    assert metered == pytest.approx(11_000)
    assert vehicle.battery.energy_wh - before == pytest.approx(9_900)


def test_it_stops_at_its_target_and_then_wants_nothing() -> None:
    vehicle = car(target_soc=0.6)
    assert vehicle.take(100_000, 50_000, is_dc=True) == pytest.approx(5_000)
    assert not vehicle.wants_energy
    assert vehicle.draw_w(50_000, is_dc=True) == 0
    assert vehicle.seconds_until_satisfied(50_000, is_dc=True) == 0


def test_without_an_offer_it_waits_for_ever() -> None:
    assert car().seconds_until_satisfied(0, is_dc=True) == math.inf
    assert car().take(3600, 0, is_dc=True) == 0


def test_the_pack_voltage_rises_with_the_state_of_charge() -> None:
    assert car(0.1).pack_voltage_v < car(0.9).pack_voltage_v


def test_an_onboard_charger_has_one_to_three_phases() -> None:
    with pytest.raises(ValueError, match="1 to 3 phases"):
        car(phases=4)


def test_how_little_a_vehicle_can_be_told_to_take_depends_on_how_it_is_told() -> None:
    vehicle = car(phases=1, max_current_a=16.0)
    assert vehicle.ac_offer_w(1, 5.0, 230.0) == 0
    assert vehicle.ac_offer_w(1, 5.0, 230.0, least_a=1.0) == 5 * 230
