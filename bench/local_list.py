"""A station with the longest local list that a PICS of ours knows: 500,000 id tags, in messages of 10,000.

What the wire brings is read, checked, stored and committed to a file, in a process of its own, so that its memory is
its own. The first message is Full, the others Differential; then one more Differential of 10,000, which changes,
removes and adds; then id tags are looked up, those in the list and strangers; then the list is replaced by a short one.
"""

import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog
from rich.console import Console

from bench.results import Result, bounded, percentile
from chargewright.clock import SystemClock
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.local_auth_list_management import (
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
)
from chargewright.station.configuration import StationConfiguration
from chargewright.station.context import CallFailed, CallFailure, Context
from chargewright.station.hardware.interface import Outlet
from chargewright.station.local_auth_list import LocalAuthList
from chargewright.station.product import LocalList, Product
from chargewright.station.store import StationStore

SECTION = "local-list"
ENTRIES, PER_MESSAGE = 500_000, 10_000
LOOK_UPS = 20_000
# A CSMS waits 30 s and more for an answer; these are for a machine that does other work besides.
MOST_SECONDS = 2.0
MOST_REPLACING_SECONDS = 5.0
MOST_MIB = 64.0
MOST_LOOK_UP_MICROSECONDS = 100.0


class Measured(msgspec.Struct):
    """Seconds of each message, its own first; MiB of resident memory that the list added; microseconds of a look-up."""

    building: list[float]
    changing: float
    replacing: float
    added_mib: float
    peak_mib: float
    look_up_microseconds: float
    file_mib: float


def id_tag(number: int) -> str:
    """Twenty characters, in no order that a tree would like."""
    return f"{random.Random(number).getrandbits(40):010X}{number:010X}"


def message(version: int, update: str, entries: list[dict[str, object]]) -> bytes:
    """A SendLocalList as it travels."""
    return json.dumps({"listVersion": version, "updateType": update, "localAuthorizationList": entries}).encode()


def entry(number: int) -> dict[str, object]:
    """One that may charge until the end of the decade, with a group of a hundred."""
    info = {"status": "Accepted", "expiryDate": "2029-12-31T23:59:59Z", "parentIdTag": f"GROUP-{number // 100}"}
    return {"idTag": id_tag(number), "idTagInfo": info}


def building() -> Iterator[bytes]:
    """The messages that make the whole list."""
    for version, first in enumerate(range(0, ENTRIES, PER_MESSAGE), start=1):
        update = "Full" if version == 1 else "Differential"
        yield message(version, update, [entry(number) for number in range(first, first + PER_MESSAGE)])


def changing() -> bytes:
    """One Differential on top: a third each is changed, removed and new."""
    share = PER_MESSAGE // 3
    blocked: dict[str, object] = {"status": "Blocked"}
    entries: list[dict[str, object]] = [
        {"idTag": id_tag(number), "idTagInfo": blocked} for number in range(0, 7 * share, 7)
    ]
    entries += [{"idTag": id_tag(number)} for number in range(1, 7 * share, 7)]
    entries += [entry(number) for number in range(ENTRIES, ENTRIES + PER_MESSAGE - 2 * share - 1)]
    return message(ENTRIES, "Differential", entries)


async def _nobody(request: object, response: object, *, is_triggered: bool = False) -> object:
    raise CallFailed("Authorize", CallFailure.OFFLINE)


def make_list(store: StationStore) -> LocalAuthList:
    """A list on that store, with nothing else of a station."""
    bounds = LocalList(ENTRIES, PER_MESSAGE)
    outlet = Outlet(phases=3, max_power_w=22_000.0, max_current_a=32.0, has_fixed_cable=True)
    product = Product(model="B", serial_number="1", firmware_version="1", outlets=(outlet,), local_list=bounds)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    context = Context(
        station_id="BENCH",
        clock=SystemClock(),
        random=random.Random(1),
        store=store,
        product=product,
        configuration=StationConfiguration(product, store),
        call=_nobody,  # type: ignore[arg-type]  # nothing is called here
        is_online=lambda: False,
        call_later=_never,  # type: ignore[arg-type]  # nothing is waited for here
        spawn=lambda coroutine: coroutine.close(),
        log=structlog.get_logger(),
        note_security_event=lambda kind, tech_info="": None,
    )
    return LocalAuthList(context, bounds, lambda detail: None, lambda: None, lambda id_tags: None)


