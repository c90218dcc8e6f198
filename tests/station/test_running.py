"""Settings that are wrong are named, with the exit code for it."""

import asyncio
import json
import math
import os
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from tests.station.scripted_csms import SILENCE
from tests.station.world import SOCKET, World, car, live, product

from chargewright.errors import ConfigurationError
from chargewright.station import running
from chargewright.station.ev.driver import Driver, Habits
from chargewright.station.running import (
    RunResult,
    RunSettings,
    product_from,
    result_of,
    run,
    say_goodbye,
    tell,
    wait_seconds,
)
from chargewright.station.store import StationStore
from chargewright.station.transaction import TransactionState
from chargewright.station.virtual import store_path

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def settings(data: Path, **changes: Any) -> RunSettings:
    values: dict[str, Any] = {
        "pics": "minimal",
        "csms_url": "ws://127.0.0.1:1/ocpp",
        "station_id": "CW 1",
        "data": data,
        "for_seconds": 0.1,
        "drivers": "none",
    }
    return RunSettings(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pics": "nonesuch"}, "nonesuch"),
        ({"pics": "ampeco_platform"}, "Charging Station Management System"),
        ({"station_id": "a/b"}, "a/b"),
        ({"speed": 0.0}, "--speed"),
        ({"speed": math.inf}, "--speed"),
        ({"speed": math.nan}, "--speed"),
        ({"timing": "certificate"}, "--timing fast"),
        ({"hardware_delays": ("lock=soon",)}, "lock=soon"),
        ({"drivers": "auto"}, "--id-tag"),
        ({"transport": "pigeon"}, "pigeon"),
        ({"for_seconds": -1.0}, "--for"),
        ({"for_seconds": 0.0}, "--for"),
        ({"for_seconds": math.inf}, "--for"),
        ({"id_tags": ("GOOD", "A-TAG-OF-21-CHARACTERS"[:21])}, "A-TAG-OF-21-CHARACTER"),
        ({"id_tags": ("",)}, "--id-tag"),
        ({"id_tags": ("A\tB",)}, "'A\\tB'"),
        ({"free_vending": "A\nB"}, "'A\\nB'"),
        ({"free_vending": ""}, "--free-vending"),
        ({"free_vending": "A-TAG-OF-21-CHARACTERS"[:21]}, "A-TAG-OF-21-CHARACTER"),
        ({"csms_url": "http://127.0.0.1:1", "for_seconds": 20.0}, "http://127.0.0.1:1"),
    ],
)
def test_wrong_settings_are_named(
    changes: dict[str, Any], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path, **changes), as_json=False) == 2
    assert named in capsys.readouterr().err


def test_a_directory_in_use_or_of_no_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StationStore(store_path(tmp_path, "CW 1"), Random(1)):
        assert run(settings(tmp_path), as_json=False) == 4
    said = capsys.readouterr().err
    assert f"another process runs this station (process {os.getpid()})" in said and "--data" in said
    file = tmp_path / "file"
    file.write_text("")
    for data in (file, file / "below" / "further"):
        assert run(settings(data), as_json=False) == 4
        said = capsys.readouterr().err
        assert f"{data}: cannot be the data directory: {file} is not a directory" in said and "--data" in said


def test_a_directory_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / ("a name longer than any file system takes" * 10)
    assert run(settings(data), as_json=False) == 4
    said = capsys.readouterr().err
    assert str(data) in said and "cannot be made: File name too long" in said


def test_a_run_that_was_never_accepted_says_so_and_what_to_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path, log_level="warning"), as_json=False) == 5
    said = capsys.readouterr()
    assert "CW 1 was not accepted within 0.1 s by ws://127.0.0.1:1/ocpp" in said.err
    assert "level='warning'" in said.err and "nothing listens there" in said.err
    assert said.out == "CW 1: 0 transactions completed in this run, 0.000 kWh\n"


@pytest.mark.parametrize("error", [TimeoutError(), OSError("of something else")])
async def test_a_life_that_ends_late_does_not_hide_what_was_done(error: OSError) -> None:
    async def life() -> None:
        raise error

    if isinstance(error, TimeoutError):
        await running._finish(life())
    else:
        with pytest.raises(OSError, match="of something else"):
            await running._finish(life())


def test_the_numbers_are_those_of_this_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StationStore(store_path(tmp_path, "CW 1"), Random(1)) as store:
        store.set_meta("transactions_completed", "3")
        store.set_meta("energy_completed_wh", "7000")
        store.add_transaction(1, "TAG", None, TransactionState.STARTED.value, NOW, 0)
        store.set_register(1, 500.0, NOW)
    assert run(settings(tmp_path), as_json=True) == 5
    told = json.loads(capsys.readouterr().out)
    assert told["was_accepted"] is False and "is_connected" not in told
    # What the earlier run left open is closed at the start, and was that run's.
    assert (told["transactions_completed"], told["energy_completed_wh"], told["energy_running_wh"]) == (0, 0, 0)
    assert told["transactions_recovered"] == 1
    assert (told["transactions_running"], told["messages_queued"]) == (0, 1)
    assert run(settings(tmp_path), as_json=False) == 5
    assert capsys.readouterr().out == (
        "CW 1: 0 transactions completed in this run, 0.000 kWh; 1 message waits for the next connection\n"
    )
    with StationStore(store_path(tmp_path, "CW 1"), Random(1)) as store:
        assert (store.meta("transactions_completed", ""), store.meta("energy_completed_wh", "")) == ("4", "7500")


