"""Ampere and watt: nominal voltage, phases, direct current, rounding."""

from decimal import Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.charging_profiles.building import A, W

from chargewright.charging_profiles.units import (
    UNLIMITED,
    DirectCurrent,
    Limit,
    Supply,
    convert,
    one_decimal,
)

AC = Supply(max_watts=Decimal(22_080), max_amperes=Decimal(32))
ONE_PHASE = Supply(max_watts=Decimal(7_000), phases=1)
GRID_SIDE = Supply(max_watts=Decimal(80_000), direct_current=DirectCurrent.GRID_SIDE)
OUTLET = Supply(max_watts=Decimal(80_000), direct_current=DirectCurrent.OUTLET, outlet_voltage=Decimal(500))
tenths = st.integers(0, 10_000_000).map(lambda number: Decimal(number) / 10)


@pytest.mark.parametrize(
    ("value", "source", "target", "supply", "phases", "expected"),
    [
        # Three phases at 230 V where nothing else is said.
        ("16", A, W, AC, 3, "11040"),
        ("11040", W, A, AC, 3, "16"),
        ("16", A, W, AC, 1, "3680"),
        ("3680", W, A, AC, 1, "16"),
        ("7360", W, A, AC, 2, "16"),
        # More phases than the outlet has change nothing about the limit.
        ("16", A, W, ONE_PHASE, 3, "3680"),
        ("3680", W, A, ONE_PHASE, 3, "16"),
        # Direct current: phases of the grid whatever the limit says, or the outlet's voltage.
        ("13800", W, A, GRID_SIDE, 1, "20"),
        ("20", A, W, GRID_SIDE, 1, "13800"),
        ("13800", W, A, OUTLET, 3, "27.6"),
        ("27.6", A, W, OUTLET, 3, "13800"),
        # Down, never up.
        ("10000", W, A, AC, 3, "14.4"),
        ("6899.9", W, A, AC, 3, "9.9"),
        ("0", W, A, AC, 3, "0"),
        # The same unit.
        ("16.1", A, A, AC, 3, "16.1"),
        ("0.1", W, W, AC, 3, "0.1"),
    ],
)
def test_a_rate_in_another_unit(value: str, source, target, supply: Supply, phases: int, expected: str) -> None:
    assert convert(Decimal(value), source, target, supply, phases) == Decimal(expected)


def test_another_nominal_voltage() -> None:
    assert convert(Decimal(16), A, W, Supply(max_watts=Decimal(9_999), nominal_voltage=Decimal("120.5")), 1) == 1928


@given(tenths, st.integers(1, 3), st.sampled_from([AC, ONE_PHASE, GRID_SIDE, OUTLET]))
def test_ampere_come_back_and_watt_never_grow(value: Decimal, phases: int, supply: Supply) -> None:
    assert convert(convert(value, A, W, supply, phases), W, A, supply, phases) == value
    assert convert(convert(value, W, A, supply, phases), A, W, supply, phases) <= value


@given(tenths)
def test_at_most_one_decimal_whatever_the_callers_context(value: Decimal) -> None:
    with localcontext() as context:
        context.prec = 3
        converted = convert(value, W, A, AC)
    assert converted.as_tuple().exponent == -1
    assert converted <= value / 690 < converted + Decimal("0.1")
    assert getcontext().prec == 28


def test_one_decimal_is_rounded_down() -> None:
    assert one_decimal(Decimal("15.99")) == Decimal("15.9")


def test_the_lowest_of_two_limits_holds_in_each_respect() -> None:
    left, right = Limit(watts=Decimal(5), phases=1), Limit(watts=Decimal(9), amperes=Decimal(2), phases=3)
    assert left.lowest(right) == right.lowest(left) == Limit(Decimal(5), Decimal(2), 1)
    assert left.lowest(UNLIMITED) == UNLIMITED.lowest(left) == left
    assert Limit(phases=1).is_unlimited
    assert not Limit(watts=Decimal(0)).is_unlimited


def test_two_units_give_the_number_that_allows_less() -> None:
    limit = Limit(watts=Decimal(4_600), amperes=Decimal(10), phases=1)
    assert (AC.in_unit(limit, W), AC.in_unit(limit, A)) == (2300, 10)
    limit = Limit(watts=Decimal(460), amperes=Decimal(10), phases=1)
    assert (AC.in_unit(limit, W), AC.in_unit(limit, A)) == (460, 2)


@pytest.mark.parametrize("unit", [A, W])
def test_no_number_stands_for_unlimited(unit) -> None:
    with pytest.raises(ValueError, match="unlimited"):
        AC.in_unit(UNLIMITED, unit)
    assert AC.in_unit(AC.maximum, unit) == (32 if unit is A else 22_080)


@pytest.mark.parametrize(
    "wrong",
    [
        {"phases": 0},
        {"phases": 4},
        {"nominal_voltage": Decimal(0)},
        {"outlet_voltage": Decimal(-1)},
        {"max_watts": Decimal(-1)},
        {"max_amperes": Decimal(-1)},
    ],
)
def test_an_outlet_that_there_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Supply(**{"max_watts": Decimal(1), **wrong})  # type: ignore[arg-type]
