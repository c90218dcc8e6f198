"""From limits to offers: what one connector may offer, and what several share."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.station.world import DC_CABLE, SOCKET

from chargewright.charging_profiles.units import UNLIMITED, Limit, one_decimal
from chargewright.protocol.v16.datatypes import ChargingRateUnitType
from chargewright.station.hardware.interface import NO_OFFER, Offer, Outlet
from chargewright.station.power_sharing import Claim, offer_under, shared, station_supply, supply_of

A, W = ChargingRateUnitType.A, ChargingRateUnitType.W
SINGLE = Outlet(phases=1, max_power_w=7_000.0, max_current_a=32.0, has_fixed_cable=True)


def claim(outlet: Outlet = SOCKET, limit: Limit = UNLIMITED, number: int = 1, **changes: object) -> Claim:
    return Claim(number=number, outlet=outlet, supply=supply_of(outlet, 230.0), limit=limit, **changes)  # type: ignore[arg-type]  # test data


def amperes(value: str, phases: int | None = None) -> Limit:
    return Limit(amperes=Decimal(value), phases=phases)


def watts(value: str, phases: int | None = None) -> Limit:
    return Limit(watts=Decimal(value), phases=phases)


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE])
def test_without_a_limit_all_that_the_outlet_can_give_is_offered(outlet: Outlet) -> None:
    assert offer_under(UNLIMITED, claim(outlet)) == outlet.most


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (amperes("16"), Offer(16.0, 11_040.0, 3)),
        (amperes("63"), Offer(32.0, 22_080.0, 3)),
        (watts("11040", 3), Offer(16.0, 11_040.0, 3)),
        (watts("11000"), Offer(15.9, 11_000.0, 3)),
        (amperes("6"), Offer(6.0, 4_140.0, 3)),
        (amperes("5.9"), NO_OFFER),
        (amperes("0"), NO_OFFER),
        (watts("0"), NO_OFFER),
        (watts("4139"), NO_OFFER),
        (amperes("16", 1), Offer(16.0, 3_680.0, 1)),
        (Limit(Decimal(3_000), Decimal(16), 1), Offer(13.0, 3_000.0, 1)),
    ],
)
def test_what_an_ac_outlet_offers(limit: Limit, expected: Offer) -> None:
    assert offer_under(limit, claim()) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (watts("75000"), Offer(375.0, 75_000.0, 0)),
        (watts("20000"), Offer(100.0, 20_000.0, 0)),
        (watts("150000", 1), DC_CABLE.most),
        (watts("199"), NO_OFFER),
        (watts("0"), NO_OFFER),
        # Ampere are those of each phase that feeds the outlet: 100 A × 3 × 230 V.
        (amperes("100"), Offer(345.0, 69_000.0, 0)),
    ],
)
def test_what_a_dc_outlet_offers(limit: Limit, expected: Offer) -> None:
    assert offer_under(limit, claim(DC_CABLE)) == expected


def test_phases_are_switched_in_a_transaction_only_where_that_is_supported() -> None:
    switching = claim(phases=3, switches_phases=True)
    assert offer_under(amperes("16", 1), switching) == Offer(16.0, 3_680.0, 1)
    # Too little for three phases is enough for one.
    assert offer_under(watts("3000"), switching) == Offer(13.0, 3_000.0, 1)
    assert offer_under(watts("1000"), switching) == NO_OFFER
    # Otherwise three phases stay three, and the power stays within what one phase was allowed.
    assert offer_under(amperes("32", 1), claim(phases=3)) == Offer(10.6, 7_360.0, 3)
    assert offer_under(amperes("16", 1), claim(phases=3)) == NO_OFFER
    assert offer_under(amperes("16"), claim(phases=1)) == Offer(16.0, 3_680.0, 1)
    assert offer_under(amperes("16"), claim(phases=1, switches_phases=True)) == Offer(16.0, 11_040.0, 3)


def test_a_single_phase_outlet() -> None:
    assert offer_under(amperes("16"), claim(SINGLE)) == Offer(16.0, 3_680.0, 1)
    assert offer_under(watts("7000"), claim(SINGLE)) == Offer(30.4, 7_000.0, 1)


def test_the_grid_connection_gives_what_all_outlets_can_take() -> None:
    supply = station_supply((SOCKET, SOCKET), 230.0)
    assert supply.grid_connection.in_unit(supply.grid_connection.maximum, A) == 64
    single = station_supply((SINGLE,), 230.0)
    own = single.connectors[0]
    told = single.grid_connection.in_unit(single.grid_connection.maximum, A)
    assert one_decimal(told) == one_decimal(own.in_unit(own.maximum, A)) == Decimal("30.4")


def test_a_maximum_is_shared_evenly_and_what_one_cannot_use_is_given_on() -> None:
    two = [claim(number=1), claim(number=2)]
    assert shared(UNLIMITED, two) == {1: SOCKET.most, 2: SOCKET.most}
    assert shared(amperes("32"), two) == {1: Offer(16.0, 11_040.0, 3), 2: Offer(16.0, 11_040.0, 3)}
    limited = [claim(number=1, limit=amperes("10")), claim(number=2)]
    assert shared(amperes("32"), limited) == {1: Offer(10.0, 6_900.0, 3), 2: Offer(22.0, 15_180.0, 3)}
    assert shared(watts("22080"), limited) == {1: Offer(10.0, 6_900.0, 3), 2: Offer(22.0, 15_180.0, 3)}


def test_those_that_began_last_wait_where_shares_would_be_too_small() -> None:
    three = [claim(number=number) for number in (3, 1, 2)]
    offers = shared(amperes("13"), three)
    assert offers == {3: Offer(6.5, 4_485.0, 3), 1: Offer(6.5, 4_485.0, 3), 2: NO_OFFER}
    assert shared(amperes("5"), three) == dict.fromkeys((1, 2, 3), NO_OFFER)


def test_a_vehicle_that_rests_keeps_what_it_needs_to_begin_again_and_gives_way_first() -> None:
    one, other = claim(number=1, is_resting=True), claim(number=2)
    assert shared(amperes("32"), [one, other]) == {1: Offer(6.0, 4_140.0, 3), 2: Offer(26.0, 17_940.0, 3)}
    assert shared(amperes("10"), [one, other]) == {1: NO_OFFER, 2: Offer(10.0, 6_900.0, 3)}
    assert shared(amperes("10"), [one]) == {1: Offer(6.0, 4_140.0, 3)}
    assert shared(UNLIMITED, [one]) == {1: SOCKET.most}
    resting = claim(DC_CABLE, number=1, is_resting=True)
    offers = shared(watts("50000"), [resting, claim(DC_CABLE, number=2)])
    assert offers == {1: Offer(1.0, 200.0, 0), 2: Offer(249.0, 49_800.0, 0)}


limits = st.builds(
    Limit,
    st.none() | st.decimals(0, 60_000, places=1),
    st.none() | st.decimals(0, 80, places=1),
    st.none() | st.integers(1, 3),
)
claims = st.lists(
    st.builds(
        lambda outlet, limit, phases, switches, rests: claim(
            outlet,
            limit,
            phases=None if phases is None or outlet.is_dc else min(phases, outlet.phases),
            switches_phases=switches,
            is_resting=rests,
        ),
        st.sampled_from([SOCKET, SINGLE, DC_CABLE]),
        limits,
        st.sampled_from([None, 1, 3]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
)


def numbered(items: list[Claim]) -> list[Claim]:
    return [
        claim(item.outlet, item.limit, number, phases=item.phases, switches_phases=item.switches_phases,
              is_resting=item.is_resting)
        for number, item in enumerate(items, start=1)
    ]  # fmt: skip


@given(limits, claims)
def test_no_offer_is_more_than_its_limit_and_all_are_within_the_maximum(maximum: Limit, items: list[Claim]) -> None:
    taking = numbered(items)
    offers = shared(maximum, taking)
    total_a = total_w = 0.0
    for item in taking:
        offer = offers[item.number]
        assert offer.is_nothing or offer.current_a >= (1 if item.outlet.is_dc else 6)
        power_w = offer.power_w
        if not item.outlet.is_dc:
            power_w = min(power_w, offer.current_a * offer.phases * 230.0)
        both = item.limit.lowest(maximum).lowest(item.supply.maximum)
        assert power_w <= float(item.supply.in_unit(both, W)) + 1e-6
        if not item.outlet.is_dc and both.amperes is not None:
            assert offer.current_a <= float(both.amperes) + 1e-9
        total_a += power_w / 690.0 if item.outlet.is_dc else offer.current_a
        total_w += power_w
    if maximum.amperes is not None:
        assert total_a <= float(maximum.amperes) + 1e-6
    if maximum.watts is not None:
        assert total_w <= float(maximum.watts) + 1e-6


@given(limits, claims)
def test_nobody_is_left_without_while_all_of_the_maximum_is_free(maximum: Limit, items: list[Claim]) -> None:
    taking = numbered(items)
    offers = shared(maximum, taking)
    alone = [offer_under(item.limit.lowest(maximum), item) for item in taking]
    assert all(offer.is_nothing for offer in offers.values()) == all(offer.is_nothing for offer in alone)
