"""Running one virtual station as a process: from settings to an exit code."""

import asyncio
import math
import signal
import sys
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from typing import Final, Literal, TypeAlias

import msgspec
import uvloop

from chargewright.clock import SystemClock
from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.pics.loading import load
from chargewright.pics.station import StationPics
from chargewright.station.dialect import dialects
from chargewright.station.ev.driver import Driver, Habits, Hands, IdTagPool
from chargewright.station.ev.remote_driver import RemoteDriver
from chargewright.station.ev.vending import VendingHands
from chargewright.station.hands import StationHands
from chargewright.station.hardware.simulated_parts import delays_from
from chargewright.station.id_tag import ID_TAG_EXPECTED, is_id_tag
from chargewright.station.log import configure_log
from chargewright.station.product import Product
from chargewright.station.provisioning import provisioning_from
from chargewright.station.shape import product_of, timing_of
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.upkeep import DiskShelf
from chargewright.station.virtual import VirtualStation, image_path, store_path
from chargewright.transport.choice import implementation
from chargewright.transport.identity import is_identity
from chargewright.transport.reconnect import BackOff, back_off_seconds

__all__ = ["RunResult", "RunSettings", "product_from", "result_of", "run", "say_goodbye", "tell", "wait_seconds"]

AnyDriver: TypeAlias = Driver | RemoteDriver

BACK_OFF: Final = BackOff()
# Before the first connection: whoever starts station and central system together should not wait for them to meet. No
# crowd of stations comes back at once here, which is what the usual back-off is for.
FIRST_BACK_OFF: Final = BackOff(wait_minimum_seconds=0.25, random_range_seconds=0.5, repeat_times=7)
# When the first driver comes (to connector 1; later to the others), before `speed`.
FIRST_GAP_SECONDS: Final = 120.0
# How long drivers may take at the end to leave, and the CSMS to hear of it.
GOODBYE_SECONDS: Final = 5.0
# The dead man's timer of the simulated contactors, as a board would have it.
HOLD_SECONDS: Final = 3.0
# After the goodbye the peer has `Limits.close_seconds` to answer; then the socket is dropped anyway.
FAREWELL_SECONDS: Final = 10.0


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a station process needs. `password` is raw bytes (None: none is sent); `for_seconds` None: until a signal.

    `pics` is the name of a built-in PICS or a path; `id_tags` are those of the drivers where they are `auto`.
    `security_profile` and the three PEM files are for the first start: see `security_profile.Provisioning`.
    `free_vending` is the tag with which everybody charges who plugs in, without a reader.
    With `remote` they come when the CSMS lets somebody in; with `none` nobody comes. `dialects` are names of `Dialect`.
    `timing` is that of `product_from`, `hardware_delays` are `NAME=SECONDS` with the names of `HardwareDelays`.
    `control` is where the control API listens (None: nowhere), with the token of `control_token_file` or a new one.
    """

    pics: str
    csms_url: str
    station_id: str
    data: Path
    password: bytes | None = None
    secure_csms_url: str | None = None
    security_profile: int | None = None
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    id_tags: tuple[str, ...] = ()
    drivers: Literal["auto", "remote", "none"] = "auto"
    speed: float = 1.0
    seed: int = 0
    vendor: str | None = None
    model: str | None = None
    for_seconds: float | None = None
    transport: str = "picows"
    free_vending: str | None = None
    dialects: tuple[str, ...] = ()
    timing: Literal["fast", "certificate"] = "fast"
    hardware_delays: tuple[str, ...] = ()
    log_level: str = "info"
    control: str | None = None
    control_token_file: Path | None = None


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did: transactions stopped in it and their energy, and that of those that still run, in Wh.

    `transactions_recovered` were left open by an earlier run, and stopped when this one began; they and their energy
    count nowhere else.
    `was_accepted`: by an answer to BootNotification, at some time of the run. `connectors` are as they were at the end,
    `transactions_running` of them with a transaction; `messages_queued` transaction messages wait for the next run.
    """

    station_id: str
    was_accepted: bool
    transactions_completed: int
    transactions_recovered: int
    transactions_running: int
    energy_completed_wh: int
    energy_running_wh: int
    messages_sent: int
    messages_received: int
    messages_queued: int
    connectors: tuple[ConnectorSnapshot, ...]


def product_from(
    pics: str,
    vendor: str | None = None,
    model: str | None = None,
    timing: Literal["fast", "certificate"] = "fast",
) -> Product:
    """The product of a PICS by name or path; raises `ConfigurationError` when it is not the PICS of a station.

    With `certificate` it is as slow as the certificate says, which must have measured times then.
    """
    loaded = load(pics)
    if not isinstance(loaded, StationPics):
        raise ConfigurationError(pics, "product_type", loaded.product_type, "Charging Station")
    product = product_of(loaded, vendor=vendor, model=model)
    return product if timing == "fast" else msgspec.structs.replace(product, timing=timing_of(loaded))


