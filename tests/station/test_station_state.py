"""What is seen of a station, with and without power."""

import asyncio

import msgspec
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.station_state import StationState, station_state, without_measurements


def test_a_charging_station_is_seen_and_a_dark_one_shows_only_what_hangs_on_it() -> None:
    def look(world: World) -> StationState:
        return station_state(world.virtual, "CW 1", {2: ChargePointErrorCode.GROUND_FAILURE}, False)

    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car(soc=0.5, target_soc=0.9, phases=1))
        world.virtual.show_tag("SECRET-CARD", 1)
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(600)
        state = look(world)
        socket, cable = state.connectors
        assert state.is_connected and state.is_accepted and state.has_power and state.has_network
        assert (socket.status, socket.is_plugged, socket.is_locked, socket.is_lock_jammed) == (
            "Charging",
            True,
            True,
            False,
        )
        assert socket.power_w > 3000 and socket.transaction_energy_wh == state.energy_running_wh > 500
        assert socket.vehicle is not None and (socket.vehicle.phases, socket.vehicle.target_soc_percent) == (1, 90.0)
        assert 50 < socket.vehicle.soc_percent < 60
        assert (cable.status, cable.is_plugged, cable.is_locked, cable.vehicle) == ("Available", False, None, None)
        assert cable.error_code == "GroundFailure"
        assert "SECRET" not in msgspec.json.encode(state).decode(), "an id tag is masked"
        await asyncio.sleep(600)
        assert look(world) != state and without_measurements(look(world)) == without_measurements(state)
        world.virtual.cut_power()
        dark = look(world)
        assert (dark.has_power, dark.is_connected, dark.is_accepted, dark.energy_running_wh) == (False, False, False, 0)
        assert dark.connectors[0].status is None and dark.connectors[0].has_transaction is None
        assert dark.connectors[0].id_tag is None and dark.connectors[0].power_w == 0
        assert dark.connectors[0].is_plugged and dark.connectors[0].vehicle is not None

    live(main, product(SOCKET, DC_CABLE))
