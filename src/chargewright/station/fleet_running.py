"""Running a fleet as a process: from settings to an exit code."""

import asyncio
import math
import os
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec
import uvloop

from chargewright.clock import SystemClock
from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.station.behaviour import load_behaviour
from chargewright.station.database import StationDatabase, StationStoreError
from chargewright.station.dialect import dialects
from chargewright.station.fleet import Fleet, FleetFigures, FleetResult
from chargewright.station.fleet_plan import FleetPlan, identities, key_of, places
from chargewright.station.hardware.simulated_parts import delays_from
from chargewright.station.log import configure_log
from chargewright.station.product import Product
from chargewright.station.provisioning import provisioning_from
from chargewright.station.running import product_from
from chargewright.station.upkeep import DiskShelf
from chargewright.station.virtual import image_path
from chargewright.transport.basic_auth import password_from_key
from chargewright.transport.choice import implementation
from chargewright.transport.identity import is_identity

__all__ = ["FleetSettings", "raise_file_limit", "run_fleet", "write_seed"]

# Standard streams, the database, the event loop's own, and what libraries open for a moment.
OTHER_FILES: Final = 64
MOST_STATIONS: Final = 99_999
TELL_SECONDS: Final = 1.0
FILE_NAME: Final = "fleet.sqlite3"
# As the file beside it: `control_file` of an identity that a fleet's file takes the place of.
CONTROL_NAME: Final = "fleet"
# The most bytes of a firmware image: there may be thousands of them on one disk.
IMAGE_BYTES: Final = 16 * 1024 * 1024
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet process needs. `data` None: a directory that is removed at the end. `authorization_key` is one for
    all stations, `master_key` one from which each has its own. Secrets never show in an error. All that
    is not told here is as in `RunSettings`."""

    count: int
    pics: tuple[str, ...]
    csms_url: str
    behaviour: str
    data: Path | None = None
    prefix: str = "CW-F-"
    authorization_key: str | None = None
    master_key: bytes | None = None
    seed: int = 0
    speed: float = 1.0
    for_seconds: float | None = None
    drain_seconds: float = 60.0
    transport: str = "picows"
    secure_csms_url: str | None = None
    security_profile: int | None = None
    ca: Path | None = None
    dialects: tuple[str, ...] = ()
    timing: Literal["fast", "certificate"] = "fast"
    hardware_delays: tuple[str, ...] = ()
    control: str | None = None
    control_token_file: Path | None = None
    log_level: str = "error"

    def authorization_key_of(self, identity: str) -> str | None:
        """The AuthorizationKey of a station, in hexadecimal digits."""
        return self.authorization_key if self.master_key is None else key_of(identity, self.master_key)

    def password_of(self, identity: str) -> bytes | None:
        """The password that a station sends."""
        key = self.authorization_key_of(identity)
        return None if key is None else password_from_key(key)


def raise_file_limit(stations: int) -> None:
    """Let this process open a socket for each station.

    Raises `ConfigurationError` with the numbers where the operating system does not allow that many.
    """
    needed = stations + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (resource.RLIM_INFINITY,) and hard < needed:
        expected = (
            f"at most {max(0, hard - OTHER_FILES)}: {stations} stations need {needed} open files, and this process may "
            f"have {hard} (ulimit -Hn); raise the hard limit (LimitNOFILE= of systemd, or /etc/security/limits.conf)"
        )
        raise ConfigurationError("--count", "", stations, expected)
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def write_seed(settings: FleetSettings, path: Path) -> None:
    """Write what `chargewright serve --seed` needs to know these stations and their drivers' tags.

    Only the owner may read the file: it holds the stations' passwords. Raises `ConfigurationError` for a wrong setting,
    OSError where it cannot be written.
    """
    _check(settings)
    lines = [f"# The stations of a fleet of {settings.count}, and the id tags of its drivers.\n"]
    is_secure = settings.csms_url.lower().startswith("wss://")
    profile = settings.security_profile or (2 if is_secure else 1)
    for identity in identities(settings.prefix, settings.count):
        key = settings.authorization_key_of(identity)
        access = "security_profile = 0" if key is None else f'password = "{key}"\nsecurity_profile = {profile}'
        lines.append(f'[[station]]\nidentity = "{identity}"\n{access}\n')
    for id_tag in load_behaviour(settings.behaviour).id_tags(places(settings.count, _products(settings))):
        lines.append(f"[[id_tag]]\nid_tag = {msgspec.json.encode(id_tag).decode()}\n")
    text = "\n".join(lines)
    if path.exists() and not path.is_file():
        # A pipe or a terminal.
        path.write_text(text, encoding="utf-8")
        return
    # A new file takes the place of an older one, which may be one that everybody can read.
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def run_fleet(
    settings: FleetSettings, tell: Callable[[FleetFigures], None], finish: Callable[[FleetResult], None]
) -> int:
    """Live until SIGINT, SIGTERM or the end of `for_seconds`; returns the exit code.

    A second signal ends the drain; those that come later find the process ending anyway, and do nothing. `tell` gets
    the figures of each second, `finish` the result. 0 nothing was lost, 1 something was, 2 a setting is wrong, 4 the
    data directory cannot be used (any more: with a result that holds what is on disk), 5 the central system never
    accepted any station.
    """
    try:
        plan = _plan(settings)
        raise_file_limit(settings.count)
        configure_log(settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result, failure = runner.run(_live(settings, plan, tell))
            _ignore_signals()
    except ConfigurationError as error:
        return _failed(2, error)
    except (StationStoreError, OSError) as error:
        return _failed(4, error)
    finish(result)
    if failure is not None:
        return _failed(4, failure)
    if result.lost:
        thrown = " (without --data what was not answered in time is thrown away)" if settings.data is None else ""
        sys.stderr.write(f"chargewright station: {result.lost} messages or transactions were lost{thrown}\n")
        return 1
    if not result.accepted:
        sys.stderr.write(f"chargewright station: {settings.csms_url} accepted no station: {result.hindrance}\n")
        return 5
    return 0


def _check(settings: FleetSettings) -> None:
    if not 1 <= settings.count <= MOST_STATIONS:
        raise ConfigurationError("--count", "", settings.count, f"1 to {MOST_STATIONS}")
    if not is_identity(identities(settings.prefix, settings.count)[-1]):
        expected = "up to 43 printable ASCII characters but / \\ ? # %; five digits are appended"
        raise ConfigurationError("--prefix", "", settings.prefix, expected)
    if not 0 < settings.speed < math.inf:
        raise ConfigurationError("--speed", "", settings.speed, "a number above 0")
    if settings.for_seconds is not None and not 0 < settings.for_seconds < math.inf:
        raise ConfigurationError("--for", "", settings.for_seconds, "a number of seconds above 0")
    if not 0 < settings.drain_seconds < math.inf:
        raise ConfigurationError("--drain", "", settings.drain_seconds, "a number of seconds above 0")
    if settings.security_profile not in (None, 0, 1, 2):
        expected = "0, 1 or 2: the stations of a fleet have no certificates of their own"
        raise ConfigurationError("--security-profile", "", settings.security_profile, expected)
    if settings.control is not None and settings.data is None and settings.control_token_file is None:
        expected = "also --data, where its token will be, or --control-token-file with a token of yours"
        raise ConfigurationError("--control", "", settings.control, expected)


def _products(settings: FleetSettings) -> tuple[Product, ...]:
    if not settings.pics:
        raise ConfigurationError("--pics", "", None, "one name of a PICS or more, with commas between")
    return tuple(product_from(name, timing=settings.timing) for name in settings.pics)


def _plan(settings: FleetSettings) -> FleetPlan:
    _check(settings)
    return FleetPlan(
        count=settings.count,
        products=_products(settings),
        csms_url=settings.csms_url,
        behaviour=load_behaviour(settings.behaviour),
        prefix=settings.prefix,
        seed=settings.seed,
        speed=settings.speed,
        password_of=settings.password_of,
        provisioning=provisioning_from(
            settings.csms_url,
            secure_url=settings.secure_csms_url,
            profile=settings.security_profile,
            ca=settings.ca,
        ),
        spoken=dialects(settings.dialects),
        delays=delays_from(settings.hardware_delays),
    )


async def _live(
    settings: FleetSettings, plan: FleetPlan, tell: Callable[[FleetFigures], None]
) -> tuple[FleetResult, StationStoreError | None]:
    """What was done, and why not all of it is on disk."""
    connect = implementation(settings.transport).connect
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        if settings.data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chargewright-fleet-")))
        else:
            data = settings.data
            data.mkdir(parents=True, exist_ok=True)
        plan = msgspec.structs.replace(
            plan, shelf_of=lambda identity: DiskShelf(image_path(data, identity), size_bound=IMAGE_BYTES)
        )
        database = stack.enter_context(StationDatabase(data / FILE_NAME, call_later=loop.call_later))
        fleet = Fleet(plan, database, connect=connect, clock=SystemClock())
        if settings.control is not None:
            await stack.enter_async_context(_controlled(fleet, settings.control, data, settings.control_token_file))
        telling = asyncio.create_task(_tell_each_second(fleet, tell))
        failure = None
        try:
            await _run_until_told(fleet, settings.for_seconds)
        except StationStoreError as error:
            failure = error
        finally:
            failure = await _end(fleet, database, settings.drain_seconds) or failure
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        result = fleet.result(is_memory_kept=settings.data is not None)
    _block_signals()
    return result, failure


async def _end(fleet: Fleet, database: StationDatabase, drain_seconds: float) -> StationStoreError | None:
    """Stop all stations; returns why not everything that they did is on disk."""
    try:
        await fleet.close(drain_seconds)
    except StationStoreError as error:
        # Nobody was told of what is not written. What counts is what the next run will find.
        database.give_up()
        return error
    return None


@asynccontextmanager
async def _controlled(fleet: Fleet, address: str, data: Path, token_file: Path | None) -> AsyncIterator[None]:
    """Serve the control API over all stations, and say where."""
    # Only here, because its libraries take longer to load than all the rest.
    from chargewright.station.control import control_file, serving
    from chargewright.station.fleet_hands import FleetHands

    hands = FleetHands(fleet)
    notice = control_file(data, CONTROL_NAME)
    async with serving(hands, address, notice, token_file=token_file, look=hands.look) as url:
        sys.stderr.write(f"chargewright station: control API at {url}, its token in {token_file or notice}\n")
        yield


async def _run_until_told(fleet: Fleet, for_seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def signalled() -> None:
        if told.is_set():
            fleet.hurry()
        told.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, signalled)
    if for_seconds is not None:
        loop.call_later(for_seconds, told.set)
    fleet.start()
    waiting = asyncio.create_task(told.wait())
    trouble = asyncio.create_task(fleet.wait_for_trouble())
    try:
        await asyncio.wait([waiting, trouble], return_when=asyncio.FIRST_COMPLETED)
        if trouble.done():
            trouble.result()
    finally:
        waiting.cancel()
        trouble.cancel()
        await asyncio.gather(waiting, trouble, return_exceptions=True)


async def _tell_each_second(fleet: Fleet, tell: Callable[[FleetFigures], None]) -> None:
    while True:
        # The pace of a display; nothing is waited for.
        await asyncio.sleep(TELL_SECONDS)
        tell(fleet.figures())


def _block_signals() -> None:
    """Without the loop its handlers are gone, and a late signal would kill the process before it tells its result."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _ignore_signals() -> None:
    """From now on for good: this process has nothing more to do that could be ended earlier."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _failed(code: int, error: ChargewrightError | OSError) -> int:
    sys.stderr.write(f"chargewright station: {error}\n")
    return code
