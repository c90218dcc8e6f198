"""What every scenario does: ask for a key, let somebody charge, lose the line."""

import asyncio
from typing import Any

from tests.station.world import World, car

from chargewright.station.ev.vehicle import Vehicle

__all__ = ["TAG", "begin", "charged_wh", "end", "lose_line", "meets_line", "told_key", "told_value"]

TAG = "CARD"


async def told_key(world: World, name: str) -> dict[str, Any] | None:
    """A configuration key as GetConfiguration tells it; None where it is unknown."""
    answer = await world.csms.call("GetConfiguration", key=[name])
    assert bool(answer.get("configurationKey")) is not bool(answer.get("unknownKey"))
    return answer["configurationKey"][0] if answer.get("configurationKey") else None


async def told_value(world: World, name: str) -> str | None:
    """Its value; None where the key is unknown."""
    key = await told_key(world, name)
    return None if key is None else str(key["value"])


async def begin(
    world: World, connector: int = 1, vehicle: Vehicle | None = None, tag: str = TAG, *, is_plugged: bool = False
) -> dict[str, Any]:
    """Plug in and show a tag; returns the StartTransaction."""
    count = len(world.csms.of("StartTransaction"))
    if not is_plugged:
        world.virtual.plug(connector, car() if vehicle is None else vehicle)
    world.virtual.show_tag(tag, connector)
    return await world.csms.expect("StartTransaction", count + 1)


async def end(world: World, connector: int = 1, tag: str = TAG) -> dict[str, Any]:
    """Show it again and leave; returns the StopTransaction."""
    count = len(world.csms.of("StopTransaction"))
    world.virtual.show_tag(tag, connector)
    stop = await world.csms.expect("StopTransaction", count + 1)
    world.virtual.unplug(connector)
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    return stop


async def charged_wh(world: World, connector: int = 1, vehicle: Vehicle | None = None, seconds: float = 3600) -> int:
    """The energy of one transaction, as the CSMS would bill it."""
    start = await begin(world, connector, vehicle)
    await asyncio.sleep(seconds)  # virtual time: the scenario wants it to pass
    stop = await end(world, connector)
    return int(stop["meterStop"] - start["meterStart"])


async def lose_line(world: World) -> None:
    """The CSMS cannot be reached."""
    world.csms.cut()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass


async def meets_line(world: World) -> None:
    """It can be reached again, and the station had time to tell what it has to tell."""
    world.csms.is_reachable = True
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
