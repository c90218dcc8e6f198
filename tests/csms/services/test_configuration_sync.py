"""Stations that tell their configuration in their own ways, on the `ocpp` library; all end with what is wanted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from tests.csms.wire import eventually

from chargewright.csms.app import Csms
from chargewright.csms.outcomes import Answered, Refused
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.configuration import ConfigurationService, InStep
from chargewright.csms.services.configuration_sync import KEYS_AT_A_TIME, ConfigurationSync
from chargewright.csms.services.groups import group_scope, scope_of
from chargewright.csms.services.registry import Services
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS

KEYS = {
    "HeartbeatInterval": "300",
    "LocalAuthorizeOffline": "true",
    "MeterValuesSampledData": "Energy.Active.Import.Register, Power.Active.Import",
    "NumberOfConnectors": "2",
    "SupportedFeatureProfiles": "Core",
    "VendorLamp": "on",
}
READ_ONLY = {"NumberOfConnectors", "SupportedFeatureProfiles"}


class Configurable(ChargePoint):  # type: ignore[misc]  # untyped in the library
    """A station with keys; `keys_at_a_time` is the most it answers for (None: also for all, 0: never)."""

    def __init__(self, socket: Any, keys_at_a_time: int | None = None, answers: dict[str, str] | None = None) -> None:
        super().__init__("A1", socket)
        self.keys = dict(KEYS)
        self.keys_at_a_time = keys_at_a_time
        self.answers = answers or {}
        self.asked: list[int] = []
        self.changed: list[tuple[str, str]] = []
        self.has_been_asked = asyncio.Event()

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def get(self, key: list[str] | None = None, **_: Any) -> Any:
        self.asked.append(0 if key is None else len(key))
        self.has_been_asked.set()
        if self.keys_at_a_time is not None and (key is None or len(key) > self.keys_at_a_time):
            raise NotSupportedError("too many")
        names = list(self.keys) if key is None else [name for name in key if name in self.keys]
        listed = [{"key": n, "readonly": n in READ_ONLY, "value": self.keys[n]} for n in names]
        unknown = [name for name in key or () if name not in self.keys]
        return call_result.GetConfiguration(configuration_key=listed, unknown_key=unknown)

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def change(self, key: str, value: str) -> Any:
        self.changed.append((key, value))
        status = self.answers.get(key, "Accepted")
        if status in ("Accepted", "RebootRequired"):
            self.keys[key] = value
        return call_result.ChangeConfiguration(status=status)


@asynccontextmanager
async def connected(csms: Csms, **options: Any) -> AsyncIterator[Configurable]:
    url = f"ws://{csms.addresses.ocpp[0]}/A1"
    async with websockets.connect(url, subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]  # a plain name does
        station = Configurable(socket, **options)
        reader = asyncio.create_task(station.start())
        await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        try:
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


Start = Callable[..., Awaitable[Csms]]
SEED = '[[station]]\nidentity = "A1"\n'


def services(csms: Csms) -> Services:
    found = csms._services
    assert found is not None
    return found


def parts(csms: Csms) -> tuple[int, ConfigurationService, ConfigurationSync, AbilitiesService]:
    station = csms._directory.station("A1")
    assert station is not None
    all_of_them = services(csms)
    return station.id, all_of_them.configuration, all_of_them.configuration_sync, all_of_them.abilities


async def until(condition: Callable[[], bool]) -> None:
    await eventually(condition, 20)


@pytest.mark.parametrize(("keys_at_a_time", "asked"), [(None, [0]), (5, None), (1, None)], ids=["all", "five", "one"])
async def test_it_is_read_as_the_station_allows_and_the_way_is_remembered(
    start_csms: Start, keys_at_a_time: int | None, asked: list[int] | None
) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, abilities = parts(csms)
    row = csms._directory.station_by_id(station_id)
    assert row is not None
    async with connected(csms, keys_at_a_time=keys_at_a_time) as station:
        assert isinstance(await sync.read(row), Answered)
        entries = {entry.key: entry.reported for entry in await configuration.entries(station_id)}
        standard = {key: value for key, value in KEYS.items() if key in CONFIGURATION_KEYS}
        assert entries == (KEYS if keys_at_a_time is None else standard)
        assert configuration.has_key(station_id, "heartbeatinterval") is True
        assert configuration.has_key(station_id, "BlinkRepeat") is False
        if asked is not None:
            assert station.asked == asked
            return
        learned = abilities.of(station_id, KEYS_AT_A_TIME)
        assert learned is not None and 1 <= learned <= (keys_at_a_time or 0)
        station.asked.clear()
        await sync.read(row)
        assert 0 not in station.asked and max(station.asked) == learned  # nothing that failed is tried again


async def test_a_station_that_tells_nothing_is_unreadable(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    row = csms._directory.station_by_id(station_id)
    assert row is not None
    async with connected(csms, keys_at_a_time=0):
        assert isinstance(await sync.read(row), Refused)
        assert configuration.state(station_id).state == InStep.UNREADABLE


async def test_what_differs_is_written_once_and_what_is_the_same_is_not(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    wanted = {
        "heartbeatinterval": "600",
        "LocalAuthorizeOffline": "TRUE",
        "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    }
    await sync.want(scope_of(station_id), wanted)
    async with connected(csms) as station:
        await until(lambda: configuration.state(station_id).state == InStep.AS_WANTED)
        assert station.changed == [("HeartbeatInterval", "600")]
        # It drifts: somebody changed it at the station, which boots.
        station.keys["HeartbeatInterval"] = "5"
        station.changed.clear()
        await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        await until(lambda: station.changed == [("HeartbeatInterval", "600")])


async def test_what_is_refused_is_told_and_not_sent_again(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    await sync.want(scope_of(station_id), {"HeartbeatInterval": "600", "VendorLamp": "off"})
    async with connected(csms, answers={"VendorLamp": "Rejected"}) as station:
        await until(lambda: configuration.state(station_id).state == InStep.REFUSED)
        assert station.changed == [("HeartbeatInterval", "600"), ("VendorLamp", "off")]
        (lamp,) = [e for e in await configuration.entries(station_id) if e.key == "VendorLamp"]
        assert (lamp.refused, lamp.reported, lamp.wanted) == ("Rejected", "on", "off")
        station.has_been_asked.clear()
        await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        await station.has_been_asked.wait()
        # Somebody wants something else: that is tried.
        station.answers.clear()
        await sync.want(scope_of(station_id), {"VendorLamp": "dim"})
        await until(lambda: configuration.state(station_id).state == InStep.AS_WANTED)
        assert station.changed[2:] == [("VendorLamp", "dim")]


async def test_a_value_that_needs_a_reboot_waits_for_it(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    await sync.want(scope_of(station_id), {"HeartbeatInterval": "600"})
    async with connected(csms, answers={"HeartbeatInterval": "RebootRequired"}) as station:
        await until(lambda: configuration.state(station_id).state == InStep.REBOOT_REQUIRED)
        await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        await until(lambda: configuration.state(station_id).state == InStep.AS_WANTED)
        assert station.changed == [("HeartbeatInterval", "600")]


async def test_a_station_that_is_not_automatic_gets_nothing(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    row = csms._directory.station_by_id(station_id)
    assert row is not None
    row.automatic = False
    await sync.want(scope_of(station_id), {"HeartbeatInterval": "600"})
    async with connected(csms) as station:
        await station.call(call.Heartbeat())
        assert station.asked == station.changed == []
        # Asked for by a person it is done all the same.
        await sync.bring_in_step(row)
        assert station.changed == [("HeartbeatInterval", "600")]
        assert configuration.state(station_id).state == InStep.AS_WANTED


async def test_the_wish_for_a_group_reaches_its_stations(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    groups = services(csms).groups
    group = await groups.create("yard")
    await sync.want(group_scope(group.id), {"HeartbeatInterval": "600", "VendorLamp": "off"})
    await sync.want(scope_of(station_id), {"VendorLamp": "dim"})
    async with connected(csms) as station:
        await until(lambda: ("VendorLamp", "dim") in station.changed)
        await until(lambda: configuration.state(station_id).state == InStep.AS_WANTED)
        await groups.add("yard", station_id)
        await until(lambda: ("HeartbeatInterval", "600") in station.changed)
        assert ("VendorLamp", "off") not in station.changed


async def test_wishes_and_reports_outlive_a_restart(start_csms: Start) -> None:
    csms = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, sync, _ = parts(csms)
    await sync.want(scope_of(station_id), {"HeartbeatInterval": "600"})
    async with connected(csms):
        await until(lambda: configuration.state(station_id).state == InStep.AS_WANTED)
    before = await configuration.entries(station_id)
    await csms.stop()
    again = await start_csms(SEED, settle_seconds=0)
    station_id, configuration, _, _ = parts(again)
    assert await configuration.entries(station_id) == before
    assert configuration.state(station_id).state == InStep.AS_WANTED
    assert configuration.has_key(station_id, "VendorLamp") is True
