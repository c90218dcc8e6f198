"""What a fleet process prepares: seed file and open files. The process itself: tests/cli/test_station_fleet.py."""

import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
import structlog

import chargewright.station.fleet_running
from chargewright.csms.seed import read_seed
from chargewright.errors import ConfigurationError
from chargewright.station.fleet import Fleet, FleetResult
from chargewright.station.fleet_running import (
    IMAGE_BYTES,
    OTHER_FILES,
    FleetSettings,
    raise_file_limit,
    run_fleet,
    write_seed,
)
from chargewright.station.upkeep import DiskShelf


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def settings(**changes: Any) -> FleetSettings:
    return FleetSettings(**({"count": 3, "pics": ("minimal",), "csms_url": "ws://a", "behaviour": "depot"} | changes))


def test_a_seed_file_is_what_serve_reads(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    write_seed(settings(master_key=b"0123456789abcdef"), path)
    seed = read_seed(path)
    assert [station.identity for station in seed.station] == ["CW-F-00001", "CW-F-00002", "CW-F-00003"]
    assert len({station.password for station in seed.station}) == 3
    assert [tag.id_tag for tag in seed.id_tag[:2]] == ["CW-VAN-00001", "CW-VAN-00002"]
    assert settings(master_key=b"0123456789abcdef").password_of("CW-F-00002") == bytes.fromhex(
        seed.station[1].password or ""
    )


def test_stations_without_a_password_are_let_in_by_the_seed_file(tmp_path: Path) -> None:
    write_seed(settings(prefix="X"), tmp_path / "seed.toml")
    station = read_seed(tmp_path / "seed.toml").station[0]
    assert (station.identity, station.profile) == ("X00001", 0)
    assert settings().password_of("X00001") is None


def test_one_key_may_be_for_all() -> None:
    one = settings(authorization_key="00112233445566778899aabbccddeeff")
    assert one.password_of("A") == one.password_of("B") == bytes.fromhex("00112233445566778899aabbccddeeff")


def test_the_open_file_limit_is_raised_as_far_as_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1000, 5000)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, wanted: limits.append(wanted))
    raise_file_limit(1000 - OTHER_FILES)
    assert limits == [(1000, 5000)]
    raise_file_limit(1000)
    assert limits[-1] == (5000, 5000)
    with pytest.raises(ConfigurationError, match="6000 stations need 6064 open files, and this process may have 5000"):
        raise_file_limit(6000)
    limits.append((1000, resource.RLIM_INFINITY))
    raise_file_limit(6000)
    assert limits[-1] == (6064, resource.RLIM_INFINITY)


def test_a_seed_file_takes_the_place_of_one_that_everybody_can_read(tmp_path: Path) -> None:
    old, link = tmp_path / "old.toml", tmp_path / "seed.toml"
    old.write_text("mine")
    old.chmod(0o644)
    link.symlink_to(old)
    with old.open() as reader:
        write_seed(settings(master_key=b"0123456789abcdef"), link)
        assert reader.read() == "mine", "whoever has the old file open must not read passwords"
    assert link.is_symlink() and stat.S_IMODE(old.stat().st_mode) == 0o600
    assert len(read_seed(link).station) == 3
    assert sorted(item.name for item in tmp_path.iterdir()) == ["old.toml", "seed.toml"]


def test_a_seed_can_go_through_a_pipe_and_a_broken_one_leaves_nothing(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_seed(settings(), fifo)
        assert b'identity = "CW-F-00003"' in os.read(reader, 65_536)
    finally:
        os.close(reader)
    assert fifo.is_fifo()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_seed(settings(), tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        write_seed(settings(), tmp_path / "nowhere" / "seed.toml")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_firmware_images_lie_on_disk_where_there_are_thousands_of_stations(
    is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Fleet] = []

    class Watched(Fleet):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(chargewright.station.fleet_running, "Fleet", Watched)
    # This process goes on after the run.
    monkeypatch.setattr(chargewright.station.fleet_running, "_block_signals", lambda: None)
    monkeypatch.setattr(chargewright.station.fleet_running, "_ignore_signals", lambda: None)
    results: list[FleetResult] = []
    few = settings(
        count=2,
        behaviour="nobody",
        csms_url="ws://127.0.0.1:1",
        for_seconds=0.2,
        drain_seconds=0.1,
        data=tmp_path if is_kept else None,
    )
    assert run_fleet(few, lambda figures: None, results.append) == 5
    (fleet,) = made
    shelves = [virtual.shelf for virtual in fleet.stations]
    assert all(isinstance(shelf, DiskShelf) for shelf in shelves)
    assert len({shelf.path for shelf in shelves if isinstance(shelf, DiskShelf)}) == len(shelves) == 2
    assert {shelf.size_bound for shelf in shelves} == {IMAGE_BYTES}
    folders = {shelf.path.parent for shelf in shelves if isinstance(shelf, DiskShelf)}
    assert (folders == {tmp_path}) is is_kept
    assert [folder.exists() for folder in folders] == [is_kept]


def test_a_fleet_with_tls_is_let_in_with_that_profile_and_has_no_certificates(tmp_path: Path) -> None:
    key = "00112233445566778899aabbccddeeff"
    ways: list[dict[str, Any]] = [{"csms_url": "wss://a"}, {"security_profile": 2}]
    for number, changes in enumerate(ways):
        write_seed(settings(authorization_key=key, **changes), tmp_path / f"{number}.toml")
        assert read_seed(tmp_path / f"{number}.toml").station[0].profile == 2
    with pytest.raises(ConfigurationError, match=r"--security-profile: 3 .* have no certificates of their own"):
        write_seed(settings(security_profile=3), tmp_path / "none.toml")
