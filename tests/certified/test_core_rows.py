"""Optional features of Core: C-01 to C-09.2."""

import asyncio

import pytest
from tests.certified.claims import Claim, Scenario, shown_by
from tests.certified.wire import TAG, begin, end, lose_line, meets_line, told_key, told_value
from tests.station.world import World, car

from chargewright.protocol.v16.datatypes import Measurand


async def _make_known(world: World) -> None:
    """The station knows the tag in whatever way it can."""
    if world.product.local_list is not None:
        entry = {"idTag": TAG, "idTagInfo": {"status": "Accepted"}}
        arguments = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
        assert await world.csms.call("SendLocalList", **arguments) == {"status": "Accepted"}
    else:
        await begin(world)
        await end(world)
        world.csms.calls.clear()


async def _starts_offline(world: World, tag: str = TAG) -> bool:
    """Whether a tag starts a transaction while the line is away, as the CSMS hears of it afterwards."""
    count = len(world.csms.of("StartTransaction"))
    await lose_line(world)
    world.virtual.plug(1, car())
    world.virtual.show_tag(tag, 1)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    away = world.clock.now()
    await meets_line(world)
    started = world.csms.of("StartTransaction")[count:]
    assert [item["idTag"] for item in started] in ([], [tag])
    if started:
        assert started[0]["timestamp"] < away.isoformat(), "it began while the line was away"
        world.virtual.show_tag(tag, 1)
        await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    world.virtual.unplug(1)
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    return bool(started)


async def offline_authorization(claim: Claim, world: World) -> None:
    await world.boot()
    await _make_known(world)
    # The key must be there and writable whatever the row says (§9.1.12).
    assert await world.change("LocalAuthorizeOffline", "true") == ("Accepted" if claim.is_yes else "Rejected")
    assert await _starts_offline(world) is claim.is_yes
    assert await world.change("LocalAuthorizeOffline", "false") == "Accepted"
    assert not await _starts_offline(world)


async def offline_authorization_of_unknown_ids(claim: Claim, world: World) -> None:
    await world.boot()
    change = await world.change("AllowOfflineTxForUnknownId", "true")
    assert change == ("Accepted" if claim.is_yes else "NotSupported")
    assert await _starts_offline(world, "NEVER-SEEN") is claim.is_yes
    if claim.is_yes:
        assert await world.change("AllowOfflineTxForUnknownId", "false") == "Accepted"
        assert not await _starts_offline(world, "NEVER-SEEN-EITHER")


async def maximum_energy_for_invalid_ids(claim: Claim, world: World) -> None:
    await world.boot()
    change = await world.change("MaxEnergyOnInvalidId", "500")
    assert change == ("Accepted" if claim.is_yes else "NotSupported")
    world.csms.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Invalid"}}
    start = await begin(world)
    stop = await world.csms.expect("StopTransaction")
    assert stop["reason"] == "DeAuthorized"
    energy_wh = stop["meterStop"] - start["meterStart"]
    # The meter is looked at once a second: no more than what flows in that time comes on top.
    most_wh = 500 + world.product.outlets[0].max_power_w / 3600 + 1
    assert (500 <= energy_wh <= most_wh) if claim.is_yes else energy_wh == 0


async def authorization_cache(claim: Claim, world: World) -> None:
    await world.boot()
    if world.product.local_list is not None:
        # What follows must come from the cache alone.
        assert await world.change("LocalAuthListEnabled", "false") == "Accepted"
    assert (await told_key(world, "AuthorizationCacheEnabled") is not None) is claim.is_yes
    await begin(world)
    await end(world)
    assert await _starts_offline(world) is claim.is_yes
    answer = await world.csms.call("ClearCache")
    assert answer == {"status": "Accepted" if claim.is_yes else "Rejected"}
    assert not await _starts_offline(world)


async def limited_status_notifications(claim: Claim, world: World) -> None:
    await world.boot()
    change = await world.change("MinimumStatusDuration", "30")
    assert change == ("Accepted" if claim.is_yes else "NotSupported")
    world.csms.calls.clear()
    world.virtual.plug(1, car())
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    world.virtual.unplug(1)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    assert world.csms.statuses(1) == ([] if claim.is_yes else ["Preparing", "Available"])


