"""TriggerMessage: the answer first, then what was asked for (§5.17)."""

import asyncio
from typing import Any

import pytest
from tests.station.scripted_csms import SILENCE
from tests.station.test_firmware import updatable
from tests.station.test_security import SECURITY
from tests.station.world import SOCKET, World, car, live, product

from chargewright.station.product import FirmwareManagement


async def trigger(world: World, message: str, **options: Any) -> str:
    world.csms.calls.clear()
    world.csms.order.clear()
    answer = await world.csms.call("TriggerMessage", requestedMessage=message, **options)
    assert world.csms.order[0] == "answer"
    await asyncio.sleep(1)
    return str(answer["status"])


def test_each_message_that_can_be_triggered() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await trigger(world, "Heartbeat", connectorId=77) == "Accepted"
        assert csms.names() == ["Heartbeat"]
        assert await trigger(world, "StatusNotification") == "Accepted"
        assert [payload["connectorId"] for payload in csms.of("StatusNotification")] == [0, 1, 2]
        assert await trigger(world, "StatusNotification", connectorId=2) == "Accepted"
        assert [payload["connectorId"] for payload in csms.of("StatusNotification")] == [2]
        assert await trigger(world, "MeterValues") == "Accepted"
        assert [payload["connectorId"] for payload in csms.of("MeterValues")] == [1, 2]
        assert await trigger(world, "BootNotification") == "Rejected"

    live(main, product(SOCKET, SOCKET))


def test_triggered_meter_values_carry_the_context_and_the_transaction() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(1)
        await trigger(world, "MeterValues", connectorId=1)
        (values,) = world.csms.of("MeterValues")
        assert values["transactionId"] == world.csms.transaction_id
        assert {item["context"] for item in values["meterValue"][0]["sampledValue"]} == {"Trigger"}

    live(main)


@pytest.mark.parametrize(
    ("message", "options", "status"),
    [
        ("StatusNotification", {"connectorId": 2}, "Rejected"),
        ("MeterValues", {"connectorId": 0}, "Rejected"),
        ("MeterValues", {"connectorId": -1}, "Rejected"),
        ("DiagnosticsStatusNotification", {}, "NotImplemented"),
        ("FirmwareStatusNotification", {}, "NotImplemented"),
    ],
)
def test_what_cannot_be_sent(message: str, options: dict[str, int], status: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await trigger(world, message, **options) == status
        assert world.csms.calls == []

    live(main)


def test_a_product_without_the_profile_does_not_offer_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert (await world.csms.call("TriggerMessage", requestedMessage="Heartbeat"))[0] == "NotSupported"
        keys = await world.csms.call("GetConfiguration", key=["SupportedFeatureProfiles"])
        assert keys["configurationKey"][0]["value"] == "Core"

    live(main, product(has_remote_trigger=False))


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
@pytest.mark.parametrize(
    "message", ["StatusNotification", "MeterValues", "Heartbeat", "FirmwareStatusNotification", "BootNotification"]
)
def test_before_the_first_answer_to_boot_notification_nothing_else_is_promised(action: str, message: str) -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = SILENCE
        world.start()
        await world.csms.expect("BootNotification")
        answer = await world.csms.call(action, requestedMessage=message)
        assert answer["status"] == ("Accepted" if message == "BootNotification" else "Rejected")
        await asyncio.sleep(600)
        assert set(world.csms.names()) == {"BootNotification"}

    is_signed = action == "ExtendedTriggerMessage"
    management = FirmwareManagement(is_signed=is_signed, downloads_during_transaction=False)
    live(main, updatable(firmware_management=management, security=SECURITY))
