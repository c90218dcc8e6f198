"""From start to exit code: runs the depot, shows it, ends it on a signal."""

import asyncio
import logging
import signal
import sys
import time
from typing import Final

import msgspec
import structlog
import uvloop
from rich.console import Console
from rich.live import Live
from rich.table import Table

from chargewright.cli.depot import STATIONS, Depot, DepotSettings, Summary
from chargewright.cli.live_view import MessageRate, draw, one_line
from chargewright.csms.log import configure_log
from chargewright.csms.storage.base import StorageError
from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.station.snapshot import StationSnapshot
from chargewright.station.store import StationStoreError

__all__ = ["run"]

REFRESH_SECONDS: Final = 0.25
LINE_SECONDS: Final = 5.0
LOG_FILE: Final = "up.log"


def run(settings: DepotSettings, *, for_seconds: float | None, as_json: bool) -> int:
    """Run until a signal or for so many seconds, and return the exit code that `chargewright up --help` documents."""
    if for_seconds is not None and not for_seconds > 0:
        return _failed(2, ConfigurationError("--for", "", for_seconds, "a number of seconds above 0"))
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        log = (settings.data / LOG_FILE).open("a")
    except OSError as error:
        return _failed(4, f"cannot use the data directory {settings.data}: {error.strerror}")
    try:
        with log:
            configure_log("info", log)
            summary = uvloop.run(_run(settings, for_seconds, as_json))
    except ConfigurationError as error:
        return _failed(2, error)
    except (StorageError, StationStoreError) as error:
        return _failed(4, error)
    except OSError as error:
        return _failed(
            3, f"{error.strerror or error}; another one: chargewright up --ocpp 127.0.0.1:0 --http 127.0.0.1:0"
        )
    except ChargewrightError as error:
        return _failed(1, error)
    finally:
        # The log file is closed: whoever goes on in this process must not write to it.
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    _tell(summary, as_json)
    return 0


async def _run(settings: DepotSettings, for_seconds: float | None, as_json: bool) -> Summary:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    depot = Depot(settings)
    async with depot:
        if for_seconds is not None:
            loop.call_later(for_seconds, ending.set)
        console = Console(stderr=True) if as_json else Console()
        viewing = asyncio.create_task(_view(depot, console))
        try:
            await depot.watch(ending)
            console.print("Drivers stop charging and leave …", style="dim")
        finally:
            viewing.cancel()
            await asyncio.wait([viewing])
    return depot.summary()


async def _view(depot: Depot, console: Console) -> None:
    rated_w = {
        identity: tuple(outlet.max_power_w for outlet in product.outlets)
        for identity, product in depot.products.items()
    }
    rate = MessageRate()
    began = time.monotonic()
    rate.update(began, depot.summary().messages)

    def snapshots() -> dict[str, StationSnapshot]:
        return {identity: virtual.station.snapshot() for identity, virtual in depot.stations.items()}

    def counters() -> str:
        messages = depot.summary().messages
        per_second = rate.update(time.monotonic(), messages)
        numbers = depot.csms.statistics()
        return (
            f"{messages} messages, {per_second:.1f} per second; {numbers['units']:.0f} units of work durable in "
            f"{numbers['batches']:.0f} commits; {time.monotonic() - began:.0f} s"
        )

    if not console.is_terminal:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            console.print(one_line(snapshots(), counters()), soft_wrap=True)
    addresses = depot.csms.addresses
    heading = (
        f"Chargewright: CSMS at ws://{addresses.ocpp[0]}, HTTP at http://{addresses.http[0]}, "
        f"data in {depot.settings.data}"
    )
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(draw(snapshots(), STATIONS, rated_w, heading, counters(), console.width), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)


def _tell(summary: Summary, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
        return
    table = Table("station", "transactions completed", "energy")
    for identity, station in summary.stations.items():
        table.add_row(identity, str(station.transactions_completed), f"{station.energy_wh / 1000:.3f} kWh")
    console = Console()
    console.print(table)
    console.print(f"{summary.messages} messages; everything is in the database.")


def _failed(code: int, error: object) -> int:
    sys.stderr.write(f"chargewright up: {error}\n")
    return code
