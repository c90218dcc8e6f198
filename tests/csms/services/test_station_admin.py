"""What an operator does with stations, below REST."""

import asyncio
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import eventually

from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.services.credential_changes import CredentialChange, PendingPassword
from chargewright.csms.services.station_admin import StationAdminService, StationFilter
from chargewright.csms.storage.base import StationRow, StorageUnavailable

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def admin(bench: Workbench) -> StationAdminService:
    assert bench.csms._services is not None
    return bench.csms._services.station_admin


async def test_a_station_keeps_its_row_and_what_it_told_over_changes(
    bench: Workbench, admin: StationAdminService
) -> None:
    before = admin.known("A1")
    connection = await bench.connect("A1")
    epoch = before.epoch
    boot = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": "S1"}
    await bench.exchange(connection, "BootNotification", boot)
    await admin.change("A1", {"time_zone": "Europe/Vienna"}, None)
    after = admin.known("A1")
    assert after is before
    assert (after.time_zone, after.serial_number, after.booted, after.epoch) == ("Europe/Vienna", "S1", True, epoch)
    stored = await admin.detail("A1")
    assert (stored.time_zone, stored.vendor, stored.booted) == ("Europe/Vienna", "V", True)


async def test_a_change_that_changes_nothing_tells_nobody(bench: Workbench, admin: StationAdminService) -> None:
    await admin.change("A1", {"time_zone": "UTC"}, None)
    assert "station.changed" not in await bench.event_kinds()


async def test_one_station_is_written_by_one_request_at_a_time(admin: StationAdminService) -> None:
    results = await asyncio.gather(
        admin.change("A1", {"time_zone": "Europe/Vienna"}, None),
        admin.change("A1", {"time_zone": "Europe/Paris"}, None),
        admin.remove("A1"),
        admin.change("A2", {"time_zone": "Europe/Paris"}, None),
        return_exceptions=True,
    )
    assert [isinstance(result, Conflict) for result in results] == [False, True, True, False]
    assert admin.known("A1").time_zone == "Europe/Vienna"


async def test_a_station_out_of_service_keeps_its_name_for_what_it_sent(
    bench: Workbench, admin: StationAdminService
) -> None:
    station_id = admin.known("A1").id
    await admin.remove("A1")
    assert admin.identity(station_id) == "A1"
    with pytest.raises(NotFound):
        admin.known("A1")
    with pytest.raises(NotFound):
        await admin.remove("A1")
    again = StationAdminService.__new__(StationAdminService)
    again.__dict__.update(admin.__dict__ | {"_removed": {}})
    await again.load()
    assert again.identity(station_id) == "A1"
    with pytest.raises(NotFound):
        admin.identity(999_999)
    back = await admin.register(StationRow(id=0, identity="A1"), KEY)
    assert back.id == station_id
    assert back.removed_at is None


async def test_a_database_that_is_away_leaves_memory_as_it_was(bench: Workbench, admin: StationAdminService) -> None:
    await bench.storage.journal.close()
    with pytest.raises(StorageUnavailable):
        await admin.change("A1", {"time_zone": "Europe/Vienna"}, None)
    assert admin.known("A1").time_zone == "UTC"
    with pytest.raises(StorageUnavailable):
        await admin.remove("A1")
    assert admin.known("A1").identity == "A1"


async def test_a_station_that_nobody_registered_can_be_registered(start_bench: object) -> None:
    bench: Workbench = await start_bench(unknown_stations="accept")  # type: ignore[operator]
    assert bench.csms._services is not None
    admin = bench.csms._services.station_admin
    bench.open("STRANGER")
    await bench.settle()
    await eventually(lambda: bench.csms._directory.station("STRANGER") is not None)
    stranger = admin.known("STRANGER")
    assert not bench.csms._directory.is_served(stranger)
    await admin.register(StationRow(id=0, identity="STRANGER"), KEY)
    assert bench.csms._directory.is_served(stranger)
    assert stranger.security_profile == 1
    with pytest.raises(Conflict):
        await admin.register(StationRow(id=0, identity="STRANGER"), KEY)


