"""Other relevant settings, ORS-1 to ORS-16: each limit at the limit, and one beyond."""

import asyncio
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import pytest
from tests.certified.claims import Claim, Scenario, shown_by
from tests.certified.wire import begin, end, told_value
from tests.station.world import World, car

from chargewright.transport.connection import Keepalive

# A value of a configuration key has at most so many characters (CiString500): no list can be longer.
VALUE_CHARACTERS: Final = 500
PROTOCOLS: Final = ("ftp", "ftps", "http", "https")


async def get_configuration_max_keys(claim: Claim, world: World) -> None:
    await world.boot()
    assert await told_value(world, "GetConfigurationMaxKeys") == str(claim.value)
    everything = [item["key"] for item in (await world.csms.call("GetConfiguration"))["configurationKey"]]
    asked = [*everything, *(f"NoSuchKey{number}" for number in range(claim.value))][: claim.value]
    answer = await world.csms.call("GetConfiguration", key=asked)
    known = [item["key"] for item in answer.get("configurationKey", [])]
    assert [*known, *answer.get("unknownKey", [])] == asked


async def _list_length(claim: Claim, world: World, name: str) -> None:
    await world.boot()
    assert await told_value(world, f"{name}MaxLength") == str(claim.value)
    item = min(world.product.measurand_lists[name].allowed, key=len)
    most = min(claim.value, (VALUE_CHARACTERS + 1) // (len(item) + 1))
    assert await world.change(name, ",".join([item] * most)) == "Accepted"
    beyond = ",".join([item] * (most + 1))
    if len(beyond) <= VALUE_CHARACTERS:
        assert await world.change(name, beyond) == "Rejected"
    else:
        assert most <= claim.value, "what is written in 500 characters is within the limit"
    assert await told_value(world, name) == ",".join([item] * most)


async def meter_values_aligned_data_max_length(claim: Claim, world: World) -> None:
    await _list_length(claim, world, "MeterValuesAlignedData")


async def meter_values_sampled_data_max_length(claim: Claim, world: World) -> None:
    await _list_length(claim, world, "MeterValuesSampledData")


async def stop_txn_aligned_data_max_length(claim: Claim, world: World) -> None:
    await _list_length(claim, world, "StopTxnAlignedData")


async def stop_txn_sampled_data_max_length(claim: Claim, world: World) -> None:
    await _list_length(claim, world, "StopTxnSampledData")


async def _samples(world: World, seconds: float) -> list[datetime]:
    """When samples are taken in a transaction that runs so long."""
    await begin(world)
    world.csms.calls.clear()
    await asyncio.sleep(seconds)  # virtual time: the scenario wants it to pass
    return [
        datetime.fromisoformat(value["timestamp"])
        for item in world.csms.of("MeterValues")
        for value in item["meterValue"]
    ]


def _gaps(moments: list[datetime]) -> list[float]:
    return [(after - before).total_seconds() for before, after in pairwise(moments)]


async def minimum_meter_value_sample_interval(claim: Claim, world: World) -> None:
    await world.boot()
    # 0 turns sampling off at every station (§9.1.18): the least interval at which something is sampled is 1 s.
    assert await world.change("MeterValueSampleInterval", "0") == "Accepted"
    least = max(1, claim.value)
    for refused in range(1, least):
        assert await world.change("MeterValueSampleInterval", str(refused)) == "Rejected"
    assert await world.change("MeterValueSampleInterval", "-1") == "Rejected"
    assert await world.change("MeterValueSampleInterval", str(least)) == "Accepted"
    gaps = _gaps(await _samples(world, 20 * least + 0.5))
    assert len(gaps) >= 18
    assert gaps == [pytest.approx(least, abs=0.01)] * len(gaps)


async def maximum_meter_value_sample_interval(claim: Claim, world: World) -> None:
    await world.boot()
    assert await world.change("MeterValueSampleInterval", str(claim.value + 1)) == "Rejected"
    assert await world.change("MeterValueSampleInterval", str(claim.value)) == "Accepted"
    gaps = _gaps(await _samples(world, 3 * claim.value + 0.5))
    assert gaps == [pytest.approx(claim.value, abs=0.01)] * 2


async def _beats(world: World, interval: int) -> list[float]:
    assert await world.change("HeartbeatInterval", str(interval)) == "Accepted"
    world.csms.calls.clear()
    await asyncio.sleep(10 * interval + 0.5)  # virtual time: the scenario wants it to pass
    return _gaps([at for at, name, _ in world.csms.calls if name == "Heartbeat"])


async def minimum_heartbeat_interval(claim: Claim, world: World) -> None:
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    for refused in range(max(0, claim.value - 3), claim.value):
        assert await world.change("HeartbeatInterval", str(refused)) == "Rejected"
    assert await world.change("HeartbeatInterval", "-1") == "Rejected"
    if claim.value == 0:
        # What the specification gives no meaning: no heartbeats but the one that asks for the time once a day.
        assert await world.change("HeartbeatInterval", "0") == "Accepted"
        world.csms.calls.clear()
        await asyncio.sleep(86_000)  # virtual time: the scenario wants it to pass
        assert world.csms.of("Heartbeat") == []
        await asyncio.sleep(800)  # virtual time: the scenario wants it to pass
        assert len(world.csms.of("Heartbeat")) == 1
    least = max(1, claim.value)
    gaps = await _beats(world, least)
    assert len(gaps) >= 8
    assert gaps == [pytest.approx(least, abs=0.01)] * len(gaps)


async def maximum_heartbeat_interval(claim: Claim, world: World) -> None:
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    assert await world.change("HeartbeatInterval", str(claim.value + 1)) == "Rejected"
    gaps = await _beats(world, claim.value)
    assert len(gaps) >= 8
    assert gaps == [pytest.approx(claim.value, abs=0.01)] * len(gaps)


async def stop_transaction_max_meter_values(claim: Claim, world: World) -> None:
    await world.boot()
    assert await told_value(world, "StopTransactionMaxMeterValues") == str(claim.value)
    assert await world.change("StopTxnSampledData", "Energy.Active.Import.Register") == "Accepted"
    least = max(1, world.product.bounds["MeterValueSampleInterval"].least or 0)
    assert await world.change("MeterValueSampleInterval", str(least)) == "Accepted"
    await begin(world)
    # Either one more than there is room for, or as many as say that there is room.
    count = min(claim.value + 1, 2000)
    await asyncio.sleep(count * least + 0.5)  # virtual time: the scenario wants it to pass
    stop = await end(world)
    data = stop["transactionData"]
    contexts = [value["sampledValue"][0].get("context", "Sample.Periodic") for value in data]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    assert len(data) <= claim.value
    assert len(data) == (claim.value if count > claim.value else count + 2)


async def web_socket_ping_interval(claim: Claim, world: World) -> None:
    """What the station asks of its connection; that pings are sent so is the transport's own test."""
    asked: list[Keepalive] = []
    connect = world.csms.connect

    async def watched(url: str, **options: Any) -> Any:
        asked.append(options["keepalive"])
        return await connect(url, **options)

    world.csms.connect = watched  # type: ignore[method-assign]  # the test listens in
    world.virtual = world._make(None)
    await world.boot()
    assert await told_value(world, "WebSocketPingInterval") == str(claim.value)
    assert asked[-1].interval_seconds == claim.value
    # It is the preset, not a bound: another value counts from the next connection on.
    assert await world.change("WebSocketPingInterval", "-1") == "Rejected"
    assert await world.change("WebSocketPingInterval", "17") == "RebootRequired"
    assert await world.csms.call("Reset", type="Soft") == {"status": "Accepted"}
    await world.csms.expect("BootNotification", 2)
    assert asked[-1].interval_seconds == 17


async def _send_list(world: World, version: int, first: int, count: int, kind: str = "Differential") -> str:
    entries = [{"idTag": f"TAG{number}", "idTagInfo": {"status": "Accepted"}} for number in range(first, first + count)]
    answer = await world.csms.call(
        "SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=entries
    )
    return str(answer["status"])


async def local_auth_list_max_length(claim: Claim, world: World) -> None:
    await world.boot()
    most: int = claim.value
    at_once = int(await told_value(world, "SendLocalListMaxLength") or 0)
    assert await told_value(world, "LocalAuthListMaxLength") == str(most)
    version = 0
    for first in range(0, most, at_once):
        version += 1
        assert await _send_list(world, version, first, min(at_once, most - first)) == "Accepted"
    # Full: one more is refused, and nothing has changed.
    assert await _send_list(world, version + 1, most, 1) == "Failed"
    assert await world.csms.call("GetLocalListVersion") == {"listVersion": version}
    # An entry that is there already takes no place.
    assert await _send_list(world, version + 1, most - 1, 1) == "Accepted"
    await world.change("LocalPreAuthorize", "true")
    world.csms.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
    for number in (0, most - 1):
        assert (await begin(world, tag=f"TAG{number}"))["idTag"] == f"TAG{number}"
        await end(world, tag=f"TAG{number}")
    world.virtual.plug(1, car())
    world.virtual.show_tag(f"TAG{most}", 1)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    assert len(world.csms.of("StartTransaction")) == 2, "the one that was refused is not in the list"


async def send_local_list_max_length(claim: Claim, world: World) -> None:
    await world.boot()
    assert await told_value(world, "SendLocalListMaxLength") == str(claim.value)
    assert await _send_list(world, 1, 0, claim.value, "Full") == "Accepted"
    assert await _send_list(world, 2, 0, claim.value + 1, "Full") == "Failed"
    assert await _send_list(world, 2, 0, claim.value + 1) == "Failed"
    assert await world.csms.call("GetLocalListVersion") == {"listVersion": 1}


def _unit_and_limits(world: World) -> tuple[str, tuple[float, float]]:
    is_in_watts = world.product.smart_charging is not None and "W" in world.product.smart_charging.units
    return ("W", (6000.0, 5000.0)) if is_in_watts else ("A", (10.0, 8.0))


async def _install(world: World, number: int, level: int, periods: int) -> Any:
    unit, limits = _unit_and_limits(world)
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 60 * index, "limit": limits[index % 2]} for index in range(periods)],
    }
    profile = {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule | {"startSchedule": world.clock.now().isoformat()},
    }
    return await world.csms.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)


