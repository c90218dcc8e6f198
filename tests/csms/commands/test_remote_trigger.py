"""TriggerMessage: refusals are remembered and warned of, until the station does it after all."""

from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, next_call, station
from tests.csms.commands.test_station_doubts import warnings

from chargewright.csms.commands.validation import check
from chargewright.csms.services.abilities import refused_trigger

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Test"}


async def trigger(bench: Workbench, connection: Any, answer: list[Any], **payload: Any) -> None:
    sending = ask(bench, check("TriggerMessage", {"requestedMessage": "MeterValues"} | payload))
    call = await next_call(connection)
    connection.deliver([answer[0], call[1], *answer[1:]])
    await sending


def known(bench: Workbench, message: str = "MeterValues") -> Any:
    assert bench.csms._services is not None
    return bench.csms._services.abilities.of(station(bench).id, refused_trigger(message))


@pytest.mark.parametrize(
    ("answer", "payload", "expected"),
    [
        ([3, {"status": "NotImplemented"}], {}, "NotImplemented"),
        ([3, {"status": "NotImplemented"}], {"connectorId": 1}, "NotImplemented"),
        ([3, {"status": "Rejected"}], {}, "Rejected"),
        ([3, {"status": "Rejected"}], {"connectorId": 9}, None),
        ([4, "NotSupported", "", {}], {}, "NotSupported"),
        ([4, "InternalError", "", {}], {}, None),
        ([3, {"status": "Accepted"}], {}, None),
        ([3, "Accepted"], {}, None),
    ],
)
async def test_what_is_remembered(answer: list[Any], payload: Any, expected: str | None, bench: Workbench) -> None:
    connection = await bench.connect()
    await trigger(bench, connection, answer, **payload)
    assert known(bench) == expected
    found = await warnings(bench, "TriggerMessage", {"requestedMessage": "MeterValues"})
    assert found == ([f"requestedMessage MeterValues: A1 answered {expected} before"] if expected else [])
    await trigger(bench, connection, [3, {"status": "Accepted"}])
    assert known(bench) is None


async def test_an_accepted_station_is_not_to_boot_again(bench: Workbench) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", BOOT)
    (found,) = await warnings(bench, "TriggerMessage", {"requestedMessage": "BootNotification"})
    assert "accepted already" in found
    await trigger(bench, connection, [3, {"status": "Rejected"}], requestedMessage="BootNotification")
    assert known(bench, "BootNotification") is None, "it will do it after its next boot"
