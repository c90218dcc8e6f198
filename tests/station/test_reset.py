"""Reset: answer, stop, boot anew (§5.14)."""

import asyncio

import pytest
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_a_reset_stops_transactions_and_boots(kind: str, reason: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(65)
        assert await csms.call("Reset", type=kind) == {"status": "Accepted"}
        assert csms.order[-1] == "answer"
        stop = await csms.expect("StopTransaction")
        assert stop["reason"] == reason and stop["transactionId"] == csms.transaction_id
        await csms.expect("BootNotification", 2)
        await asyncio.sleep(5)
        assert csms.closed == [1000]
        assert csms.statuses(1)[-1] == "Finishing"
        if kind == "Soft":
            assert csms.names().index("StopTransaction") < csms.names().index("BootNotification", 1)
        assert len(csms.ids) == len(set(csms.ids))

    live(main)


def test_a_soft_reset_does_not_wait_for_ever_and_a_second_one_is_rejected_meanwhile() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        csms.answers["StopTransaction"] = SILENCE
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}
        assert await csms.call("Reset", type="Soft") == {"status": "Rejected"}
        await csms.expect("BootNotification", 2, within=20)
        del csms.answers["StopTransaction"]
        await csms.expect("StopTransaction", 2)
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}

    live(main)


def test_a_change_that_needs_a_reboot_takes_effect_with_it() -> None:
    async def main(world: World) -> None:
        seen: list[float] = []
        connect = world.csms.connect

        async def watching(url: str, **options: object) -> object:
            seen.append(options["keepalive"].interval_seconds)  # type: ignore[attr-defined]  # a Keepalive
            return await connect(url, **options)

        world.virtual.station._connect = watching  # type: ignore[assignment]  # as `connect`
        await world.boot()
        assert await world.change("WebSocketPingInterval", "7") == "RebootRequired"
        await world.csms.call("Reset", type="Hard")
        await world.csms.expect("BootNotification", 2)
        assert seen == [60.0, 7.0]

    live(main)