async def _pulled_at_the_vehicle(claim: Claim, world: World, is_to_end: bool) -> None:
    await world.boot()
    wanted = "true" if is_to_end else "false"
    key = await told_key(world, "StopTransactionOnEVSideDisconnect")
    assert key is not None
    if not key["readonly"]:
        assert claim.is_yes
        assert await world.change("StopTransactionOnEVSideDisconnect", wanted) == "Accepted"
    else:
        assert (key["value"] == wanted) is claim.is_yes
        assert await world.change("StopTransactionOnEVSideDisconnect", wanted) == "Rejected"
    has_to_end = is_to_end is claim.is_yes
    start = await begin(world)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    vehicle = world.virtual.connectors[0].disconnect_vehicle()
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    if has_to_end:
        (stop,) = world.csms.of("StopTransaction")
        assert stop["reason"] == "EVDisconnected"
        return
    assert world.csms.of("StopTransaction") == []
    world.virtual.plug(1, vehicle)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    stop = await end(world)
    assert stop["reason"] == "Local"
    assert len(world.csms.of("StartTransaction")) == 1
    # A minute before and a minute after: all of it on the same bill.
    power_w = min(outlet.max_power_w for outlet in world.product.outlets[:1])
    car_w = power_w if world.product.outlets[0].is_dc else min(power_w, 230 * 16 * world.product.outlets[0].phases)
    assert stop["meterStop"] - start["meterStart"] == pytest.approx(car_w / 30, rel=0.1)


async def keeps_authorization(claim: Claim, world: World) -> None:
    await _pulled_at_the_vehicle(claim, world, is_to_end=False)


async def ends_authorization(claim: Claim, world: World) -> None:
    await _pulled_at_the_vehicle(claim, world, is_to_end=True)


async def local_start(claim: Claim, world: World) -> None:
    await world.boot()
    world.virtual.plug(1, car())
    world.virtual.show_tag(TAG, 1)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    assert [item["idTag"] for item in world.csms.of("StartTransaction")] == ([TAG] if claim.is_yes else [])


async def local_stop(claim: Claim, world: World) -> None:
    await world.boot()
    await begin(world)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    world.virtual.show_tag(TAG, 1)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    # Reason Local is what StopTransaction means where it tells none (§6.49).
    stops = [(item["idTag"], item.get("reason", "Local")) for item in world.csms.of("StopTransaction")]
    assert stops == ([(TAG, "Local")] if claim.is_yes else [])


async def _measurands(claim: Claim, world: World, key: str, interval: str, seconds: int) -> None:
    supported = {measurand.value for measurand in claim.cells["supported"]}
    await world.boot()
    for measurand in Measurand:
        if measurand.value not in supported:
            assert await world.change(key, measurand.value) == "Rejected", measurand
            assert await world.change(key, f"{min(supported)},{measurand.value}") == "Rejected", measurand
    most = int(await told_value(world, f"{key}MaxLength") or 1)
    assert len(supported) <= most
    for other in ("MeterValueSampleInterval", "ClockAlignedDataInterval"):
        assert await world.change(other, "0") == "Accepted"
    assert await world.change(key, ",".join(sorted(supported))) == "Accepted"
    assert await world.change(interval, str(seconds)) == "Accepted"
    for connector in range(1, len(world.product.outlets) + 1):
        await begin(world, connector, tag=f"CARD-{connector}")
    world.csms.calls.clear()
    await asyncio.sleep(2 * seconds + 1)  # virtual time: the scenario wants it to pass
    kinds: dict[int, set[str]] = {}
    for item in world.csms.of("MeterValues"):
        for value in item["meterValue"]:
            kinds[item["connectorId"]] = {sample["measurand"] for sample in value["sampledValue"]}
    assert len(kinds) == len(world.product.outlets)
    assert set().union(*kinds.values()) == supported
    if len({outlet.is_dc for outlet in world.product.outlets}) == 1:
        # Where connectors differ, so does what their meters can tell.
        assert all(found == supported for found in kinds.values())
    tested = claim.cells.get("tested", ())
    assert {measurand.value for measurand in tested} <= supported
    for measurand in tested:
        assert await world.change(key, measurand.value) == "Accepted"


async def sampled_measurands(claim: Claim, world: World) -> None:
    await _measurands(claim, world, "MeterValuesSampledData", "MeterValueSampleInterval", 60)


async def aligned_measurands(claim: Claim, world: World) -> None:
    await _measurands(claim, world, "MeterValuesAlignedData", "ClockAlignedDataInterval", 900)


SCENARIOS: dict[str, Scenario] = {
    "C-01": offline_authorization,
    "C-02": offline_authorization_of_unknown_ids,
    "C-03": maximum_energy_for_invalid_ids,
    "C-04": authorization_cache,
    "C-05": limited_status_notifications,
    "C-06.1": keeps_authorization,
    "C-06.2": ends_authorization,
    "C-07": local_start,
    "C-08": local_stop,
    "C-09.1": sampled_measurands,
    "C-09.2": aligned_measurands,
}


@shown_by(SCENARIOS)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])