async def charge_profile_max_stack_level(claim: Claim, world: World) -> None:
    await world.boot()
    most: int = claim.value
    assert await told_value(world, "ChargeProfileMaxStackLevel") == str(most)
    # Both limits at once: each level with as many periods as one schedule may have.
    periods = int(await told_value(world, "ChargingScheduleMaxPeriods") or 0)
    for number, level in enumerate(sorted({0, 1, most - 1, most}), start=1):
        assert await _install(world, number, level, periods) == {"status": "Accepted"}
    for level in (most + 1, most + 100_000):
        assert await _install(world, 99, level, 1) == {"status": "Rejected"}
    answer = await world.csms.call("ClearChargingProfile", connectorId=1, stackLevel=most)
    assert answer == {"status": "Accepted"}, "the highest level was there"
    answer = await world.csms.call("ClearChargingProfile", connectorId=1, stackLevel=most + 1)
    assert answer == {"status": "Unknown"}


async def charging_schedule_max_periods(claim: Claim, world: World) -> None:
    await world.boot()
    most: int = claim.value
    assert await told_value(world, "ChargingScheduleMaxPeriods") == str(most)
    assert await _install(world, 1, 0, most) == {"status": "Accepted"}
    assert await _install(world, 2, 1, most + 1) == {"status": "Rejected"}
    # All of them count, the last one included: its limit is what holds after it began.
    await asyncio.sleep(60 * most)  # virtual time: the scenario wants it to pass
    unit, limits = _unit_and_limits(world)
    answer = await world.csms.call("GetCompositeSchedule", connectorId=1, duration=600, chargingRateUnit=unit)
    (period,) = answer["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == limits[(most - 1) % 2]


async def file_transfer_protocols(claim: Claim, world: World) -> None:
    await world.boot()
    claimed = {protocol.value for protocol in claim.value}
    told = (await told_value(world, "SupportedFileTransferProtocols") or "").split(",")
    assert sorted(told) == sorted(protocol.upper() for protocol in claimed)
    for number, protocol in enumerate(PROTOCOLS):
        world.csms.calls.clear()
        answer = await world.csms.call("GetDiagnostics", location=f"{protocol}://files/{number}/", retries=0)
        async with asyncio.timeout(3600):
            while len(world.csms.of("DiagnosticsStatusNotification")) < 2:
                world.csms.changed.clear()
                await world.csms.changed.wait()
        statuses = [item["status"] for item in world.csms.of("DiagnosticsStatusNotification")]
        is_there = f"files/{number}/{answer.get('fileName')}" in world.files.files
        assert is_there is (protocol in claimed)
        assert statuses == ["Uploading", "Uploaded" if is_there else "UploadFailed"]


SCENARIOS: dict[str, Scenario] = {
    "ORS-1": get_configuration_max_keys,
    "ORS-2": meter_values_aligned_data_max_length,
    "ORS-3": meter_values_sampled_data_max_length,
    "ORS-4": minimum_meter_value_sample_interval,
    "ORS-5": maximum_meter_value_sample_interval,
    "ORS-6": minimum_heartbeat_interval,
    "ORS-7": maximum_heartbeat_interval,
    "ORS-8": stop_transaction_max_meter_values,
    "ORS-9": stop_txn_aligned_data_max_length,
    "ORS-10": stop_txn_sampled_data_max_length,
    "ORS-11": web_socket_ping_interval,
    "ORS-12": local_auth_list_max_length,
    "ORS-13": send_local_list_max_length,
    "ORS-14": charge_profile_max_stack_level,
    "ORS-15": charging_schedule_max_periods,
    "ORS-16": file_transfer_protocols,
}


@shown_by(SCENARIOS)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])
