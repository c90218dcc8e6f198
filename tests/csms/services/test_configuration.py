"""What is wanted is checked and kept by scope; what is reported replaces what was reported before; secrets are kept
nowhere."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import InvalidValue
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered, NotSent, Outcome
from chargewright.csms.services.configuration import KEYS_LIMIT, ConfigurationService, InStep
from chargewright.csms.services.groups import GroupsService, scope_of
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import ConfigurationReportedRow
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfigurationRequest,
    GetConfigurationResponse,
)
from chargewright.protocol.v16.datatypes import KeyValue


class Office:
    def __init__(self, storage: SqliteStorage, station: StationRow) -> None:
        ledger = JournalLedger(storage.journal, SystemClock())
        self.storage = storage
        self.station = station
        directory = Directory([station])
        groups = GroupsService(storage, ledger)
        self.service = ConfigurationService(storage, ledger, SystemClock(), directory, groups)

    async def report(self, *keys: tuple[str, str | None], asked: list[str] | None = None, unknown: Any = ()) -> None:
        items = [KeyValue(key=k, readonly=False, **({} if v is None else {"value": v})) for k, v in keys]
        response = GetConfigurationResponse(configuration_key=items, unknown_key=list(unknown))
        request = GetConfigurationRequest() if asked is None else GetConfigurationRequest(key=asked)
        await self.service.noted_read(self.station, request, Answered(response=response, elapsed_seconds=0))

    async def change(self, key: str, value: str, status: ConfigurationStatus) -> None:
        outcome = Answered(response=ChangeConfigurationResponse(status=status), elapsed_seconds=0)
        await self.service.noted_change(self.station, ChangeConfigurationRequest(key=key, value=value), outcome)

    async def reported(self) -> dict[str, str | None]:
        return {e.key: e.reported for e in await self.service.entries(self.station.id) if e.received_at is not None}


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    yield Office(storage, await storage.add_station(StationRow(id=0, identity="CP1")))
    await storage.close()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"HeartbeatInterval": "-1"}, "wanted.HeartbeatInterval"),
        ({"NumberOfConnectors": "2"}, "wanted.NumberOfConnectors"),
        ({"AuthorizationKey": "00" * 16}, "wanted.AuthorizationKey"),
        ({"Key": "1", "KEY": "2"}, "wanted.KEY"),
        ({"": "1"}, "wanted."),
        ({"é": "1"}, "wanted.é"),
        ({"k" * 51: "1"}, "wanted." + "k" * 50),
        ({"Key": "v" * 501}, "wanted.Key"),
        ({f"k{n}": "1" for n in range(KEYS_LIMIT + 1)}, "wanted"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_by_name(office: Office, values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        await office.service.want(scope_of(office.station.id), values)
    assert caught.value.field == field
    assert "00" * 16 not in str(caught.value)
    assert office.service.wanted(office.station.id) == {}


async def test_force_overrides_the_specification_and_nothing_else(office: Office) -> None:
    scope = scope_of(office.station.id)
    await office.service.want(scope, {"HeartbeatInterval": "-1"}, force=True)
    assert office.service.wanted_of(scope) == {"HeartbeatInterval": "-1"}
    with pytest.raises(InvalidValue):
        await office.service.want(scope, {"AuthorizationKey": "00" * 16}, force=True)


async def test_a_full_report_replaces_and_a_partial_one_adds(office: Office) -> None:
    await office.report(("HeartbeatInterval", "60"), ("VendorA", "1"), ("VendorB", None))
    assert await office.reported() == {"HeartbeatInterval": "60", "VendorA": "1", "VendorB": None}
    await office.report(("vendora", "2"), asked=["vendora", "HeartbeatInterval"], unknown=["HeartbeatInterval"])
    assert await office.reported() == {"vendora": "2", "VendorB": None}
    await office.report(("HeartbeatInterval", "90"))
    assert await office.reported() == {"HeartbeatInterval": "90"}
    assert office.service.has_key(office.station.id, "VendorB") is False


async def test_a_password_is_kept_nowhere(office: Office) -> None:
    await office.report(("AuthorizationKey", "73656372657473656372657473656372"))
    await office.change("authorizationkey", "73656372657473656372657473656373", ConfigurationStatus.ACCEPTED)
    rows = await office.storage.page(ConfigurationReportedRow)
    assert [(row.key, row.value) for row in rows] == [("AuthorizationKey", None)]


async def test_a_change_by_hand_is_known_and_an_outcome_that_is_none_changes_nothing(office: Office) -> None:
    await office.report(("HeartbeatInterval", "60"))
    await office.change("heartbeatinterval", "70", ConfigurationStatus.ACCEPTED)
    await office.change("HeartbeatInterval", "80", ConfigurationStatus.REJECTED)
    outcome: Outcome = NotSent(reason="gone")
    request = ChangeConfigurationRequest(key="HeartbeatInterval", value="90")
    await office.service.noted_change(office.station, request, outcome)
    await office.service.noted_read(office.station, GetConfigurationRequest(), outcome)
    assert await office.reported() == {"HeartbeatInterval": "70"}


async def test_states(office: Office) -> None:
    service, station_id = office.service, office.station.id
    assert service.state(station_id).state == InStep.UNKNOWN
    assert service.has_key(station_id, "HeartbeatInterval") is None
    await office.report(("HeartbeatInterval", "60"))
    assert service.state(station_id).state == InStep.AS_WANTED
    await service.want(scope_of(station_id), {"HeartbeatInterval": "70"})
    assert service.state(station_id).state == InStep.DRIFTED
    await office.change("HeartbeatInterval", "70", ConfigurationStatus.REJECTED)
    assert service.state(station_id).state == InStep.REFUSED
    await office.change("HeartbeatInterval", "70", ConfigurationStatus.REBOOT_REQUIRED)
    assert service.state(station_id).state == InStep.REBOOT_REQUIRED
    await service.rebooted(station_id)
    assert service.state(station_id).state == InStep.AS_WANTED
    await service.noted_unreadable(station_id)
    assert service.state(station_id).state == InStep.UNREADABLE
    kinds = [event.kind for event in await office.storage.events_after(0, 100)]
    assert kinds.count("configuration.state") == 6


async def test_a_thousand_keys_at_once(office: Office) -> None:
    await office.report(*((f"Key{number}", str(number)) for number in range(1000)))
    assert len(await office.reported()) == 1000
    other = Office(office.storage, office.station)
    await other.service.load()
    assert other.service.has_key(office.station.id, "key999") is True