def run(settings: RunSettings, *, as_json: bool) -> int:
    """Live until SIGINT, SIGTERM or the end of `for_seconds`; returns the exit code.

    0 ended as asked, 2 a setting is wrong, 4 the data directory cannot be used, 5 `for_seconds` were over and the
    central system had never accepted the station.
    """
    configure_log(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result, is_time_over = runner.run(_live(settings))
    except ConfigurationError as error:
        return _failed(2, error)
    except (StationStoreError, OSError) as error:
        return _failed(4, error)
    tell(result, as_json)
    if is_time_over and not result.was_accepted:
        seconds, url = settings.for_seconds, settings.csms_url
        _complain(f"{settings.station_id} was not accepted within {seconds:g} s by {url}; its log says why")
        return 5
    return 0


async def _live(settings: RunSettings) -> tuple[RunResult, bool]:
    """What was done, and whether the time was over (or else a signal came)."""
    if not is_identity(settings.station_id):
        raise ConfigurationError("--id", "", settings.station_id, "1 to 48 printable ASCII characters but / \\ ? # %")
    if not 0 < settings.speed < math.inf:
        raise ConfigurationError("--speed", "", settings.speed, "a number above 0")
    if settings.for_seconds is not None and not 0 < settings.for_seconds < math.inf:
        raise ConfigurationError("--for", "", settings.for_seconds, "a number of seconds above 0")
    for id_tag in settings.id_tags:
        if not is_id_tag(id_tag):
            raise ConfigurationError("--id-tag", "", id_tag, ID_TAG_EXPECTED)
    if settings.free_vending is not None and not is_id_tag(settings.free_vending):
        raise ConfigurationError("--free-vending", "", settings.free_vending, ID_TAG_EXPECTED)
    if settings.control is not None and settings.drivers != "none":
        expected = "none, as whoever uses --control is alone at the station"
        raise ConfigurationError("--driver", "", settings.drivers, expected)
    product = product_from(settings.pics, settings.vendor, settings.model, settings.timing)
    if settings.free_vending is not None:
        product = msgspec.structs.replace(product, free_vending_tag=settings.free_vending)
    connect = implementation(settings.transport).connect
    _make_directory(settings.data)
    # One seed, one life: each die has its own stream, so that one more roll here changes nothing there.
    with StationStore(store_path(settings.data, settings.station_id), Random(f"{settings.seed} store")) as store:
        # By its own name, not by the one that it introduces itself with: that may change.
        own = product_from(settings.pics)
        store.claim(f"{own.vendor} {own.model}", len(own.outlets))
        virtual = VirtualStation(
            settings.station_id,
            settings.csms_url,
            product,
            store,
            connect=connect,
            clock=SystemClock(),
            random=Random(f"{settings.seed} back-off"),
            delay_seconds=lambda attempt, random: wait_seconds(
                attempt, random, has_connected=virtual.station.snapshot().messages_sent > 0
            ),
            provisioning=provisioning_from(
                settings.csms_url,
                secure_url=settings.secure_csms_url,
                profile=settings.security_profile,
                password=settings.password,
                ca=settings.ca,
                client_certificate=settings.client_certificate,
                client_key=settings.client_key,
            ),
            spoken=dialects(settings.dialects),
            delays=delays_from(settings.hardware_delays),
            hold_seconds=HOLD_SECONDS,
            shelf=DiskShelf(image_path(settings.data, settings.station_id)),
        )
        async with AsyncExitStack() as stack:
            if settings.control is not None:
                # Only here, because its libraries take longer to load than all the rest.
                from chargewright.station.control import control_file, serving

                hands = StationHands(virtual, product, settings.station_id)
                notice = control_file(settings.data, settings.station_id)
                await stack.enter_async_context(
                    serving(
                        {settings.station_id: hands}, settings.control, notice, token_file=settings.control_token_file
                    )
                )
            is_time_over = await _run_until_told(virtual, _drivers(settings, virtual), settings.for_seconds)
        return result_of(virtual.opening, virtual.station.snapshot(), virtual.recovered), is_time_over


def wait_seconds(attempt: int, random: Random, *, has_connected: bool) -> float:
    """Seconds before connection attempt `attempt` (from 1): few, as long as this run never had a connection."""
    return back_off_seconds(attempt, BACK_OFF if has_connected else FIRST_BACK_OFF, random)


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next((path for path in (data, *data.parents) if path.exists()), data)
        reason = f"cannot be the data directory: {file} is not a directory; choose another one (--data)"
        raise StationStoreError(str(data), reason) from error
    except OSError as error:
        reason = f"the data directory cannot be made: {error.strerror}; choose another one (--data)"
        raise StationStoreError(str(data), reason) from error


def _drivers(settings: RunSettings, virtual: VirtualStation) -> list[AnyDriver]:
    numbers = range(1, len(virtual.connectors) + 1)
    dice = {number: Random(f"{settings.seed} driver {number}") for number in numbers}
    habits = Habits(id_tags=settings.id_tags)
    if settings.drivers == "none":
        return []
    if settings.drivers == "remote":
        return [RemoteDriver(virtual, number, habits, dice[number], speed=settings.speed) for number in numbers]
    if not settings.id_tags:
        raise ConfigurationError("--id-tag", "", "", "at least one id tag for the drivers, or --driver remote or none")
    pool = IdTagPool(settings.id_tags)
    hands: Hands = virtual
    if settings.free_vending is not None:
        # Nobody has a tag to show before the plug.
        hands = VendingHands(virtual, virtual.stop_charging)
        habits = msgspec.structs.replace(habits, tag_first_share=0.0)
    return [Driver(hands, number, habits, dice[number], pool=pool, speed=settings.speed) for number in numbers]


async def _run_until_told(virtual: VirtualStation, drivers: list[AnyDriver], for_seconds: float | None) -> bool:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    time_over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if for_seconds is not None:
        loop.call_later(for_seconds, time_over.set)
    life = asyncio.create_task(virtual.run())
    visits = [
        asyncio.create_task(
            driver.run(FIRST_GAP_SECONDS * number) if isinstance(driver, Driver) else driver.run(),
            name=f"driver {number}",
        )
        for number, driver in enumerate(drivers, start=1)
    ]
    waiting = [asyncio.create_task(event.wait()) for event in (told, time_over)]
    try:
        done, _ = await asyncio.wait([life, *waiting, *visits], return_when=asyncio.FIRST_COMPLETED)
        for task in done.difference(waiting):
            # Neither the station nor a driver ends by itself: this raises what ended it.
            task.result()
        is_time_over = not told.is_set()
        await say_goodbye(virtual, drivers, visits)
    finally:
        for task in (*waiting, *visits):
            task.cancel()
        await virtual.close()
        await _finish(life)
    return is_time_over


async def say_goodbye(
    virtual: VirtualStation, drivers: Sequence[AnyDriver], visits: Sequence[asyncio.Task[None]]
) -> None:
    """Let all who charge stop, drivers go, and the CSMS hear of it, if that does not take long."""
    for driver in drivers:
        driver.call_off()
    virtual.stop_charging()
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await asyncio.gather(*visits)
    # Whoever was let in while the others left.
    virtual.stop_charging()
    if virtual.is_online():
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await virtual.station.wait_until_told()


async def _finish(life: Awaitable[None]) -> None:
    # A ConfigurationError was raised already where it is the reason for ending; a station that does not end in time is
    # cancelled by then, and what it did is told all the same.
    with suppress(ConfigurationError, TimeoutError):
        await asyncio.wait_for(life, FAREWELL_SECONDS)


def result_of(opening: StationSnapshot, now: StationSnapshot, recovered: int) -> RunResult:
    """What was done between two snapshots of a station; `recovered` transactions were stopped before the first."""
    # A station counts for the life of its memory, which is longer than this run.
    return RunResult(
        station_id=now.station_id,
        was_accepted=now.was_accepted,
        transactions_completed=now.transactions_completed - opening.transactions_completed,
        transactions_recovered=recovered,
        transactions_running=sum(connector.has_transaction for connector in now.connectors),
        energy_completed_wh=now.energy_completed_wh - opening.energy_completed_wh,
        energy_running_wh=now.energy_running_wh,
        messages_sent=now.messages_sent,
        messages_received=now.messages_received,
        messages_queued=now.messages_queued,
        connectors=now.connectors,
    )


def tell(result: RunResult, as_json: bool) -> None:
    """Print it, as one line for a person or of JSON."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        energy_kwh = (result.energy_completed_wh + result.energy_running_wh) / 1000
        line = f"{result.station_id}: {_count(result.transactions_completed, 'transaction')} completed in this run"
        line += f", {energy_kwh:.3f} kWh"
        if result.transactions_recovered:
            line += f"; {_count(result.transactions_recovered, 'transaction')} of an earlier run closed"
        if result.transactions_running:
            verb = "runs" if result.transactions_running == 1 else "run"
            line += f"; {_count(result.transactions_running, 'transaction')} still {verb} until the next start"
        if result.messages_queued:
            verb = "waits" if result.messages_queued == 1 else "wait"
            line += f"; {_count(result.messages_queued, 'message')} {verb} for the next connection"
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _failed(code: int, error: ChargewrightError | OSError) -> int:
    _complain(error)
    return code


def _complain(what: object) -> None:
    sys.stderr.write(f"chargewright station: {what}\n")
