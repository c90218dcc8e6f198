"""What is odd about charging profiles is said with value and reason, and nothing is said of what is not."""

from typing import Any

import msgspec
import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, next_call, station
from tests.csms.services.profile_station import clear_request, profile, set_request

from chargewright.csms.commands.validation import warnings_of
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.registry import Services
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import GetConfigurationRequest, RemoteStartTransactionRequest
from chargewright.protocol.v16.smart_charging import GetCompositeScheduleRequest

KEYS = {
    "ChargeProfileMaxStackLevel": "3",
    "ChargingScheduleMaxPeriods": "2",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "SupportedFeatureProfiles": "Core,SmartCharging",
}


def services(bench: Workbench) -> Services:
    found = bench.csms._services
    assert found is not None
    return found


async def told(bench: Workbench, request: Message) -> list[str]:
    return await warnings_of(request, station(bench), services(bench))


async def report(bench: Workbench, keys: dict[str, str]) -> None:
    """Let the station report its configuration, and two connectors."""
    connection = await bench.connect("A1")
    await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    for connector_id in (0, 1, 2):
        status = {"connectorId": connector_id, "errorCode": "NoError", "status": "Available"}
        await bench.exchange(connection, "StatusNotification", status)
    task = ask(bench, GetConfigurationRequest())
    call = await next_call(connection)
    listed = [{"key": key, "readonly": True, "value": value} for key, value in keys.items()]
    connection.deliver([3, call[1], {"configurationKey": listed}])
    assert isinstance(await task, Answered)


def schedule(*periods: tuple[int, float], unit: str = "A", **more: Any) -> dict[str, Any]:
    listed = [{"startPeriod": start, "limit": limit} for start, limit in periods]
    return {"chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": listed} | more}


ABSOLUTE = {"chargingProfileKind": "Absolute"}
RECURRING = {"chargingProfileKind": "Recurring"}
START = "2026-03-01T00:00:00Z"


@pytest.mark.parametrize(
    ("connector_id", "wanted", "expected"),
    [
        (
            1,
            profile(1, "ChargePointMaxProfile", **ABSOLUTE, **schedule((0, 6), startSchedule=START)),
            "for connector 0",
        ),
        (0, profile(1, "ChargePointMaxProfile"), "nothing begins"),
        (9, profile(1), "connectorId 9"),
        (-1, profile(1), "connectorId -1"),
        (1, profile(1, transactionId=5), "for no single transaction"),
        (1, profile(1, "TxProfile"), "no transaction is open there"),
        (1, profile(1, "TxProfile", transactionId=5), "transactionId 5: not open on connector 1"),
        (1, profile(1, level=4), "levels up to 3"),
        (1, profile(1, level=-1), "stackLevel -1"),
        (1, profile(1, **schedule((0, 6), (1, 7), (2, 8))), "3 periods: A1 takes 2"),
        (1, profile(1, **schedule((0, 6), unit="W")), "chargingRateUnit W: A1 allows Current"),
        (1, profile(1, **schedule()), "chargingSchedulePeriod: is empty"),
        (1, profile(1, **schedule((5, 6))), "startPeriod 5: the first"),
        (1, profile(1, **schedule((0, 6), (0, 7))), "startPeriod 0: comes after 0"),
        (1, profile(1, **schedule((0, -1))), "limit -1: is less than 0"),
        (1, profile(1, **schedule((0, 6), duration=0)), "duration 0"),
        (1, profile(1, **schedule((0, 6), startSchedule=START)), "a Relative profile has none"),
        (1, profile(1, **ABSOLUTE), "startSchedule is missing"),
        (1, profile(1, **RECURRING, recurrencyKind="Daily"), "startSchedule is missing"),
        (1, profile(1, **RECURRING, **schedule((0, 6), startSchedule=START)), "recurrencyKind is missing"),
        (1, profile(1, recurrencyKind="Daily"), "recurrencyKind Daily: only with Recurring"),
        (1, profile(1, validFrom=START, validTo=START), "validTo: is not after validFrom"),
    ],
)
async def test_one_odd_thing_is_one_warning(
    connector_id: int, wanted: dict[str, Any], expected: str, bench: Workbench
) -> None:
    await report(bench, KEYS)
    found = await told(bench, set_request(connector_id, wanted))
    assert [text for text in found if expected in text], found
    assert len(found) == 1, found


