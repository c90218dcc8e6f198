"""DataTransfer without any agreement (§5.6)."""

from tests.station.world import World, live


def test_no_vendor_is_known() -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("DataTransfer", vendorId="com.example", messageId="Hello", data="{}")
        assert answer == {"status": "UnknownVendorId"}

    live(main)
