"""A network that is cut, mended and slow, with a real station on it, in virtual time."""

import asyncio
import json

import pytest
from tests.station.scripted_csms import ScriptedCsms
from tests.station.world import World, car, live

from chargewright.errors import ConnectionLost
from chargewright.simulation import simulate
from chargewright.station.network import SimulatedNetwork
from chargewright.transport.connection import CloseInfo


async def connected(csms: ScriptedCsms, network: SimulatedNetwork, got: list[bytes], ended: list[CloseInfo]):  # type: ignore[no-untyped-def]  # a private class
    return await network.connect("ws://memory", on_message=got.append, on_close=ended.append)


def test_a_cut_network_loses_what_is_open_and_lets_nobody_in() -> None:
    async def main(clock: object) -> None:
        csms = ScriptedCsms(clock.now)  # type: ignore[attr-defined]  # a LoopClock
        network = SimulatedNetwork(csms.connect)
        ended: list[CloseInfo] = []
        way = await connected(csms, network, [], ended)
        assert way.is_open and way.peer.subprotocol == "ocpp1.6"
        network.cut()
        await asyncio.sleep(1)
        assert [info.code for info in ended] == [1006] and not way.is_open
        with pytest.raises(ConnectionLost, match="closed"):
            way.send(b"[]")
        with pytest.raises(ConnectionLost, match="the network is cut"):
            await connected(csms, network, [], ended)
        network.mend()
        way = await connected(csms, network, [], ended)
        assert way.is_open
        way.close(1001, "bye")
        await asyncio.sleep(1)
        assert [info.code for info in ended] == [1006, 1001]

    simulate(main)


def test_a_network_that_is_cut_during_the_upgrade_lets_nobody_in() -> None:
    async def main(clock: object) -> None:
        csms = ScriptedCsms(clock.now)  # type: ignore[attr-defined]  # a LoopClock
        network = SimulatedNetwork(csms.connect)
        network.mend(5.0)
        ended: list[CloseInfo] = []
        connecting = asyncio.create_task(connected(csms, network, [], ended))
        await asyncio.sleep(1)
        network.cut()
        with pytest.raises(ConnectionLost, match="the network is cut"):
            await connecting
        assert csms.wire is not None and not csms.wire.is_open

    simulate(main)


def test_messages_take_their_time_and_keep_their_order() -> None:
    async def main(clock: object) -> None:
        csms = ScriptedCsms(clock.now)  # type: ignore[attr-defined]  # a LoopClock
        network = SimulatedNetwork(csms.connect)
        seen: list[bool] = []
        network.on_message = lambda is_sent, message: seen.append(is_sent)
        got: list[bytes] = []
        way = await connected(csms, network, got, [])
        network.mend(10.0)
        way.send(b'[2,"1","Heartbeat",{}]')
        await asyncio.sleep(1)
        network.mend(0.0)
        way.send(b'[2,"2","Heartbeat",{}]')  # behind the slow one, though the way is quick now
        assert csms.ids == []
        await csms.expect("Heartbeat", 2)
        assert csms.ids == ["1", "2"]
        await asyncio.sleep(1)
        assert len(got) == 2
        network.mend(20.0)
        way.send(b'[2,"3","Heartbeat",{}]')
        await asyncio.sleep(39.9)
        assert len(got) == 2
        await asyncio.sleep(0.2)
        assert [json.loads(message)[1] for message in got] == ["1", "2", "3"]
        assert seen.count(True) == 3 and seen.count(False) == 3

    simulate(main)


def test_what_is_under_way_on_a_lost_connection_is_lost_and_nothing_else() -> None:
    async def main(clock: object) -> None:
        csms = ScriptedCsms(clock.now)  # type: ignore[attr-defined]  # a LoopClock
        network = SimulatedNetwork(csms.connect)
        got: list[bytes] = []
        ended: list[CloseInfo] = []
        way = await connected(csms, network, got, ended)
        network.mend(10.0)
        way.send(b'[2,"1","Heartbeat",{}]')
        way.received(b"on its way")
        csms.wire.abort()  # type: ignore[union-attr]  # connected above
        await asyncio.sleep(1)
        assert [info.code for info in ended] == [1006]
        assert way._incoming == [] and way._outgoing == []
        # What comes from below all the same reaches nobody.
        way.received(b"late")
        await asyncio.sleep(60)
        assert got == [] and csms.ids == []

    simulate(main)


def test_a_goodbye_takes_along_what_was_sent_before_and_pausing_passes_through() -> None:
    async def main(clock: object) -> None:
        csms = ScriptedCsms(clock.now)  # type: ignore[attr-defined]  # a LoopClock
        network = SimulatedNetwork(csms.connect)
        way = await connected(csms, network, [], [])
        network.mend(10.0)
        way.send(b'[2,"1","Heartbeat",{}]')
        way.close(1000)
        await asyncio.sleep(0.1)
        assert csms.ids == ["1"]
        with pytest.raises(NotImplementedError):
            way.pause()
        with pytest.raises(NotImplementedError):
            way.resume()

    simulate(main)


def test_a_station_lives_on_a_slow_network_and_over_a_cut() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.network.mend(2.0)
        world.virtual.plug(1, car())
        world.virtual.show_tag("CARD")
        await world.csms.expect("StartTransaction")
        world.virtual.network.cut()
        await asyncio.sleep(60)
        assert not world.virtual.is_online()
        world.virtual.stop_charging()
        await asyncio.sleep(60)
        assert world.csms.of("StopTransaction") == []
        world.virtual.network.mend()
        await world.csms.expect("StopTransaction")

    live(main)
