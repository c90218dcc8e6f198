"""The CSMS as a whole: the only place that chooses storage, ports and parts, and that starts and stops them in order.

`chargewright serve` runs one in a process of its own; `chargewright up`, tests and simulations run it beside stations
in one event loop. With a database in memory and listeners `off` it lives in virtual time: its one thread, for large
messages, is not used there.
"""

import asyncio
import os
import random
import socket
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog

import chargewright.csms.commands.configuration  # enters what belongs to its commands
import chargewright.csms.commands.firmware_management  # the same
import chargewright.csms.commands.local_auth_list_management  # the same
import chargewright.csms.commands.reservation  # the same
import chargewright.csms.commands.security  # the same
import chargewright.csms.commands.smart_charging  # the same
import chargewright.csms.handlers.core  # enters its handlers into the table
import chargewright.csms.handlers.firmware_management  # the same
import chargewright.csms.handlers.security  # noqa: F401  # the same
from chargewright.clock import Clock, SystemClock
from chargewright.csms.admission import DATABASE_AWAY, AdmissionRules, Doorkeeper
from chargewright.csms.adoption import Adoption
from chargewright.csms.api.application import create_api
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.assembly import make_services
from chargewright.csms.attempts import Attempts
from chargewright.csms.commanding import Commanding
from chargewright.csms.config import Settings
from chargewright.csms.credentials import CredentialKeeper
from chargewright.csms.directory import Directory
from chargewright.csms.event_feed import EventFeed
from chargewright.csms.exposure import check_exposure
from chargewright.csms.handlers.table import HANDLERS
from chargewright.csms.installation import close_database, lock_directory, open_database
from chargewright.csms.instants import UnreadableTimes, microseconds
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.listeners import Addresses, Listeners
from chargewright.csms.outage import OutageWatch
from chargewright.csms.seed import Seed, apply_seed, read_seed, stations_with
from chargewright.csms.services.data_transfer import VendorExtension, find_extensions
from chargewright.csms.services.events import make_event
from chargewright.csms.services.registry import Services
from chargewright.csms.session import Session
from chargewright.csms.session_ports import Hold, SessionPorts
from chargewright.csms.sessions import FightRules, Sessions
from chargewright.csms.side_thread import SideThread
from chargewright.csms.storage.base import ANY_EPOCH, NO_STATION, Settlement, StationRow, Storage, StorageError, Unit
from chargewright.csms.storage.sqlite import DirectoryLock
from chargewright.csms.supervision import Supervisor
from chargewright.transport.choice import Listen
from chargewright.transport.connection import (
    GOING_AWAY,
    TRY_AGAIN_LATER,
    Admit,
    Connection,
)
from chargewright.transport.subprotocol import NoneInCommon, NoneOffered, SubprotocolPolicy

__all__ = ["Addresses", "Csms"]

# How often it is written down when stations were last heard, in seconds.
TOUCH_SECONDS: Final = 60.0
# For HTTP, and for the storage, when draining has used up its time.
LAST_GRACE_SECONDS: Final = 0.6

_log = structlog.get_logger(__name__)


