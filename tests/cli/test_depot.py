"""The depot of `chargewright up`: passwords made once and kept secret, wrong files refused, totals since the start."""

import asyncio
import stat
import tomllib
from pathlib import Path

import pytest

from chargewright.cli.depot import ID_TAGS, STATIONS, Depot, DepotSettings
from chargewright.errors import ConfigurationError
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.virtual import VirtualStation


def settings(data: Path, speed: float = 100.0) -> DepotSettings:
    return DepotSettings(data=data, ocpp="127.0.0.1:0", http="127.0.0.1:0", speed=speed, seed=3)


async def test_passwords_are_random_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    Depot(settings(tmp_path / "one"))
    Depot(settings(tmp_path / "two"))
    first = (tmp_path / "one" / "up.toml").read_text()
    assert stat.S_IMODE((tmp_path / "one" / "up.toml").stat().st_mode) == 0o600
    assert first != (tmp_path / "two" / "up.toml").read_text()
    Depot(settings(tmp_path / "one"))
    assert (tmp_path / "one" / "up.toml").read_text() == first
    passwords = {station["password"] for station in tomllib.loads(first)["station"]}
    assert len(passwords) == len(STATIONS)


async def test_a_file_without_one_of_the_stations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "up.toml").write_text(
        '[[station]]\nidentity = "DEPOT-DC-1"\npassword = "00112233445566778899aabbccddeeff"\n'
    )
    with pytest.raises(ConfigurationError, match=r"HOME-AC-1.*remove the file"):
        Depot(settings(tmp_path))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
async def test_a_speed_that_stands_still_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ConfigurationError, match="--speed"):
        Depot(settings(tmp_path, speed))


async def is_charging(virtual: VirtualStation) -> bool:
    """Whether its first connector charges within half a minute."""
    return await virtual.wait_until(lambda: virtual.station.snapshot().connectors[0].has_transaction, 30)


async def test_totals_count_from_this_start(tmp_path: Path) -> None:
    for _ in range(2):
        depot = Depot(settings(tmp_path))
        async with depot:
            station = depot.stations["HUB-DC-1"]
            assert await station.wait_until(
                lambda one=station: one.station.snapshot().connectors[0].has_transaction, 30
            )  # type: ignore[misc]
        summary = depot.summary().stations["HUB-DC-1"]
        assert summary.transactions_completed >= 1
        assert summary.transactions_completed < 6, "those of the first start are counted again"


async def test_what_no_driver_started_is_ended_too(tmp_path: Path) -> None:
    depot = Depot(settings(tmp_path, speed=0.001))  # So slow that no driver comes.
    async with depot:
        station = depot.stations["HOME-AC-1"]
        assert await station.wait_until(station.is_online, 30)
        station.plug(1, Vehicle(Battery(60_000.0, 0.2, max_power_w=11_000.0)))
        station.show_tag(ID_TAGS[0], 1)
        assert await is_charging(station)
    assert depot.summary().stations["HOME-AC-1"].transactions_completed == 1


async def test_a_station_that_cannot_go_on_is_reported(tmp_path: Path) -> None:
    depot = Depot(settings(tmp_path))
    async with depot:
        depot._visits[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await depot.watch(asyncio.Event())
