"""Draws `docs/images/up.svg`: the live view of `chargewright up`, as it looked at one moment of a real run."""

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console

from chargewright.cli.depot import STATIONS, Depot, DepotSettings
from chargewright.cli.live_view import draw
from chargewright.csms.log import configure_log

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "up.svg"
SECONDS = 30.0


async def photograph(folder: Path) -> None:
    """Let the depot live for a while, and keep what a person would see then."""
    settings = DepotSettings(data=folder, ocpp="127.0.0.1:0", http="127.0.0.1:0", speed=20, seed=7)
    async with Depot(settings) as depot:
        await asyncio.sleep(SECONDS)
        console = Console(record=True, width=126, file=io.StringIO())
        rated_w = {
            name: tuple(outlet.max_power_w for outlet in product.outlets) for name, product in depot.products.items()
        }
        snapshots = {name: virtual.station.snapshot() for name, virtual in depot.stations.items()}
        messages = depot.summary().messages
        heading = "Chargewright: CSMS at ws://127.0.0.1:9000, HTTP at http://127.0.0.1:8080, data in chargewright-data"
        numbers = depot.csms.statistics()
        counters = (
            f"{messages} messages, {messages / SECONDS:.1f} per second; {numbers['units']:.0f} units of work durable "
            f"in {numbers['batches']:.0f} commits; {SECONDS:.0f} s"
        )
        console.print(draw(snapshots, STATIONS, rated_w, heading, counters, console.width))
        console.save_svg(str(PICTURE), title="make run")


def main() -> int:
    """Draw it."""
    with tempfile.TemporaryDirectory(prefix="chargewright-picture-") as folder:
        configure_log("error")
        uvloop.run(photograph(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
