"""What is served follows from the product, and stands under names that the specification knows."""

from collections.abc import Mapping

import pytest
from tests.station.world import World, live, product

from chargewright.pics.loading import load
from chargewright.pics.station import StationPics
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.station.product import Product
from chargewright.station.shape import product_of


def served_by(made: Product) -> Mapping[str, object]:
    async def main(world: World) -> Mapping[str, object]:
        return dict(world.virtual.station._calls.commands)

    found: Mapping[str, object] = live(main, made)
    return found


def test_only_actions_of_a_csms_are_served() -> None:
    names = set(served_by(product()))
    assert names and all(Role.CSMS in ACTIONS[name].sent_by for name in names)


@pytest.mark.parametrize("name", ["minimal", "kempower_s_series"])
def test_triggers_are_served_where_the_pics_claims_them(name: str) -> None:
    pics = load(name)
    assert isinstance(pics, StationPics)
    made = product_of(pics)
    assert ("TriggerMessage" in served_by(made)) is made.has_remote_trigger


def test_what_is_not_offered_is_refused() -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("TriggerMessage", requestedMessage="Heartbeat")
        assert answer[0] == "NotSupported"

    live(main, product(has_remote_trigger=False))
