"""The CSMS as a whole, started and stopped in one process: on sockets, and in virtual time."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import BOOT, WireStation, seed_text

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import Seed
from chargewright.csms.storage.base import StorageUnavailable
from chargewright.errors import ConfigurationError
from chargewright.simulation import simulate
from chargewright.transport.loopback import LoopbackNetwork


async def test_it_tells_where_it_listens(start_csms: Any) -> None:
    csms = await start_csms(http="127.0.0.1:0")
    (ocpp,), (http,) = csms.addresses.ocpp, csms.addresses.http
    assert ocpp != http
    async with WireStation(f"ws://{ocpp}", "A1") as station:
        assert (await station.boot())["status"] == "Accepted"
    assert csms.not_ready() is None


@pytest.mark.parametrize("library", ["picows", "websockets"])
async def test_both_websocket_libraries_serve(library: str, start_csms: Any) -> None:
    csms = await start_csms(websocket=library)
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        assert (await station.start())["transactionId"] == 1


async def test_what_was_stored_is_there_after_a_restart(start_csms: Any) -> None:
    first = await start_csms()
    async with WireStation(f"ws://{first.addresses.ocpp[0]}", "A1") as station:
        number = (await station.start())["transactionId"]
    await first.stop()
    second = await start_csms(seed="")  # the seed is in the database now
    async with WireStation(f"ws://{second.addresses.ocpp[0]}", "A1") as station:
        assert (await station.start())["transactionId"] == number
        assert (await station.start(meterStart=5))["transactionId"] != number


async def test_a_failed_start_leaves_nothing_open(tmp_path: Path) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text('[[station]]\nidentity = "OPEN"')
    settings = {"data": tmp_path / "data", "seed": seed, "http": "off"}
    with pytest.raises(ConfigurationError, match="a password for OPEN"):
        await Csms(Settings(ocpp="0.0.0.0:0", **settings)).start()
    again = Csms(Settings(ocpp="127.0.0.1:0", **settings))  # the directory is free again
    await again.start()
    await again.stop()
    await again.stop()


async def test_a_database_in_memory_touches_no_directory(start_csms: Any, tmp_path: Path) -> None:
    await start_csms(db="sqlite://", data=tmp_path / "untouched")
    assert not (tmp_path / "untouched").exists()


async def test_a_busy_address_is_named(start_csms: Any, tmp_path: Path) -> None:
    csms = await start_csms()
    address = csms.addresses.ocpp[0]
    with pytest.raises(OSError, match=f"cannot listen on --ocpp {address}"):
        await Csms(Settings(data=tmp_path / "other", ocpp=address, http="off")).start()


async def test_statistics_count(start_csms: Any) -> None:
    csms = await start_csms()
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
        numbers = csms.statistics()
    assert numbers["messages"] == 1
    assert numbers["connections"] == 1
    assert numbers["batches"] >= 2


async def in_virtual_time(clock: LoopClock, seed: int) -> tuple[list[Any], float]:
    """A day of one station over the loopback network: boot, an hour of charging, heartbeats."""
    network = LoopbackNetwork()
    stations = Seed.model_validate({"station": [{"identity": "A1"}], "id_tag": [{"id_tag": "TAG"}]})
    csms = Csms(
        Settings(db="sqlite://", ocpp="localhost:9000", http="off", node="node"),
        clock=clock,
        seed=stations,
        dice=random.Random(seed),
        entropy=lambda count: bytes(count),
        listen=network.listen,
    )
    await csms.start()
    received: list[bytes] = []
    inbox: asyncio.Queue[bytes] = asyncio.Queue()
    connection = await network.connect(
        "ws://localhost:9000", identity="A1", on_message=inbox.put_nowait, on_close=lambda info: None
    )

    async def call(action: str, payload: Any) -> Any:
        connection.send(json.dumps([2, f"{len(received)}", action, payload]).encode())
        received.append(await inbox.get())
        return json.loads(received[-1])[2]

    await call("BootNotification", BOOT)
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": clock.now().isoformat()}
    number = (await call("StartTransaction", start))["transactionId"]
    await asyncio.sleep(3600)
    stop = {"transactionId": number, "meterStop": 9000, "timestamp": clock.now().isoformat()}
    await call("StopTransaction", stop)
    for _ in range(24):
        await asyncio.sleep(3600)
        await call("Heartbeat", {})
    await csms.stop()
    return received, clock.monotonic()


def test_a_day_in_virtual_time_is_the_same_twice() -> None:
    first = simulate(lambda clock: in_virtual_time(clock, 1))
    second = simulate(lambda clock: in_virtual_time(clock, 1))
    assert first == second
    assert len(first[0]) == 27
    assert first[1] >= 25 * 3600


async def test_an_unknown_station_gets_its_row(start_csms: Any) -> None:
    csms = await start_csms(seed=seed_text("A1"), unknown_stations="accept")
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with WireStation(url, "NEW", password=None) as station:
        assert (await station.boot())["status"] == "Accepted"
        assert (await station.start())["transactionId"] == 1
    async with WireStation(url, "NEW", password=None) as station:
        assert (await station.call("Heartbeat"))["currentTime"]


async def test_an_unknown_station_that_never_booted_is_not_served_after_a_restart_either(start_csms: Any) -> None:
    without_password = '[[station]]\nidentity = "SEEDED"'
    first = await start_csms(seed=without_password, unknown_stations="accept")
    async with WireStation(f"ws://{first.addresses.ocpp[0]}", "NEW", password=None) as station:
        assert (await station.exchange("Heartbeat", {}))[:3] == [4, "1", "SecurityError"]
    await first.stop()
    second = await start_csms(seed=without_password)
    url = f"ws://{second.addresses.ocpp[0]}"
    async with WireStation(url, "NEW", password=None) as station:
        assert (await station.exchange("Heartbeat", {}))[2] == "SecurityError"
        await station.boot()
        assert (await station.exchange("Heartbeat", {}))[0] == 3
    async with WireStation(url, "SEEDED", password=None) as station:
        assert (await station.exchange("Heartbeat", {}))[0] == 3


async def test_a_start_that_is_refused_leaves_its_seed_unwritten(start_csms: Any) -> None:
    without_password = '[[station]]\nidentity = "OPEN"\n'
    with pytest.raises(ConfigurationError, match="a password for OPEN"):
        await start_csms(seed=without_password, ocpp="0.0.0.0:0")
    # Taken out of the file, it is no hindrance any more.
    await start_csms(seed=seed_text("A1"), ocpp="0.0.0.0:0")


async def test_only_who_was_heard_since_is_written_down(start_csms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of idle stations cost no write each a minute; what was not written for a failure comes again."""
    monkeypatch.setattr("chargewright.csms.app.TOUCH_SECONDS", 0.01)
    csms = await start_csms()
    written: asyncio.Queue[set[str]] = asyncio.Queue()
    does_fail: asyncio.Queue[bool] = asyncio.Queue()

    async def touch(seen: dict[int, int]) -> None:
        written.put_nowait({csms._directory.station_by_id(number).identity for number in seen})
        if await does_fail.get():
            raise StorageUnavailable("away")

    monkeypatch.setattr(csms._storage, "touch_stations", touch)
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with asyncio.timeout(60), WireStation(url, "A1") as first, WireStation(url, "A2") as second:
        await first.boot()
        assert await written.get() == {"A1"}
        does_fail.put_nowait(True)
        assert await written.get() == {"A1"}
        await second.boot()
        does_fail.put_nowait(False)
        assert await written.get() == {"A2"}
        does_fail.put_nowait(False)