def test_only_the_pics_of_a_station_makes_a_station() -> None:
    assert product_from("minimal").model == "CW-MINIMAL"
    with pytest.raises(ConfigurationError):
        product_from("ampeco_platform")


def test_the_memory_of_one_product_is_refused_to_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings(tmp_path, id_tags=("EXACTLY-20-CHARACTER",)), as_json=False) == 5
    assert run(settings(tmp_path, vendor="ACME", model="Another name"), as_json=False) == 5
    capsys.readouterr()
    assert run(settings(tmp_path, pics="kempower_s_series"), as_json=False) == 4
    said = capsys.readouterr().err
    assert "CW-MINIMAL (connectors: 1)" in said and "--data" in said
    assert run(settings(tmp_path, pics="kempower_s_series", station_id="CW 2"), as_json=False) == 5


def test_a_first_connection_is_tried_again_quickly_and_a_lost_one_with_everybody_else_in_mind() -> None:
    def waits(has_connected: bool) -> list[float]:
        random = Random(1)
        return [wait_seconds(attempt, random, has_connected=has_connected) for attempt in range(1, 20)]

    first, lost = waits(False), waits(True)
    assert first[0] < 1 and sum(first[:4]) < 6, "a server that needs some seconds is not missed by many"
    assert lost[0] >= 2
    assert first[-1] >= 32, "and one that is away for long is not pestered"


@pytest.mark.parametrize(("has_local_stop", "reason"), [(True, "Local"), (False, "Other")])
def test_no_transaction_outlives_the_run_whoever_started_it(has_local_stop: bool, reason: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        for number in (1, 2):
            world.virtual.plug(number, car())
        await world.csms.call("RemoteStartTransaction", idTag="APP", connectorId=2)
        await world.csms.expect("StartTransaction")
        driver = Driver(world.virtual, 3, Habits(id_tags=("CARD",), gap_seconds=1.0), Random(1))
        visit = asyncio.create_task(driver.run())
        await world.csms.expect("StartTransaction", 2)
        await asyncio.sleep(60)
        await say_goodbye(world.virtual, [driver], [visit])
        assert visit.done()
        # The CSMS has heard of it before the line is closed.
        stops = world.csms.of("StopTransaction")
        assert sorted((stop["idTag"], stop["reason"]) for stop in stops) == [("APP", reason), ("CARD", reason)]
        assert not any(connector.has_transaction for connector in world.virtual.station.snapshot().connectors)
        assert world.csms.statuses(2)[-1] == "Finishing"

    live(main, product(SOCKET, SOCKET, SOCKET, has_local_stop=has_local_stop))


def test_the_goodbye_does_not_wait_long_for_a_csms_that_is_away() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("CARD")
        await world.csms.expect("StartTransaction")
        world.csms.answers["StopTransaction"] = SILENCE
        began = world.clock.monotonic()
        await say_goodbye(world.virtual, [], [])
        assert world.clock.monotonic() - began <= 5
        assert world.virtual.station.snapshot().messages_queued == 1

    live(main)


def test_what_is_left_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def main(world: World) -> RunResult:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("CARD")
        await world.csms.expect("StartTransaction")
        return result_of(world.virtual.station.opening, world.virtual.station.snapshot(), world.virtual.recovered)

    result = live(main)
    assert result.transactions_running == 1
    tell(result, as_json=False)
    assert "; 1 transaction still runs until the next start" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "mistake", "told"),
    [
        ('"HFS-10" = "Single"', '"HFS-10" = "Two"', "HFS-10: 'Two' is not right; expected one of None, Single"),
        ('"HFS-8" = 1', '"HFS-8" = 3', "HFS-8: 3 is not right; expected 1, the number of [[connectors]]"),
        ("meter_type", "# meter_type", "assumed.meter_type is missing; expected a text of 1 to 25 characters"),
        ('"ORS-1" = 20', '"ORS-1" = 0', "ORS-1: 0 is not right; expected 1 to 2147483647"),
        (
            "rated_power_w = ",
            "rated_power_w = 9",
            "assumed.connectors.1.rated_power_w: 93680.0 is not right; expected at",
        ),
        (
            "[assumed.limits]",
            "[assumed.limits]\nNonsense = 1",
            "assumed.limits.Nonsense: 1 is not right; expected one of",
        ),
        ('"C-01"', '"C-99"', "C-99: 'No' is not right; expected no such row"),
        ("[core]", "[core", ": is no TOML file: "),
    ],
)
def test_a_pics_with_a_mistake_is_refused_with_the_file_the_row_and_what_would_be_right(
    found: str, mistake: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = files("chargewright.pics").joinpath("minimal.toml").read_text()
    assert found in right
    path = tmp_path / "mine.toml"
    path.write_text(right.replace(found, mistake, 1))
    assert run(settings(tmp_path / "data", pics=str(path)), as_json=False) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"chargewright station: {path}: ") and told in said
    assert not (tmp_path / "data").exists()