async def test_a_profile_with_password_needs_one(admin: StationAdminService) -> None:
    with pytest.raises(InvalidValue):
        await admin.register(StationRow(id=0, identity="N"), None)
    with pytest.raises(InvalidValue):
        await admin.change("A1", {"security_profile": 1}, None)
    assert await admin.page(StationFilter(registration="Pending"), None, 10) == []


def test_passwords_are_never_the_same(admin: StationAdminService) -> None:
    made = {admin.make_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {40}


def undecided(bench: Workbench, station: StationRow, text: str = "pending") -> CredentialChange:
    """A password on its way to the station, whose answer never came."""
    assert bench.csms._services is not None
    change = CredentialChange(passwords=(PendingPassword(credential_hash=text, is_undecided=True),))
    bench.csms._services.credential_changes._changes[station.id] = change
    return change


@pytest.mark.parametrize("operator_first", [True, False])
async def test_an_operator_and_the_end_of_a_password_change_do_not_undo_each_other(
    operator_first: bool, bench: Workbench, admin: StationAdminService
) -> None:
    assert bench.csms._services is not None
    changes = bench.csms._services.credential_changes
    station = admin.known("A1")
    undecided(bench, station)
    if not operator_first:
        changes.used(station, credential_hash="pending", security_profile=0)
    asked = asyncio.create_task(admin.change("A1", {"registration": "Rejected", "automatic": False}, None))
    await asyncio.sleep(0)
    if operator_first:
        changes.used(station, credential_hash="pending", security_profile=0)
    await asyncio.gather(asked, *changes._tasks)
    stored = await admin.detail("A1")
    for row in (stored, station):
        assert (row.registration, row.automatic, row.credential_hash) == ("Rejected", False, "pending")


async def test_a_change_of_something_else_keeps_the_password_that_was_decided_meanwhile(start_bench: Any) -> None:
    bench: Workbench = await start_bench({"station": [{"identity": "A1", "password": KEY}]})
    assert bench.csms._services is not None
    admin, changes = bench.csms._services.station_admin, bench.csms._services.credential_changes
    station = admin.known("A1")
    undecided(bench, station)
    changes.used(station, credential_hash="pending", security_profile=1)
    await asyncio.gather(admin.change("A1", {"time_zone": "Europe/Vienna"}, None), *changes._tasks)
    stored = await admin.detail("A1")
    for row in (stored, station):
        assert (row.credential_hash, row.time_zone) == ("pending", "Europe/Vienna")


async def test_a_password_from_the_operator_ends_those_on_their_way(start_bench: Any) -> None:
    bench: Workbench = await start_bench({"station": [{"identity": "A1", "password": KEY}]})
    assert bench.csms._services is not None
    admin, changes = bench.csms._services.station_admin, bench.csms._services.credential_changes
    station = admin.known("A1")
    before = undecided(bench, station)
    before.security_profile = 2
    await admin.change("A1", {"time_zone": "Europe/Vienna"}, None)
    assert changes.of(station.id) is before
    await admin.change("A1", {}, KEY)  # the same again: only this one, from now on
    left = changes.of(station.id)
    assert left == CredentialChange(security_profile=2)
    await admin.change("A1", {"security_profile": 1}, None)
    assert changes.of(station.id) is None
    assert await bench.rows("SELECT * FROM setting WHERE name LIKE 'credential-change%'") == []


async def test_a_station_out_of_service_takes_no_password_along(bench: Workbench, admin: StationAdminService) -> None:
    assert bench.csms._services is not None
    changes = bench.csms._services.credential_changes
    station = admin.known("A1")
    undecided(bench, station)
    await admin.remove("A1")
    assert changes.of(station.id) is None
    assert (await admin.register(StationRow(id=0, identity="A1"), KEY)).id == station.id
    assert changes.of(station.id) is None
