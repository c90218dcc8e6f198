"""Playing a scenario as a process: real time, real sockets, from settings to an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, Literal, TextIO

import msgspec
import uvloop

from chargewright.clock import SystemClock
from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.station.dialect import dialects
from chargewright.station.hands import StationHands
from chargewright.station.hardware.simulated_parts import delays_from
from chargewright.station.log import configure_log
from chargewright.station.playing import Outcome, Play, PlayResult, StepResult
from chargewright.station.provisioning import provisioning_from
from chargewright.station.running import product_from, wait_seconds
from chargewright.station.scenario import Scenario, StationPlan, load_scenario
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.upkeep import DiskShelf
from chargewright.station.virtual import VirtualStation, image_path, store_path
from chargewright.transport.basic_auth import is_authorization_key, password_from_key
from chargewright.transport.choice import implementation
from chargewright.wording import counted

__all__ = ["PlaySettings", "password_of", "run_scenario", "tell_result"]

# How long the CSMS may take at the end to answer what it was sent.
GOODBYE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 10.0


class PlaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What playing needs. `pics` and `station_id` are for what the scenario leaves open; `data` None: a directory that
    is thrown away; `seed` None: that of the scenario. How stations connect, and how slow they are, is as in
    `RunSettings`, for all of them alike."""

    scenario: str
    csms_url: str
    pics: str = ""
    station_id: str = ""
    data: Path | None = None
    password: bytes | None = None
    secure_csms_url: str | None = None
    security_profile: int | None = None
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    dialects: tuple[str, ...] = ()
    timing: Literal["fast", "certificate"] = "fast"
    hardware_delays: tuple[str, ...] = ()
    seed: int | None = None
    transport: str = "picows"
    log_level: str = "info"


def run_scenario(settings: PlaySettings, *, as_json: bool) -> int:
    """Play to the end, to the first step that is not done, or until a signal; returns the exit code.

    Each step is told when it ends, on standard error where the result is JSON. 0 every step was done, 1 one was not, or
    a signal came, 2 a setting or the scenario is wrong, 4 the data directory cannot be used.
    """
    configure_log(settings.log_level)
    try:
        scenario = load_scenario(settings.scenario, station_id=settings.station_id)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_live(settings, scenario, as_json))
    except ConfigurationError as error:
        return _failed(2, error)
    except (StationStoreError, OSError) as error:
        return _failed(4, error)
    tell_result(result, as_json)
    return 0 if result.is_done else 1


