"""What is known of a station makes some commands odd: connectors, feature profiles, length."""

from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, commanding, next_call, station

from chargewright.csms.commands.station_doubts import frame_bytes
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered, Unanswered
from chargewright.csms.services.abilities import LARGEST_FRAME

STATUS = {"status": "Available", "errorCode": "NoError"}


async def warnings(bench: Workbench, action: str, payload: Any, identity: str = "A1") -> list[str]:
    assert bench.csms._services is not None
    desk = commanding(bench).desk(bench.csms._services)
    return await desk.warnings(station(bench, identity), check(action, payload))


async def with_connectors(bench: Workbench) -> Any:
    connection = await bench.connect()
    for connector_id in (0, 1, 2):
        await bench.exchange(connection, "StatusNotification", STATUS | {"connectorId": connector_id})
    return connection


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, ""),
        ("ChangeAvailability", {"connectorId": 2, "type": "Operative"}, ""),
        ("ChangeAvailability", {"connectorId": 3, "type": "Operative"}, "connectorId 3: A1 has told of 0, 1, 2 only"),
        ("ChangeAvailability", {"connectorId": -1, "type": "Operative"}, "connectorId -1: this command is for"),
        ("UnlockConnector", {"connectorId": 0}, "connectorId 0: this command is for connectors from 1"),
        ("UnlockConnector", {"connectorId": 1}, ""),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 0}, ""),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 0}, "connectorId 0"),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 9}, "connectorId 9"),
    ],
)
async def test_connectors(action: str, payload: Any, expected: str, bench: Workbench) -> None:
    await with_connectors(bench)
    found = await warnings(bench, action, payload)
    assert [text[: len(expected)] for text in found] == ([expected] if expected else [])


async def test_where_nothing_is_known_nothing_is_odd(bench: Workbench) -> None:
    assert await warnings(bench, "UnlockConnector", {"connectorId": 77}) == []


async def test_a_feature_profile_that_is_not_listed(bench: Workbench) -> None:
    connection = await bench.connect()
    sending = ask(bench, check("GetConfiguration", {}))
    call = await next_call(connection)
    key = {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,Reservation"}
    connection.deliver([3, call[1], {"configurationKey": [key]}])
    await sending
    (found,) = await warnings(bench, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert "RemoteTrigger" in found and "Core,Reservation" in found


LIST = {
    "listVersion": 1,
    "updateType": "Full",
    "localAuthorizationList": [{"idTag": f"TAG{number}"} for number in range(1000)],
}


@pytest.mark.parametrize("code", [1009, 1006])
async def test_a_message_that_was_too_long_is_remembered(code: int, bench: Workbench) -> None:
    assert bench.csms._services is not None
    abilities = bench.csms._services.abilities
    connection = await bench.connect()
    request = check("SendLocalList", LIST)
    sending = ask(bench, request)
    await next_call(connection)
    connection.vanish(code)
    assert isinstance(await sending, Unanswered)
    limit = abilities.of(station(bench).id, LARGEST_FRAME)
    assert limit == frame_bytes(request) // 2
    found = await warnings(bench, "SendLocalList", LIST)
    assert any(f"is known to bear {limit}" in text for text in found)
    connection = await bench.connect()
    sending = ask(bench, request)
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await sending, Answered)
    assert abilities.of(station(bench).id, LARGEST_FRAME) is None


async def test_a_short_message_teaches_nothing(bench: Workbench) -> None:
    assert bench.csms._services is not None
    connection = await bench.connect()
    sending = ask(bench, check("ClearCache", {}))
    await next_call(connection)
    connection.vanish(1006)
    await sending
    assert bench.csms._services.abilities.all_of(station(bench).id) == {}
