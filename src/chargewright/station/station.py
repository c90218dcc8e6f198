"""A charging station: the only place that joins blocks to hardware, memory and connection."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeVar

import structlog

from chargewright.clock import Clock
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.core import ChargePointErrorCode, ClearCacheResponse, ClearCacheStatus, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.rpc.connection import RpcConnection
from chargewright.station.authorization import LocalAccess, authorize
from chargewright.station.availability import StationAvailability
from chargewright.station.boot import Boot, Permission, Registration
from chargewright.station.configuration import StationConfiguration
from chargewright.station.connector import Connector
from chargewright.station.context import Answer, CallFailed, CallFailure, Context, StatusReport
from chargewright.station.data_transfer import data_transfer
from chargewright.station.hardware.interface import ConnectorHardware, MeterReading, TagReader
from chargewright.station.heartbeat import Heartbeat
from chargewright.station.line import Line
from chargewright.station.link import Command, Link, read_tolerantly
from chargewright.station.meter import Metering, measure
from chargewright.station.offline_queue import OfflineQueue
from chargewright.station.product import Product
from chargewright.station.remote_control import RemoteControl
from chargewright.station.remote_trigger import RemoteTrigger, Triggers
from chargewright.station.reset import Reset
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot, connector_snapshot
from chargewright.station.status_notification import StatusNotifications
from chargewright.station.store import StationStore
from chargewright.station.transaction import Transactions
from chargewright.transport.choice import Connect
from chargewright.transport.connection import CloseInfo, Connection, Keepalive

__all__ = ["Station"]

ResponseType = TypeVar("ResponseType", bound=Message)

SUBPROTOCOLS: Final = ("ocpp1.6",)
# How long a reset leaves the line down: a controller needs a moment to come up.
REBOOT_SECONDS: Final = 1.0
# An orderly end waits so long for StopTransactions to be answered, where the product sends them before going down.
FAREWELL_SECONDS: Final = 5.0
# And so long for the last StatusNotifications, in any product.
LAST_STATUS_SECONDS: Final = 2.0
# A dead line shows itself when nothing came for so long after a ping (OCPP-J 5.3).
PONG_SECONDS: Final = 20.0


class Station:
    """One station. `run` lives its life; `close` ends it in order, `cut_power` does not.

    Made inside the event loop that runs it. `hardware` has one entry per outlet of `product`, `store` is the memory
    that survives, `delay_seconds(attempt, random)` the wait before a connection attempt. `on_change` is called when
    what a snapshot shows may have changed; `opening` is the snapshot of the moment when `run` began, with what an
    earlier run left open closed: the difference to a later one is what this run did.
    """

    def __init__(
        self,
        station_id: str,
        csms_url: str,
        product: Product,
        hardware: Sequence[ConnectorHardware],
        store: StationStore,
        *,
        connect: Connect,
        clock: Clock,
        random: Random,
        password: bytes | None = None,
        tag_reader: TagReader | None = None,
        delay_seconds: Callable[[int, Random], float],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.on_change: Callable[[], None] = _nobody_watches
        self._csms_url = csms_url
        self._connect = connect
        self._password = password
        self._call_ids: Iterator[str] = iter(())
        self._is_without_power = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._configuration = StationConfiguration(product, store)
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chargewright.station").bind(
            station=station_id
        )
        self._context = Context(
            station_id=station_id,
            clock=clock,
            random=random,
            store=store,
            product=product,
            configuration=self._configuration,
            call=self._call,
            is_online=lambda: self._link.is_connected and self._boot.permission is Permission.EVERYTHING,
            call_later=loop.call_later,
            spawn=self._spawn,
            log=self._log,
        )
        context = self._context
        self._boot = Boot(context, self._call_anyway, lambda: self._link.is_connected, self._accepted)
        self._statuses = StatusNotifications(context)
        self._transactions = Transactions(context, self._put, measure, self._start_judged)
        self._queue = OfflineQueue(context, self._transactions, lambda: self._line.drop())
        self._connectors = [
            Connector(context, number, pieces, self._transactions, self._status_changed, self._transaction_changed)
            for number, pieces in enumerate(hardware, start=1)
        ]
        self._metering = Metering(
            context,
            len(self._connectors),
            self._read_meter,
            lambda number: self._connectors[number - 1].transaction_key,
            self._transactions.add_meter_value,
        )
        self._availability = StationAvailability(context, self._connectors, self._status_changed)
        self._access = LocalAccess(context, self._connectors)
        if tag_reader is not None:
            tag_reader.on_tag = self._access.show
        self._commands = self._served()
        self._link = Link(clock, self._new_rpc, loop.call_later, self._commands, self._log)
        self._line = Line(
            self._open,
            opened=self._opened,
            received=self._link.receive,
            lost=self._lost,
            delay_seconds=delay_seconds,
            random=random,
            log=self._log,
        )
        self._heartbeat = Heartbeat(context, lambda: self._link.last_sent)
        self._configuration.changed = self._configuration_changed
        self.opening = self.snapshot()

    # Life.

    async def run(self) -> None:
        """Boot, connect, and stay connected until `close` or `cut_power`."""
        self._count_boot()
        interrupted = self._transactions.close_interrupted(self._read_meter)
        for connector in self._connectors:
            connector.restore(was_interrupted=connector.number in interrupted)
        self.opening = self.snapshot()
        for report in (self._availability.current_report, *(item.current_report for item in self._connectors)):
            self._statuses.report(report)
        await self._line.run()

    async def close(self) -> None:
        """End in order: energy off, everything on disk, the socket closed with 1001. `run` returns soon after.

        Does nothing after `cut_power`.
        """
        if self._is_without_power:
            return
        if self._context.product.stops_before_power_down:
            self.end_transactions(Reason.POWER_LOSS)
            if self._context.is_online():
                try:
                    await asyncio.wait_for(self._queue.wait_until_empty(), FAREWELL_SECONDS)
                except TimeoutError:
                    self._log.info("ending with transaction messages queued")
        if self._context.is_online():
            try:
                await asyncio.wait_for(self._statuses.wait_until_told(), LAST_STATUS_SECONDS)
            except TimeoutError:
                self._log.info("ending with statuses not told")
        for connector in self._connectors:
            connector.shut_down()
            connector.read_meter()
        self._stand_still()
        self._line.end()

    async def wait_until_told(self) -> None:
        """Return when the CSMS has answered every transaction message (or one is parked) and every change of status."""
        await self._queue.wait_until_empty()
        await self._statuses.wait_until_told()

    def cut_power(self) -> None:
        """End as a power cut does: nothing is sent, nothing is written any more."""
        self._is_without_power = True
        for connector in self._connectors:
            connector.shut_down()
        self._stand_still()
        self._line.end(at_once=True)
        for task in self._tasks:
            task.cancel()

    # Hands.

    def show_tag(self, id_tag: str, connector_id: int | None = None) -> None:
        """A tag is held before the reader, for a chosen connector or for any."""
        self._access.show(id_tag, connector_id)

    def end_transactions(self, reason: Reason) -> None:
        """Stop every transaction, in the name of whoever charges."""
        for connector in self._connectors:
            connector.stop(reason, connector.user.id_tag if connector.user is not None else None)

    def set_fault(self, connector_id: int, error_code: ChargePointErrorCode) -> None:
        """A connector has a fault that keeps it from charging; `NO_ERROR`: it is gone."""
        self._connectors[connector_id - 1].set_fault(error_code)

    # What can be seen.

    def meter_readings(self) -> Mapping[int, int]:
        """The raw register of each connector, in Wh."""
        return {connector.number: connector.read_meter().register_wh for connector in self._connectors}

    def snapshot(self) -> StationSnapshot:
        """What a person would want to see now. Cheap enough to be polled."""
        connectors = tuple(self._connector_snapshot(connector) for connector in self._connectors)
        return StationSnapshot(
            station_id=self._context.station_id,
            is_connected=self._link.is_connected,
            is_accepted=self._boot.registration is Registration.ACCEPTED,
            was_accepted=self._boot.was_accepted,
            connectors=connectors,
            transactions_completed=self._transactions.completed,
            energy_completed_wh=self._transactions.completed_energy_wh,
            energy_running_wh=sum(connector.transaction_energy_wh or 0 for connector in connectors),
            messages_sent=self._link.traffic.sent,
            messages_received=self._link.traffic.received,
            messages_queued=self._context.store.queue_length(),
        )

    def _connector_snapshot(self, connector: Connector) -> ConnectorSnapshot:
        reading = connector.hardware.meter.peek()
        key = connector.transaction_key
        transaction = None if key is None else self._transactions.transaction(key)
        return connector_snapshot(connector.number, connector.status, reading, connector.user, transaction)

    # Power and line.

    def _count_boot(self) -> None:
        # Unique over all connections and boots of this station (OCPP-J 4.1.4, errata 2025-04 §3.1).
        boot = self._context.store.next_boot()
        self._call_ids = map(f"{self._context.store.meta('instance', '')}-{boot}-{{}}".format, itertools.count(1))

    def _stand_still(self) -> None:
        self._heartbeat.stop()
        self._metering.stop()
        self._queue.stop()
        self._boot.stop()

    def _restart(self) -> None:
        """After a Reset: as if power had been away for a moment, with the vehicles still there."""
        self._stand_still()
        self._count_boot()
        self._boot.restart()
        self._line.restart(REBOOT_SECONDS)

    def _open(
        self, *, on_message: Callable[[bytes], None], on_close: Callable[[CloseInfo], None]
    ) -> Awaitable[Connection]:
        return self._connect(
            self._csms_url,
            identity=self._context.station_id,
            subprotocols=SUBPROTOCOLS,
            password=self._password,
            on_message=on_message,
            on_close=on_close,
            keepalive=Keepalive(float(self._configuration.integer("WebSocketPingInterval")), PONG_SECONDS),
        )

    def _opened(self, connection: Connection) -> None:
        self._link.attach(connection)
        self._boot.connected()
        if self._boot.registration is Registration.ACCEPTED:
            self._online()

    def _lost(self) -> None:
        self._heartbeat.stop()
        self._link.detach()
        self.on_change()

    def _new_rpc(self) -> RpcConnection:
        return RpcConnection(
            Role.STATION,
            ACTIONS,
            new_call_id=lambda: next(self._call_ids),
            salvage=read_tolerantly,
            offered=self._commands.keys(),
        )

    def _accepted(self, interval: int) -> None:
        if interval > 0:
            bounds = self._context.product.bounds.get("HeartbeatInterval")
            least = 1 if bounds is None or bounds.least is None else max(1, bounds.least)
            most = interval if bounds is None or bounds.most is None else bounds.most
            seconds = max(least, min(interval, most))
            if seconds != interval:
                self._log.warning("heartbeat interval clamped", asked=interval, used=seconds)
            self._configuration.set("HeartbeatInterval", str(seconds))
        self._statuses.booted()
        self._metering.start()
        self._online()

    def _online(self) -> None:
        self._statuses.online()
        self._heartbeat.start()
        self._queue.wake()
        self.on_change()

    # Calls.

    async def _call(
        self, request: Message, response: type[ResponseType], *, is_triggered: bool = False
    ) -> ResponseType:
        permission = self._boot.permission
        if permission is Permission.EVERYTHING or (permission is Permission.WHEN_ASKED and is_triggered):
            return await self._call_anyway(request, response)
        raise CallFailed(type(request).__name__.removesuffix("Request"), CallFailure.OFFLINE)

    async def _call_anyway(
        self, request: Message, response: type[ResponseType], *, is_triggered: bool = False
    ) -> ResponseType:
        return await self._link.call(request, response, self._configuration.integer("MessageTimeout"))

    def _served(self) -> Mapping[str, Command]:
        """The actions that this station serves, by name."""
        context, connectors = self._context, self._connectors
        remote = RemoteControl(
            context,
            connectors,
            self._transactions.key_of,
            lambda id_tag: authorize(context, id_tag),
            lambda: self._boot.registration is Registration.ACCEPTED,
        )
        triggers = Triggers(
            boot=self._trigger_boot,
            heartbeat=lambda: self._heartbeat.beat(is_triggered=True),
            statuses=self._statuses.repeat,
            meter_value=self._metering.triggered,
            transaction_id=lambda number: self._transactions.transaction_id(connectors[number - 1].transaction_key),
        )
        table: dict[str, Callable[[Any], Answer]] = {
            "ChangeAvailability": self._availability.change_availability,
            "ChangeConfiguration": lambda request: Answer(self._configuration.change_configuration(request)),
            "ClearCache": lambda request: Answer(ClearCacheResponse(status=ClearCacheStatus.REJECTED)),
            "DataTransfer": data_transfer,
            "GetConfiguration": lambda request: Answer(self._configuration.get_configuration(request)),
            "RemoteStartTransaction": remote.remote_start_transaction,
            "RemoteStopTransaction": remote.remote_stop_transaction,
            "Reset": Reset(context, connectors, self._queue.wait_until_empty, self._restart).reset,
            "UnlockConnector": remote.unlock_connector,
        }
        if context.product.has_remote_trigger:
            table["TriggerMessage"] = RemoteTrigger(context, len(connectors), triggers).trigger_message
        return {name: self._unless_silent(serve) for name, serve in table.items()}

    def _unless_silent(self, serve: Callable[[Any], Answer]) -> Command:
        def command(request: Message) -> Answer | None:
            if self._boot.permission is Permission.SILENCE:
                return None
            answer = serve(request)
            self.on_change()  # A cable that was let go can be seen, though no status may change.
            return answer

        return command

    def _trigger_boot(self) -> bool:
        if self._boot.registration is Registration.ACCEPTED:
            return False
        self._boot.ask()
        return True

    # What blocks tell one another.

    def _put(self, action: str, request: Message, transaction_key: int | None) -> None:
        self._queue.put(action, request, transaction_key)

    def _read_meter(self, connector_id: int) -> MeterReading:
        return self._connectors[connector_id - 1].read_meter()

    def _status_changed(self, report: StatusReport) -> None:
        self._log.info("status", connector=report.connector_id, status=report.status.value)
        self._statuses.report(report)
        self.on_change()

    def _transaction_changed(self, connector_id: int) -> None:
        if self._connectors[connector_id - 1].transaction_key is None:
            self._metering.transaction_stopped(connector_id)
        else:
            self._metering.transaction_started(connector_id)
        self.on_change()

    def _start_judged(self, key: int, id_tag_info: IdTagInfo) -> None:
        """§4.8: the CSMS has the last word on the tag of a transaction that runs already."""
        self.on_change()
        connector = next((item for item in self._connectors if item.transaction_key == key), None)
        if connector is None or id_tag_info.status is AuthorizationStatus.ACCEPTED:
            return
        if self._configuration.boolean("StopTransactionOnInvalidId"):
            connector.stop(Reason.DE_AUTHORIZED, connector.user.id_tag if connector.user is not None else None)
        else:
            connector.refuse_energy()

    def _configuration_changed(self, name: str) -> None:
        self._metering.configuration_changed(name)
        if name == "HeartbeatInterval" and self._context.is_online():
            self._heartbeat.start()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a task failed", exc_info=error)


def _nobody_watches() -> None:
    """Until somebody sets `on_change`."""
