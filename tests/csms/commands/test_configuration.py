"""What is odd about reading and changing configuration, and that whoever does it, it is kept."""

import pytest
from tests.csms.bench import Workbench

from chargewright.csms.commands.configuration import note_change, note_read, warn_of_change, warn_of_read
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.configuration_sync import MAXIMUM_KEYS
from chargewright.csms.services.groups import scope_of
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfigurationRequest,
    GetConfigurationResponse,
)
from chargewright.protocol.v16.datatypes import KeyValue


@pytest.fixture
def station(bench: Workbench) -> StationRow:
    found = bench.csms._directory.station("A1")
    assert found is not None
    return found


@pytest.fixture
def services(bench: Workbench) -> Services:
    assert bench.csms._services is not None
    return bench.csms._services


async def report(station: StationRow, services: Services) -> None:
    listed = [KeyValue(key="HeartbeatInterval", readonly=False, value="300")]
    outcome = Answered(response=GetConfigurationResponse(configuration_key=listed), elapsed_seconds=0)
    await note_read(GetConfigurationRequest(), outcome, station, services)


async def test_nothing_is_odd_about_a_station_that_was_never_read(station: StationRow, services: Services) -> None:
    assert list(warn_of_read(GetConfigurationRequest(key=["Any"]), station, services)) == []
    assert list(warn_of_change(ChangeConfigurationRequest(key="Any", value="1"), station, services)) == []


async def test_unknown_keys_and_too_many_of_them(station: StationRow, services: Services) -> None:
    await report(station, services)
    await services.abilities.learn(station.id, MAXIMUM_KEYS, 1)
    warnings = list(warn_of_read(GetConfigurationRequest(key=["heartbeatinterval", "Nope"]), station, services))
    assert len(warnings) == 2
    assert "takes 1 at a time" in warnings[0] and "'Nope'" in warnings[1]


async def test_odd_changes(station: StationRow, services: Services) -> None:
    await report(station, services)
    await services.configuration_sync.want(scope_of(station.id), {"HeartbeatInterval": "600"})

    def of(key: str, value: str) -> str:
        return "\n".join(warn_of_change(ChangeConfigurationRequest(key=key, value=value), station, services))

    assert "does not list the key 'Nope'" in of("Nope", "1")
    assert "'-1'" in of("HeartbeatInterval", "-1") and "at least 0" in of("HeartbeatInterval", "-1")
    assert "wanted to be '600'" in of("heartbeatInterval", "700")
    assert of("HeartbeatInterval", "600") == ""
    assert "0123456789abcdef" not in of("AuthorizationKey", "0123456789abcdef") != ""


async def test_a_change_by_hand_is_kept(station: StationRow, services: Services) -> None:
    await report(station, services)
    outcome = Answered(response=ChangeConfigurationResponse(status=ConfigurationStatus.ACCEPTED), elapsed_seconds=0)
    await note_change(ChangeConfigurationRequest(key="HeartbeatInterval", value="7"), outcome, station, services)
    (entry,) = await services.configuration.entries(station.id)
    assert entry.reported == "7"