def _never(seconds: float, callback: object) -> object:
    raise NotImplementedError("a local list waits for nothing")


def send(local_list: LocalAuthList, text: bytes) -> float:
    """Seconds until the answer could leave, for the list is on disk."""
    began = time.perf_counter()
    answer = local_list.send_local_list(decode(SendLocalListRequest, text))
    took = time.perf_counter() - began
    if answer.response != SendLocalListResponse(status=UpdateStatus.ACCEPTED):
        raise RuntimeError(f"a list was not accepted: {answer.response}")
    return took


def resident_mib(field: str) -> float:
    """`VmRSS` or `VmHWM` of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def measure(directory: Path) -> Measured:
    """All of it, in this process."""
    path = directory / "station.sqlite3"
    with StationStore(path, random.Random(1)) as store:
        local_list = make_list(store)
        messages = building()
        first = next(messages)
        gc.collect()
        before = resident_mib("VmRSS")
        building_seconds = [send(local_list, first)]
        building_seconds += [send(local_list, text) for text in messages]
        changing_seconds = send(local_list, changing())
        numbers = random.Random(2).choices(range(10, ENTRIES), k=LOOK_UPS)
        tags = [id_tag(number) if number % 2 else f"STRANGER-{number}" for number in numbers]
        began = time.perf_counter()
        found = sum(local_list.find(tag) is not None for tag in tags)
        look_up = (time.perf_counter() - began) / LOOK_UPS
        if not LOOK_UPS * 0.4 < found < LOOK_UPS * 0.6:
            raise RuntimeError(f"{found} of {LOOK_UPS} tags found")
        gc.collect()
        added, peak = resident_mib("VmRSS") - before, resident_mib("VmHWM")
        size = path.stat().st_size / 2**20
        replacing_seconds = send(local_list, message(1, "Full", [entry(1)]))
    return Measured(building_seconds, changing_seconds, replacing_seconds, added, peak, look_up * 1e6, size)


def run(console: Console) -> list[Result]:
    """The section of `make bench`."""
    with tempfile.TemporaryDirectory() as directory:
        output = subprocess.run(
            [sys.executable, "-m", "bench.local_list", directory], check=True, stdout=subprocess.PIPE
        ).stdout
    measured = msgspec.json.decode(output, type=Measured)
    slowest, usual = max(measured.building), percentile(measured.building, 0.5)
    console.print(
        f"{SECTION}: {ENTRIES:,} id tags in {len(measured.building)} messages of {PER_MESSAGE:,}: {usual:.2f} s each, "
        f"{slowest:.2f} s at most; file {measured.file_mib:.0f} MiB, memory at most {measured.peak_mib:.0f} MiB"
    )
    return [
        bounded(SECTION, f"slowest message of {PER_MESSAGE:,}", slowest, "s", MOST_SECONDS),
        bounded(SECTION, f"Differential of {PER_MESSAGE:,} on {ENTRIES:,}", measured.changing, "s", MOST_SECONDS),
        bounded(SECTION, f"Full in place of {ENTRIES:,}", measured.replacing, "s", MOST_REPLACING_SECONDS),
        bounded(SECTION, f"memory added by {ENTRIES:,}", measured.added_mib, "MiB", MOST_MIB),
        bounded(SECTION, "look-up", measured.look_up_microseconds, "µs", MOST_LOOK_UP_MICROSECONDS),
    ]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure(Path(sys.argv[1]))))
