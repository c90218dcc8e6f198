"""A charging station: the only place that joins blocks to hardware, memory and connection."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final

import structlog

from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChargePointErrorCode,
    ConfigurationStatus,
    Reason,
)
from chargewright.station.blocks import Blocks, Ways
from chargewright.station.boot import Permission, Registration
from chargewright.station.calls import Calls
from chargewright.station.commands import served
from chargewright.station.configuration import StationConfiguration
from chargewright.station.connector import Connector
from chargewright.station.context import Context
from chargewright.station.dialect import Dialect, Translator
from chargewright.station.hardware.interface import ConnectorHardware, Housing, Restarter, RestartKind, TagReader
from chargewright.station.housing import watch
from chargewright.station.line import Line
from chargewright.station.link import Link
from chargewright.station.presented_tag import PresentedTag
from chargewright.station.product import Product
from chargewright.station.security_extension import SecurityExtension
from chargewright.station.security_profile import Provisioning
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot, connector_snapshot
from chargewright.station.station_clock import StationClock
from chargewright.station.store import StationStore
from chargewright.station.tally import Tally
from chargewright.station.tasks import Tasks
from chargewright.station.upkeep import Upkeep
from chargewright.transport.choice import Connect
from chargewright.transport.connection import CloseInfo, Connection, Keepalive

__all__ = ["Station"]

SUBPROTOCOLS: Final = ("ocpp1.6",)
# How long a reset leaves the line down: a controller needs a moment to come up.
REBOOT_SECONDS: Final = 1.0
# Between the two connections when a password, a profile or a certificate has changed.
RENEWAL_SECONDS: Final = 0.1
# An orderly end waits so long for StopTransactions to be answered, where the product sends them before going down.
FAREWELL_SECONDS: Final = 5.0
# And so long for the last StatusNotifications, in any product.
LAST_STATUS_SECONDS: Final = 2.0
# A dead line shows itself when nothing came for so long after a ping (OCPP-J 5.3).
PONG_SECONDS: Final = 20.0


class Station:
    """One station. `run` lives its life; `close` ends it in order, `cut_power` does not.

    Made inside the event loop that runs it. `hardware` has one entry per outlet of `product`, `store` is the memory
    that survives, `restarter` what a Reset restarts (None: that never fails), `delay_seconds(attempt, random)` the wait
    before a connection attempt. `on_change` is called when what a snapshot shows may have changed; `opening` is the
    snapshot of the moment when `run` began, with what an earlier run left open closed: the difference to a later one is
    what this run did. `recovered` is how many transactions those were. Without `upkeep` no firmware is updated and no
    file is sent, whatever the product says.
    """

    _blocks: Blocks
    _link: Link
    _line: Line

    def __init__(
        self,
        station_id: str,
        csms_url: str,
        product: Product,
        hardware: Sequence[ConnectorHardware],
        store: StationStore,
        *,
        connect: Connect,
        clock: StationClock,
        random: Random,
        password: bytes | None = None,
        provisioning: Provisioning | None = None,
        tag_reader: TagReader | None = None,
        housing: Housing | None = None,
        upkeep: Upkeep | None = None,
        restarter: Restarter | None = None,
        spoken: frozenset[Dialect] = frozenset(),
        tally: Tally | None = None,
        delay_seconds: Callable[[int, Random], float],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.on_change: Callable[[], None] = _nobody_watches
        self._connect = connect
        self._clock = clock
        self._spoken = spoken
        self._is_without_power = False
        self._is_ending = False
        self._restarter = restarter
        self._configuration = StationConfiguration(product, store)
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chargewright.station").bind(
            station=station_id
        )
        self._tasks = Tasks(self._log)
        self._calls = Calls(
            store,
            spoken,
            lambda *call: self._link.call(*call),
            lambda: self._blocks.boot.permission,
            lambda: self._configuration.integer("MessageTimeout"),
            lambda: self.on_change(),
        )
        self._context = context = Context(
            station_id=station_id,
            clock=clock,
            random=random,
            store=store,
            product=product,
            configuration=self._configuration,
            call=self._calls.call,
            is_online=lambda: self._link.is_connected and self._blocks.boot.permission is Permission.EVERYTHING,
            call_later=loop.call_later,
            spawn=self._tasks.spawn,
            log=self._log,
            spoken=spoken,
            tally=Tally() if tally is None else tally,
            note_security_event=lambda kind, tech_info="": self._blocks.security.events.note(kind, tech_info),
        )
        self._blocks = Blocks(
            context,
            self._configuration,
            hardware,
            tag_reader,
            upkeep,
            Ways(
                call_anyway=self._calls.call_anyway,
                is_connected=lambda: self._link.is_connected,
                last_sent=lambda: self._link.last_sent,
                accepted=self._accepted,
                reconnect=lambda: self._line.drop(),
                renew=lambda: self._line.restart(RENEWAL_SECONDS),
                restart=self._restart,
                reset=self._reset,
                told_time=self._told_time,
                changed=lambda: self.on_change(),
            ),
            Provisioning(url=csms_url, password=password) if provisioning is None else provisioning,
        )
        clock.on_change = self._blocks.clock_changed
        self._calls.serve(served(self._blocks))
        self._link = Link(
            clock,
            self._calls.new_rpc,
            loop.call_later,
            self._calls.commands,
            store.database.when_durable,
            Translator(spoken),
            self._log,
            context.tally,
            self._blocks.security.received_nonsense,
            None if self._blocks.pace.is_fast else self._blocks.pace.answer_seconds,
        )
        self._line = Line(
            self._open,
            opened=self._opened,
            received=self._link.receive,
            lost=self._lost,
            delay_seconds=delay_seconds,
            random=random,
            log=self._log,
        )
        watch(housing or Housing(), context, self._blocks.connectors)
        self.opening = self.snapshot()
        self.recovered = 0

    # Life.

    async def run(self) -> None:
        """Boot, connect, and stay connected until `close` or `cut_power`."""
        self._calls.count_boot()
        before = self.opening.transactions_completed
        self._blocks.wake_up()
        self.opening = self.snapshot()
        self.recovered = self.opening.transactions_completed - before
        await self._line.run()

    async def close(self) -> None:
        """End in order: energy off, everything on disk, the socket closed with 1001. `run` returns soon after.

        Does nothing after `cut_power`.
        """
        if self._is_without_power:
            return
        self._is_ending = True
        self._blocks.let_nobody_in()
        if self._context.product.stops_before_power_down:
            self.end_transactions(Reason.POWER_LOSS)
            if self._context.is_online():
                try:
                    await asyncio.wait_for(self._blocks.queue.wait_until_empty(), FAREWELL_SECONDS)
                except TimeoutError:
                    self._log.info("ending with transaction messages queued")
        if self._context.is_online():
            try:
                await asyncio.wait_for(self._blocks.statuses.wait_until_told(), LAST_STATUS_SECONDS)
            except TimeoutError:
                self._log.info("ending with statuses not told")
        for connector in self._blocks.connectors:
            connector.shut_down()
            connector.read_meter()
        self._blocks.stand_still()
        self._calls.stop()
        self._tasks.cancel()
        self._line.end()

    async def wait_until_told(self) -> None:
        """Return when the CSMS has answered every transaction message (or one is parked) and every change of status."""
        await self._blocks.queue.wait_until_empty()
        await self._blocks.statuses.wait_until_told()

    def cut_power(self) -> None:
        """End as a power cut does: nothing is sent, nothing is written any more."""
        self._is_without_power = True
        self._blocks.access.stop()
        for connector in self._blocks.connectors:
            connector.shut_down()
        self._blocks.stand_still()
        self._calls.stop()
        self._tasks.cancel()
        # What has come in already is not looked at any more.
        self._link.detach()
        self._line.end(at_once=True)

    # Hands.

    def show_tag(self, id_tag: str, connector_id: int | None = None) -> None:
        """A tag is held before the reader, for a chosen connector or for any."""
        self._blocks.access.show(id_tag, connector_id)

    @property
    def last_tag(self) -> PresentedTag | None:
        """The last tag that was held before the reader since the station started, and what became of it."""
        return self._blocks.access.last_tag

    def select_connector(self, connector_id: int) -> None:
        """Choose a connector for the next tag; raises `LocalProtocolError` for one that is not there."""
        self._blocks.access.select_connector(connector_id)

    def end_transactions(self, reason: Reason, connector_id: int | None = None) -> None:
        """Stop every transaction, or that of one connector, in the name of whoever charges."""
        self._blocks.end_transactions(reason, connector_id)

    def set_fault(self, connector_id: int, error_code: ChargePointErrorCode) -> None:
        """A connector has a fault that keeps it from charging; `NO_ERROR`: it is gone."""
        self._blocks.connectors[connector_id - 1].set_fault(error_code)

    def change_configuration(self, key: str, value: str) -> ConfigurationStatus:
        """A technician changes a configuration key at the station; the same as over the line (§5.3)."""
        status = self._configuration.change_configuration(ChangeConfigurationRequest(key=key, value=value)).status
        self._blocks.security.profiles.apply()
        return status

    @property
    def security(self) -> SecurityExtension:
        """Its events and certificates."""
        return self._blocks.security

    def set_warning(self, connector_id: int, error_code: ChargePointErrorCode) -> None:
        """Something is wrong that keeps nobody from charging (§4.9), `NO_ERROR`: not any more. 0 is the station."""
        warned = self._blocks.availability if connector_id == 0 else self._blocks.connectors[connector_id - 1]
        warned.warn(error_code)

    # What can be seen.

    @property
    def tally(self) -> Tally:
        """What was counted, by this station and those it shares the tally with."""
        return self._context.tally

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._link.is_connected

    @property
    def was_accepted(self) -> bool:
        """Whether the CSMS accepted it at some time since it was made."""
        return self._blocks.boot.was_accepted

    @property
    def is_online(self) -> bool:
        """Whether the CSMS can be asked now: connected, and accepted."""
        return self._link.is_connected and self._blocks.boot.registration is Registration.ACCEPTED

    def look(self, connector_id: int) -> ConnectorSnapshot:
        """What the display of one connector shows. Cheaper than a whole `snapshot`."""
        return self._connector_snapshot(self._blocks.connectors[connector_id - 1])

    def meter_readings(self) -> Mapping[int, int]:
        """The raw register of each connector, in Wh."""
        return {connector.number: connector.read_meter().register_wh for connector in self._blocks.connectors}

    def snapshot(self) -> StationSnapshot:
        """What a person would want to see now. Cheap enough to be polled."""
        connectors = tuple(self._connector_snapshot(connector) for connector in self._blocks.connectors)
        return StationSnapshot(
            station_id=self._context.station_id,
            is_connected=self._link.is_connected,
            is_accepted=self._blocks.boot.registration is Registration.ACCEPTED,
            was_accepted=self._blocks.boot.was_accepted,
            connectors=connectors,
            transactions_completed=self._blocks.transactions.completed,
            energy_completed_wh=self._blocks.transactions.completed_energy_wh,
            energy_running_wh=sum(connector.transaction_energy_wh or 0 for connector in connectors),
            messages_sent=self._link.traffic.sent,
            messages_received=self._link.traffic.received,
            messages_queued=self._context.store.queue_length(),
            last_tag=self.last_tag,
        )

    def _connector_snapshot(self, connector: Connector) -> ConnectorSnapshot:
        reading = connector.hardware.meter.peek()
        key = connector.transaction_key
        transaction = None if key is None else self._blocks.transactions.transaction(key)
        return connector_snapshot(connector.number, connector.status, reading, connector.user, transaction)

    # Power and line.

    def _reset(self, kind: RestartKind) -> bool:
        has_worked = self._restarter is None or self._restarter.restart(kind)
        if has_worked:
            self._restart()
        return has_worked

    def _restart(self) -> None:
        """After a Reset: as if power had been away for a moment, with the vehicles still there."""
        if self._is_ending or self._is_without_power:
            return
        self._blocks.stand_still()
        self._calls.count_boot()
        self._blocks.security.started()
        self._blocks.boot.restart()
        self._blocks.restarted()
        self._line.restart(REBOOT_SECONDS)

    def _open(
        self, *, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None]
    ) -> Awaitable[Connection]:
        return self._blocks.security.open(
            lambda access: self._connect(
                access.url,
                identity=self._context.station_id,
                subprotocols=SUBPROTOCOLS,
                password=access.password,
                ssl_context=access.tls,
                on_message=on_message,
                on_close=on_close,
                extensions="permessage-deflate" if Dialect.DEFLATE_OFFERED in self._spoken else None,
                keepalive=Keepalive(float(self._configuration.integer("WebSocketPingInterval")), PONG_SECONDS),
            )
        )

    def _opened(self, connection: Connection) -> None:
        self._blocks.security.profiles.connected()
        self._link.attach(connection)
        if Dialect.BOOT_ON_RECONNECT in self._spoken and self._blocks.boot.registration is Registration.ACCEPTED:
            self._blocks.boot.restart()
        self._blocks.boot.connected()
        if self._blocks.boot.registration is Registration.ACCEPTED:
            self._online()

    def _lost(self) -> None:
        # First: whatever fails behind it, nobody may wait for an answer that cannot come.
        self._link.detach()
        self._blocks.offline()
        self.on_change()

    def _accepted(self, interval: int) -> None:
        if interval > 0:
            bounds = self._context.product.bounds.get("HeartbeatInterval")
            least = 1 if bounds is None or bounds.least is None else max(1, bounds.least)
            most = interval if bounds is None or bounds.most is None else bounds.most
            seconds = max(least, min(interval, most))
            if seconds != interval:
                self._log.warning("heartbeat interval clamped", asked=interval, used=seconds)
            self._configuration.set("HeartbeatInterval", str(seconds))
        self._blocks.accepted()
        self._online()

    def _told_time(self, now: datetime) -> None:
        if not self._clock.synchronise(now):
            self._log.warning("the time of the CSMS cannot be right", told=now.isoformat())

    def _online(self) -> None:
        self._blocks.online()
        self.on_change()


def _nobody_watches() -> None:
    """Until somebody sets `on_change`."""