class Csms:
    """One central system.

    `storage` is used instead of the one that the settings name, and closed by `stop` like it; `listen` instead of the
    settings' WebSocket library (a `LoopbackNetwork` has one). `dice` makes message ids, `entropy` secrets. `vendors`
    are extensions for DataTransfer by vendorId. `seed` is applied after the settings' seed file.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        storage: Storage | None = None,
        seed: Seed | None = None,
        dice: random.Random | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        vendors: Mapping[str, VendorExtension] | None = None,
        listen: Listen | None = None,
    ) -> None:
        self.settings = settings
        self._clock: Clock = SystemClock() if clock is None else clock
        self._given_storage = storage
        self._seed = seed
        self._dice = dice or random.Random(int.from_bytes(entropy(16)))
        self._entropy = entropy
        self._vendors = vendors or {}
        self._not_ready: str | None = "starting"
        self._storage: Storage | None = None
        self._lock: DirectoryLock | None = None
        self._directory = Directory()
        self._sessions = Sessions(
            self._clock,
            FightRules(settings.fight_evictions, settings.fight_window_seconds, settings.fight_backoff_seconds),
            self._storage_unavailable,
            self._tell,
        )
        self._doorkeeper: Doorkeeper | None = None
        self._adoption: Adoption | None = None
        self._outage: OutageWatch | None = None
        self._feed: EventFeed | None = None
        self._ports: SessionPorts | None = None
        self._services: Services | None = None
        self._commanding: Commanding | None = None
        self._listeners = Listeners(settings, self._clock, listen, partial(self._tell, NO_STATION))
        self.attempts = Attempts(self._clock.now_microseconds)
        self._sessions.on_turned_away.append(self.attempts.turned_away)
        self._side_thread = SideThread("chargewright large messages")
        self._supervisor = Supervisor(self._clock)
        self.api: Any = None

    # Life.

    async def start(self) -> None:
        """Open the storage, read who may connect, listen.

        Raises `ConfigurationError` for settings that cannot be, `StorageError` when the database cannot be opened,
        `OSError` when an address cannot be had; nothing is left open then.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self.settings
        self._listeners.read_certificates()
        seed = None if settings.seed is None else read_seed(settings.seed)
        database = settings.db or f"sqlite:///{settings.data / 'chargewright.sqlite3'}"
        if not settings.is_in_memory:
            self._lock = lock_directory(settings.data)
        storage = self._storage = self._given_storage or await open_database(database, self._clock)
        for station in await storage.stations():
            self._directory.put_stored(station)
        for id_tag in await storage.id_tags():
            self._directory.put_id_tag(id_tag)
        credentials = CredentialKeeper.of(settings, self._entropy)
        seeds = [(one, where) for one, where in ((seed, str(settings.seed)), (self._seed, "seed")) if one is not None]
        # Before anything is written: a start that is refused must not leave its seed behind.
        check_exposure(settings, stations_with((one for one, _ in seeds), self._directory.stations()))
        for one, where in seeds:
            await apply_seed(one, storage, self._directory, credentials.hash, where)
        self._join(storage, credentials.key)
        storage.journal.begin()
        for service in self._services or ():
            await service.load()
        assert self._services is not None and self._commanding is not None
        await self._commanding.begin(self._services)
        self._begin_watching(storage)
        assert self._doorkeeper is not None
        await self._listeners.open(self._doorkeeper, self.api)
        self._not_ready = None
        shown = {name: list(getattr(self.addresses, name)) for name in Addresses.__struct_fields__}
        _log.info("ready", node=self.node, **shown)

    def _join(self, storage: Storage, credential_key: bytes) -> None:
        """Put the parts together."""
        settings = self.settings
        commanding = self._commanding = Commanding(
            settings, self._directory, self._sessions, self._clock, self._tell, storage, self._new_call_id
        )
        services = self._services = make_services(
            settings,
            storage,
            self._directory,
            self._clock,
            self._entropy,
            {**find_extensions(), **self._vendors},
            commanding.commander,
            commanding.automation,
            credential_key,
            self._sessions,
            self.attempts,
        )
        self._ports = SessionPorts(
            clock=self._clock,
            journal=storage.journal,
            directory=self._directory,
            services=services,
            handlers=HANDLERS,
            unreadable_times=UnreadableTimes(),
            side_thread=self._side_thread,
            new_call_id=self._new_call_id,
            node=self.node,
            is_strict=settings.strict,
            unanswered_calls=settings.unanswered_calls,
        )
        self._outage = OutageWatch(
            storage,
            self._clock,
            grace_seconds=settings.storage_grace_seconds,
            probe_seconds=settings.storage_probe_seconds,
            readmission_per_second=settings.readmission_per_second,
            on_away=self._send_everybody_away,
        )
        self._adoption = Adoption(storage, self._directory, settings.unknown_stations_limit, self._welcome)
        self._doorkeeper = Doorkeeper(
            self._directory,
            AdmissionRules(
                credential_key=credential_key,
                accepts_unknown_stations=settings.unknown_stations == "accept",
                accepts_hex_passwords=settings.accept_hex_passwords,
                subprotocols=SubprotocolPolicy(
                    none_in_common=NoneInCommon(settings.no_subprotocol_in_common),
                    none_offered=NoneOffered(settings.no_subprotocol_offered),
                ),
                ping_interval_seconds=settings.ping_interval_seconds,
                ping_timeout_seconds=settings.ping_timeout_seconds,
            ),
            welcome=self._welcome,
            adoption=self._adoption,
            is_closed=self.not_ready,
            may_enter=self._outage.may_enter,
            attempts=self.attempts,
            changes=services.credential_changes,
        )
        self._feed = EventFeed(
            storage,
            page=settings.events_per_reader,
            readers=settings.event_readers,
            poll_seconds=settings.events_poll_seconds,
        )
        self.api = create_api(
            ApiParts(
                services=services,
                storage=storage,
                directory=self._directory,
                ledger=JournalLedger(storage.journal, self._clock),
                clock=self._clock,
                feed=self._feed,
                desk=commanding.desk(services),
                settings=settings,
                not_ready=self.not_ready,
            )
        )

    def _begin_watching(self, storage: Storage) -> None:
        assert self._outage is not None and self._feed is not None
        storage.journal.on_pressure = self._on_pressure
        storage.on_claim = self._on_claim
        self._feed.begin()
        self._supervisor.begin(self._outage.watch(), "outage watch")
        self._supervisor.begin(self._touch(storage), "last seen")
        self._supervisor.begin(self._listeners.watch_certificates(), "watch over certificates")
        for worker in (*(self._services or ()), *filter(None, (self._commanding,))):
            for name, loop in worker.work().items():
                self._supervisor.begin_loop(name, loop)

    async def drain(self) -> None:
        """Stop taking anything on, answer what was taken on, and close every connection with 1001; within
        `drain_seconds`."""
        self._not_ready = "stopping"
        self._listeners.close_ocpp()
        self._sessions.hold(Hold.DRAIN)
        if self._commanding is not None:
            self._commanding.commander.stop_sending()
        if self._adoption is not None:
            await self._adoption.abort()
        if self._storage is not None:
            try:
                async with asyncio.timeout(self.settings.drain_seconds / 2):
                    await self._storage.journal.drain()
            except TimeoutError:
                _log.warning("the database did not take everything in time; the stations will send it again")
        self._sessions.close_all(GOING_AWAY, "the CSMS is stopping")
        try:
            async with asyncio.timeout(self.settings.drain_seconds / 2):
                await self._sessions.wait_empty()
        except TimeoutError:
            for session in self._sessions:
                session.connection.abort()

    async def stop(self) -> None:
        """`drain`, end the event streams, then HTTP, then the storage; within `drain_seconds` and two more. Idempotent.

        What the database has not taken by then is given up: it was not answered, and its stations send it again.
        """
        deadline = self._clock.monotonic() + self.settings.drain_seconds
        await self.drain()
        if self._feed is not None:
            self._feed.end()
        await self._listeners.stop_http(max(LAST_GRACE_SECONDS, deadline - self._clock.monotonic()))
        await self._supervisor.end()
        if self._commanding is not None:
            await self._commanding.close()
        self._side_thread.close()
        numbers = self.statistics()
        storage, self._storage = self._storage, None
        if storage is not None:
            await close_database(storage, max(LAST_GRACE_SECONDS, deadline - self._clock.monotonic()))
            _log.info("stopped", **numbers)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # What others ask.

    @property
    def node(self) -> str:
        """The name of this process among several on one database."""
        return self.settings.node or f"{socket.gethostname()}-{os.getpid()}"

    @property
    def admit(self) -> Admit:
        """Decides upgrades: for listeners of other kinds, such as `loopback`."""
        assert self._doorkeeper is not None, "not started"
        return self._doorkeeper.admit

    @property
    def addresses(self) -> Addresses:
        """Where it listens."""
        return self._listeners.addresses

    def reload_certificates(self) -> None:
        """Begin to read the certificates again; what comes of it is logged, and told as an event."""
        self._supervisor.begin(self._listeners.reload_certificates(), "reload of certificates")

    def not_ready(self) -> str | None:
        """Why no station should come just now; None when one may."""
        if self._not_ready is None and self._outage is not None and self._outage.is_away:
            return DATABASE_AWAY
        return self._not_ready

    def statistics(self) -> dict[str, float]:
        """Connections and messages, refused upgrades, readers, and what the journal counts."""
        numbers = self._sessions.statistics()
        if self._doorkeeper is not None:
            for status, count in sorted(self._doorkeeper.refused.items()):
                numbers[f"upgrades_refused_{status}"] = count
        if self._feed is not None:
            numbers["event_readers"] = self._feed.readers
        if self._outage is not None:
            numbers["outages"] = self._outage.outages
        if self._storage is not None:
            numbers.update(self._storage.journal.statistics())
        return numbers

    # What the parts tell.

    def _welcome(self, station: StationRow, connection: Connection) -> None:
        assert self._ports is not None
        if self._not_ready is not None:
            # Admitted just before the end began.
            connection.close(GOING_AWAY, "the CSMS is stopping")
            return
        self._sessions.arrive(Session(station, connection, self._ports, self._sessions))

    def _on_pressure(self, is_high: bool) -> None:
        if is_high:
            _log.warning("the journal is full: no station is read until it has caught up")
            self._sessions.hold(Hold.PRESSURE)
        else:
            self._sessions.release(Hold.PRESSURE)

    def _on_claim(self, station_id: int, epoch: int, node: str) -> None:
        if node != self.node:
            self._sessions.claimed_elsewhere(station_id, epoch, node)

    def _tell(self, station_id: int, kind: str, body: Mapping[str, Any]) -> None:
        """Write an event about a station that may be connected elsewhere."""
        assert self._storage is not None
        unit = Unit(station_id, ANY_EPOCH, microseconds(self._clock.now()), kind, b"", self._told)
        unit.records.append(make_event(kind, body))
        self._storage.journal.submit(unit)

    def _told(self, unit: Unit, settlement: Settlement) -> None:
        if settlement is not Settlement.DURABLE:
            _log.error("an event was not written", event_kind=unit.action, settlement=settlement.value)
            if settlement is Settlement.UNAVAILABLE:
                self._storage_unavailable()

    def _storage_unavailable(self) -> None:
        if self._outage is not None and self._not_ready is None:
            self._outage.storage_unavailable()

    def _send_everybody_away(self) -> None:
        self._sessions.close_all(TRY_AGAIN_LATER, "the database is away")

    async def _touch(self, storage: Storage) -> None:
        written: dict[int, int] = {}
        while True:
            await asyncio.sleep(TOUCH_SECONDS)
            seen = self._sessions.seen()
            # Most stations have said nothing since.
            if changed := dict(seen.items() - written.items()):
                try:
                    await storage.touch_stations(changed)
                    written = seen
                    self._sessions.seen_kept(seen)
                except StorageError as error:
                    _log.warning("when stations were last seen was not written", error=str(error))

    def _new_call_id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
