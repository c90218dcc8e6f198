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
from typing import Final

import msgspec
import uvloop

from chargewright.clock import SystemClock
from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.station.hands import StationHands
from chargewright.station.log import configure_log
from chargewright.station.playing import Outcome, PlayResult, play
from chargewright.station.running import product_from, wait_seconds
from chargewright.station.scenario import Scenario, StationPlan, load_scenario
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.virtual import VirtualStation, store_path
from chargewright.transport.basic_auth import is_authorization_key, password_from_key
from chargewright.transport.choice import implementation

__all__ = ["PlaySettings", "password_of", "run_scenario", "tell_result"]

# How long the CSMS may take at the end to answer what it was sent.
GOODBYE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 10.0


class PlaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What playing needs. `pics` and `station_id` are for what the scenario leaves open; `data` None: a directory that
    is thrown away; `seed` None: that of the scenario."""

    scenario: str
    csms_url: str
    pics: str = ""
    station_id: str = ""
    data: Path | None = None
    password: bytes | None = None
    seed: int | None = None
    transport: str = "picows"
    log_level: str = "info"


def run_scenario(settings: PlaySettings, *, as_json: bool) -> int:
    """Play to the end, to the first step that is not done, or until a signal; returns the exit code.

    0 every step was done, 1 one was not, 2 a setting or the scenario is wrong, 4 the data directory cannot be used.
    """
    configure_log(settings.log_level)
    try:
        scenario = load_scenario(settings.scenario, station_id=settings.station_id)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_live(settings, scenario))
    except ConfigurationError as error:
        return _failed(2, error)
    except (StationStoreError, OSError) as error:
        return _failed(4, error)
    if result is None:
        return _failed(1, "stopped by a signal before the end")
    tell_result(result, as_json)
    return 0 if result.is_done else 1


async def _live(settings: PlaySettings, scenario: Scenario) -> PlayResult | None:
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
        playing = asyncio.create_task(play(scenario, stations, SystemClock(), seed))
        waiting = asyncio.create_task(told.wait())
        done, _ = await asyncio.wait([playing, waiting, *lives], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for life in done.intersection(lives):
            playing.cancel()
            life.result()  # A station does not end by itself: this raises what ended it.
        if playing not in done:
            playing.cancel()
            return None
        return playing.result()


@asynccontextmanager
async def _living(
    settings: PlaySettings, data: Path, name: str, plan: StationPlan, seed: int, lives: list[asyncio.Task[None]]
) -> AsyncIterator[StationHands]:
    pics = plan.pics or settings.pics
    if not pics:
        raise ConfigurationError("--pics", "", "", f"a PICS for {name}, as the scenario names none")
    product = product_from(pics)
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
            password=password,
        )
        life = asyncio.create_task(virtual.run(), name=name)
        lives.append(life)
        try:
            yield StationHands(virtual, product, name)
            if virtual.is_online():
                with suppress(TimeoutError):
                    await asyncio.wait_for(virtual.station.wait_until_told(), GOODBYE_SECONDS)
        finally:
            await virtual.close()
            await asyncio.wait([life], timeout=FAREWELL_SECONDS)


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
    """Print it: a line for each step and station, or one line of JSON."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        sys.stdout.flush()
        return
    for step in result.steps:
        when = "" if step.at_seconds is None else f" at {step.at_seconds:.1f} s"
        sys.stdout.write(f"{step.number:3}  {step.station}  {step.step}: {step.outcome.value}{when}\n")
        if step.outcome not in (Outcome.DONE, Outcome.NOT_REACHED):
            sys.stdout.write(f"     {step.detail}\n")
    for station in result.stations:
        energy_kwh = (station.energy_completed_wh + station.energy_running_wh) / 1000
        sys.stdout.write(
            f"{station.station_id}: {station.transactions_completed} transactions completed, {energy_kwh:.3f} kWh, "
            f"{station.messages_queued} transaction messages wait\n"
        )
    sys.stdout.flush()


def _failed(code: int, error: ChargewrightError | OSError | str) -> int:
    sys.stderr.write(f"chargewright station play: {error}\n")
    return code