async def test_numbers_of_phases(bench: Workbench) -> None:
    await report(bench, KEYS)
    wanted = profile(1)
    wanted["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 4
    assert await told(bench, set_request(1, wanted)) == ["numberPhases 4: there are 1 to 3 (§7.14)"]


@pytest.mark.parametrize(
    ("connector_id", "wanted"),
    [
        (0, profile(1, "ChargePointMaxProfile", **ABSOLUTE, **schedule((0, 6), startSchedule=START))),
        (0, profile(1)),
        (2, profile(1, level=3, **schedule((0, 6.5), (60, 0), duration=300))),
        (1, profile(1, **RECURRING, recurrencyKind="Weekly", **schedule((0, 6), startSchedule=START))),
        (1, profile(1, validFrom=START, validTo="2027-03-01T00:00:00+01:00")),
    ],
)
async def test_what_is_in_order_has_no_warning(connector_id: int, wanted: dict[str, Any], bench: Workbench) -> None:
    await report(bench, KEYS)
    assert await told(bench, set_request(connector_id, wanted)) == []


async def test_a_station_that_told_nothing_is_not_judged_by_its_keys(bench: Workbench) -> None:
    assert await told(bench, set_request(1, profile(1, level=90, **schedule((0, 6), unit="W")))) == []


async def test_a_transaction_and_its_number(bench: Workbench) -> None:
    await report(bench, {"SupportedFeatureProfiles": "Core"})
    stamp = bench.clock.now().isoformat()
    connection = await bench.connect("A1")
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": stamp}
    number = (await bench.exchange(connection, "StartTransaction", start))[2]["transactionId"]
    not_listed = "A1 does not list SmartCharging in SupportedFeatureProfiles (Core)"
    assert await told(bench, set_request(1, profile(1, "TxProfile", transactionId=number))) == [not_listed]
    (_, without) = await told(bench, set_request(1, profile(1, "TxProfile")))
    assert without.startswith("transactionId is missing")
    (_, zero, _) = await told(bench, set_request(0, profile(1, "TxProfile", transactionId=number)))
    assert zero.startswith("connectorId 0: a TxProfile")


async def test_ids_and_clearing(bench: Workbench) -> None:
    await report(bench, KEYS)
    (session,) = bench.csms._sessions
    connection: Any = session.connection
    assert await told(bench, clear_request(id=1)) == [], "of a station of which nothing is known"
    task = ask(bench, set_request(1, profile(1)))
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    await task
    assert await told(bench, clear_request(id=1)) == []
    (ignored,) = await told(bench, clear_request(id=1, stackLevel=0, connectorId=1))
    assert ignored == "id 1: connectorId, stackLevel beside it will be ignored (errata v4.0 §3.25)"
    (unknown,) = await told(bench, clear_request(id=2))
    assert unknown == "no profile that A1 is known to have matches (it has the ids 1)"
    assert len(await told(bench, clear_request(connectorId=9))) == 2
    other = profile(1, "ChargePointMaxProfile", **ABSOLUTE, **schedule((0, 6), startSchedule=START))
    (replaces,) = await told(bench, set_request(0, other))
    assert replaces.startswith("chargingProfileId 1: is that of a TxDefaultProfile (installed)")


async def test_composite_schedules_and_remote_starts(bench: Workbench) -> None:
    await report(bench, KEYS)
    payload = {"connectorId": 9, "duration": 0, "chargingRateUnit": "W"}
    found = await told(bench, decode(GetCompositeScheduleRequest, msgspec.json.encode(payload)))
    assert [text.split(":")[0] for text in found] == ["connectorId 9", "duration 0", "chargingRateUnit W"]
    assert await told(bench, GetCompositeScheduleRequest(connector_id=0, duration=60)) == []
    start = {"idTag": "TAG", "chargingProfile": profile(1, "TxProfile")}
    assert await told(bench, decode(RemoteStartTransactionRequest, msgspec.json.encode(start))) == []
    start = {"idTag": "TAG", "chargingProfile": profile(1, "TxDefaultProfile", level=4, transactionId=5)}
    found = await told(bench, decode(RemoteStartTransactionRequest, msgspec.json.encode(start)))
    assert sorted(text.split(":")[0] for text in found) == [
        "chargingProfilePurpose TxDefaultProfile",
        "stackLevel 4",
        "transactionId 5",
    ]