async def _live(settings: PlaySettings, scenario: Scenario, as_json: bool) -> PlayResult:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    seed = scenario.seed if settings.seed is None else settings.seed
    async with AsyncExitStack() as stack:
        data = settings.data
        if data is None:
            data = Path(stack.enter_context(TemporaryDirectory(prefix="chargewright-play-")))
        stations: dict[str, StationHands] = {}
        lives: list[asyncio.Task[None]] = []
        for name, plan in scenario.stations.items():
            stations[name] = await stack.enter_async_context(_living(settings, data, name, plan, seed, lives))
        told_to = sys.stderr if as_json else sys.stdout
        played = Play(scenario, stations, SystemClock(), seed, tell=lambda step: _tell_step(step, told_to))
        playing = asyncio.create_task(played.run())
        waiting = asyncio.create_task(told.wait())
        done, _ = await asyncio.wait([playing, waiting, *lives], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for life in done.intersection(lives):
            playing.cancel()
            life.result()  # A station does not end by itself: this raises what ended it.
        if playing not in done:
            playing.cancel()
            return played.stopped("a signal came")
        return playing.result()


@asynccontextmanager
async def _living(
    settings: PlaySettings, data: Path, name: str, plan: StationPlan, seed: int, lives: list[asyncio.Task[None]]
) -> AsyncIterator[StationHands]:
    pics = plan.pics or settings.pics
    if not pics:
        raise ConfigurationError("--pics", "", None, f"a PICS for {name}, as the scenario names none")
    product = product_from(pics, timing=settings.timing)
    password = settings.password if not plan.password_env else password_of(plan.password_env, os.environ)
    _make(data)
    # The same streams as in `station run`: one more roll of one die changes nothing for the others.
    with StationStore(store_path(data, name), Random(f"{seed} {name} store")) as store:
        store.claim(f"{product.vendor} {product.model}", len(product.outlets))
        virtual = VirtualStation(
            name,
            settings.csms_url,
            product,
            store,
            connect=implementation(settings.transport).connect,
            clock=SystemClock(),
            random=Random(f"{seed} {name} back-off"),
            delay_seconds=lambda attempt, random: wait_seconds(
                attempt, random, has_connected=virtual.station.snapshot().messages_sent > 0
            ),
            provisioning=provisioning_from(
                settings.csms_url,
                secure_url=settings.secure_csms_url,
                profile=settings.security_profile,
                password=password,
                ca=settings.ca,
                client_certificate=settings.client_certificate,
                client_key=settings.client_key,
            ),
            spoken=dialects(settings.dialects),
            delays=delays_from(settings.hardware_delays),
            shelf=DiskShelf(image_path(data, name)),
        )
        life = asyncio.create_task(virtual.run(), name=name)
        lives.append(life)
        try:
            yield StationHands(virtual, product, name)
            await _leave(virtual, store, name, is_memory_kept=settings.data is not None)
        finally:
            await virtual.close()
            await asyncio.wait([life], timeout=FAREWELL_SECONDS)


async def _leave(virtual: VirtualStation, store: StationStore, name: str, *, is_memory_kept: bool) -> None:
    """End every transaction, and let the CSMS hear of all, if that does not take long.

    Where the memory is thrown away nobody could end them later: power and network come back for it.
    """

    def owes() -> bool:
        return bool(store.transactions()) or store.queue_length() > 0

    if not is_memory_kept and owes():
        virtual.return_power()
        virtual.network.mend()
        await virtual.wait_until(virtual.is_online, GOODBYE_SECONDS)
    virtual.stop_charging()
    if virtual.is_online():
        with suppress(TimeoutError):
            await asyncio.wait_for(virtual.station.wait_until_told(), GOODBYE_SECONDS)
    if not is_memory_kept and owes():
        sys.stderr.write(
            f"chargewright station play: {name}: what the central system has not answered is thrown away with the "
            "memory; --data keeps it\n"
        )


def password_of(variable: str, environment: Mapping[str, str]) -> bytes:
    """The password of HTTP Basic authentication that a variable holds as an AuthorizationKey; raises
    `ConfigurationError`."""
    text = environment.get(variable)
    if text is None:
        raise ConfigurationError("password", "", variable, "the name of an environment variable that is set")
    if not is_authorization_key(text.strip()):
        expected = "an AuthorizationKey: 32 to 40 hexadecimal digits in pairs"
        raise ConfigurationError(f"environment variable {variable}", "", "(hidden)", expected)
    return password_from_key(text.strip())


def _make(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the data directory cannot be made: {error.strerror}; choose another one (--data)"
        raise StationStoreError(str(data), reason) from error


def tell_result(result: PlayResult, as_json: bool) -> None:
    """Print it: a line for each step that was not reached and for each station, or one line of JSON."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        sys.stdout.flush()
        return
    for step in result.steps:
        if step.outcome is Outcome.NOT_REACHED:
            _tell_step(step, sys.stdout)
    for station in result.stations:
        energy_kwh = (station.energy_completed_wh + station.energy_running_wh) / 1000
        completed = counted(station.transactions_completed, "transaction")
        waiting = f"{counted(station.messages_queued, 'message')} {'waits' if station.messages_queued == 1 else 'wait'}"
        sys.stdout.write(f"{station.station_id}: {completed} completed, {energy_kwh:.3f} kWh, {waiting}\n")
    sys.stdout.flush()


def _tell_step(step: StepResult, file: TextIO) -> None:
    """A line, and another one that says why, where it was not done."""
    when = "" if step.at_seconds is None else f" at {step.at_seconds:.1f} s"
    file.write(f"{step.number:3}  {step.station}  {step.step}: {step.outcome.value}{when}\n")
    if step.detail:
        file.write(f"     {step.detail}\n")
    file.flush()


def _failed(code: int, error: ChargewrightError | OSError) -> int:
    sys.stderr.write(f"chargewright station play: {error}\n")
    return code
