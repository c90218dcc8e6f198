"""What a connected station costs while it says nothing: resident memory of the server per connection."""

import gc

import uvloop
from rich.console import Console

from bench.results import Result, bounded
from bench.servers import chargewright_server
from bench.stations import ScriptedStation, connect_scripted, greeting

SECTION = "idle"
# The first hundred pay for what is loaded and allocated once.
FIRST = 100
MOST_KIB = 25


async def idle_bytes_per_connection(count: int) -> float:
    """Connect `count` stations, let each boot and report three statuses, and divide the growth of the server."""
    with chargewright_server(count) as server:
        stations = [ScriptedStation(number) for number in range(count)]
        await connect_scripted(server.url, stations[:FIRST], greeting(), at_once=10)
        before = server.resident_bytes()
        await connect_scripted(server.url, stations[FIRST:], greeting(), at_once=10)
        gc.collect()
        lost = sum(station.lost for station in stations)
        if lost:
            raise RuntimeError(f"{lost} of {count} idle stations lost their connection")
        return (server.resident_bytes() - before) / (count - FIRST)


def run(count: int, console: Console) -> list[Result]:
    """The section of `make bench`."""
    kib = uvloop.run(idle_bytes_per_connection(count)) / 1024
    console.print(f"{SECTION}: {count:,} connections, {kib:.1f} KiB each")
    return [bounded(SECTION, f"memory per connection of {count:,}", kib, "KiB", MOST_KIB)]
