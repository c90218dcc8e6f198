"""Hands at stations of a fleet: the right station's, made where they are used. Over HTTP: test_station_fleet.py."""

import asyncio

import pytest
from tests.station.test_fleet import COUNT, live

from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus
from chargewright.station.behaviour import load_behaviour
from chargewright.station.deeds import Fault, NetworkDown, PlugIn, PresentTag
from chargewright.station.fleet import Fleet
from chargewright.station.fleet_hands import FleetHands
from chargewright.station.hardware.simulated_parts import HardwareDelays

NOBODY = load_behaviour("nobody")


def test_each_identity_has_the_hands_of_its_own_station_and_the_others_have_none() -> None:
    async def during(fleet: Fleet) -> None:
        hands = FleetHands(fleet)
        assert list(hands) == [] and len(hands) == 0 and "CW-F-00001" not in hands
        await asyncio.sleep(60)
        assert list(hands) == [f"CW-F-{number:05d}" for number in range(1, COUNT + 1)]
        assert "CW-F-00006" in hands
        for unknown in ("CW-F-00007", "CW-F-00000", "CW-F-1", "CW-F-000001", "CW-F-0000١", "00001", "X", ""):
            assert unknown not in hands and hands.get(unknown) is None
            with pytest.raises(KeyError):
                hands.look(unknown)

        before = [hands.look(identity) for identity in hands]
        assert [state.station_id for state in before] == list(hands)
        # Products take turns, so the second has more connectors than the first.
        assert [len(state.connectors) for state in before] == [1, 2] * 3
        assert all(station.network.on_message.__name__ == "_nobody_listens" for station in fleet.stations), (
            "looking makes no hands"
        )

        second = hands["CW-F-00002"]
        assert second is hands["CW-F-00002"] and second.virtual is fleet.stations[1]
        second.do(PlugIn(connector=2, soc_percent=10, capacity_wh=50_000))
        assert fleet.stations[1].look(2).status is ChargePointStatus.PREPARING
        second.do(Fault(connector=1, error_code=ChargePointErrorCode.GROUND_FAILURE))
        shown = hands.look("CW-F-00002")
        assert shown.connectors[0].error_code is ChargePointErrorCode.GROUND_FAILURE
        assert shown.connectors[1].vehicle is not None
        assert [hands.look(identity) for identity in hands if identity != "CW-F-00002"] == [*before[:1], *before[2:]]
        hands["CW-F-00003"].do(NetworkDown())

    lived = live(seed=1, hours=0.5, behaviour=NOBODY, during=during)
    assert lived.result.visits == 0 and lived.result.lost == 0
    assert lived.result.accepted == COUNT


def test_the_hardware_of_every_station_is_as_slow_as_it_was_told_to_be() -> None:
    seconds: list[float] = []

    async def during(fleet: Fleet) -> None:
        await asyncio.sleep(60)
        first = FleetHands(fleet)["CW-F-00001"]
        first.do(PlugIn(connector=1))
        first.do(PresentTag(id_tag=NOBODY.id_tags(1)[0]))
        loop, virtual = asyncio.get_running_loop(), first.virtual
        assert await virtual.wait_until(lambda: virtual.look(1).has_transaction, 60)
        began = loop.time()
        assert await virtual.wait_until(lambda: virtual.look(1).status is ChargePointStatus.CHARGING, 60)
        seconds.append(loop.time() - began)

    lived = live(seed=1, hours=0.5, behaviour=NOBODY, during=during, delays=HardwareDelays(contactor=2.0))
    assert lived.result.transactions_completed == 1
    assert seconds == [pytest.approx(2.0, abs=0.01)]
