"""Stations for the fault tests that forgive nothing: a CALLERROR costs the message, as it does with one attempt.

One speaks through the independent `ocpp` library, the other is our own.
"""

import asyncio
import base64
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from ocpp.charge_point import camel_to_snake_case
from ocpp.exceptions import OCPPError
from ocpp.v16 import ChargePoint, call
from tests.databases import TestDatabase
from tests.faults.storm import PASSWORD, StormStation
from tests.station.world import car
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from chargewright.clock import SystemClock
from chargewright.csms.instants import microseconds
from chargewright.protocol.v16.base import Timestamp
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

__all__ = ["LibraryStation", "OurStation", "check_ledger"]

RECONNECT_SECONDS = 0.1
ONE_CHANCE = {
    "TransactionMessageAttempts": "1",
    "TransactionMessageRetryInterval": "1",
    "MeterValueSampleInterval": "1",
}


class LibraryStation:
    """The `ocpp` library's charge point with a queue of its own: each message again after a lost connection, never
    after a CALLERROR."""

    def __init__(self, identity: str, seed: int) -> None:
        self.script = StormStation(identity, Random(seed))  # makes the messages, and remembers what was answered
        self.errors: list[str] = []
        self.refusals: Counter[int] = Counter()  # HTTP status
        self.left_unanswered: Counter[int | None] = Counter()  # the close code of the connection
        self._stopping = False

    async def live(self, url: str) -> None:
        """Until `finish`, and its last message is answered."""
        identity = self.script.identity
        credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        while not self._is_done():
            try:
                async with connect(
                    f"{url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers
                ) as socket:
                    await self._speak(socket)
            except InvalidStatus as refusal:
                self.refusals[refusal.response.status_code] += 1
            # A station would wait longer; there is nothing to be told apart by that.
            await asyncio.sleep(RECONNECT_SECONDS)

    def finish(self) -> None:
        """Say no more than what is pending."""
        self._stopping = True

    def _is_done(self) -> bool:
        return self._stopping and self.script.pending is None

    async def _speak(self, socket: ClientConnection) -> None:
        station = ChargePoint(self.script.identity, socket, response_timeout=300)
        reading = asyncio.ensure_future(station.start())
        try:
            booting = call.BootNotification(charge_point_model="Shelf", charge_point_vendor="Library")
            if not await self._call(station, booting, reading):
                return
            script = self.script
            while not self._is_done():
                if script.pending is None:
                    script.pending = script.compose()
                pending = script.pending
                request = getattr(call, pending.action)(**camel_to_snake_case(pending.payload))
                answer = await self._call(station, request, reading)
                if answer is None:
                    self.left_unanswered[socket.close_code] += 1
                    return
                script.pending = None
                if isinstance(answer, OCPPError):
                    self.errors.append(f"{pending.action}: {answer!r}")
                    continue
                if pending.action == "StartTransaction":
                    script.transaction_id = answer.transaction_id
                    pending.answer = {"transactionId": answer.transaction_id}
                script.answered.append(pending)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _call(self, station: ChargePoint, request: Any, reading: "asyncio.Future[None]") -> Any:
        """The answer, the CALLERROR as an exception, or None: the connection ended before."""
        calling = asyncio.ensure_future(station.call(request, suppress=False))
        await asyncio.wait({calling, reading}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            calling.cancel()
        (result,) = await asyncio.gather(calling, return_exceptions=True)
        if isinstance(result, BaseException) and not isinstance(result, OCPPError):
            return None
        return result


class CountingStore(StationStore):
    """The memory of a station; counts the transaction messages that were ever put into its queue."""

    def __init__(self, path: Path, random: Random) -> None:
        super().__init__(path, random)
        self.enqueued: Counter[str] = Counter()

    def enqueue(self, transaction_key: int | None, action: str, payload: bytes) -> int:
        self.enqueued[action] += 1
        return super().enqueue(transaction_key, action, payload)


class OurStation:
    """Our station with one attempt and one second, charging from `begin` to `finish`."""

    def __init__(self, identity: str, url: str, directory: Path, seed: int) -> None:
        product = msgspec.structs.replace(product_from("kempower_s_series"), defaults=ONE_CHANCE)
        self.store = CountingStore(directory / f"{identity}.sqlite3", Random(seed))
        self.virtual = VirtualStation(
            identity,
            url,
            product,
            self.store,
            connect=implementation("websockets").connect,
            clock=SystemClock(),
            random=Random(seed),
            delay_seconds=lambda attempt, random: RECONNECT_SECONDS,
            password=bytes.fromhex(PASSWORD),
        )
        self._life = asyncio.create_task(self.virtual.station.run(), name=identity)

    async def begin(self) -> None:
        """Plug a car in and charge."""
        assert await self.virtual.wait_until(lambda: self.virtual.station.snapshot().is_accepted, 60)
        self.virtual.plug(1, car())
        self.virtual.show_tag("STORM", 1)
        assert await self.virtual.wait_until(lambda: self.virtual.look(1).transaction_id is not None, 60)

    async def finish(self) -> None:
        """Stop charging, and wait until the CSMS has been told everything."""
        self.virtual.show_tag("STORM", 1)
        assert await self.virtual.wait_until(lambda: not self.virtual.look(1).has_transaction, 60)
        await asyncio.wait_for(self.virtual.station.wait_until_told(), 120)
        await self.virtual.station.close()
        await asyncio.wait([self._life], timeout=60)


def instant(text: str) -> int:
    return microseconds(Timestamp.parse(text))


async def check_ledger(database: TestDatabase, stations: list[LibraryStation]) -> None:
    """The database holds what these stations were answered, once, and nothing else of theirs."""
    starts: Counter[tuple[Any, ...]] = Counter()
    stops: Counter[tuple[Any, ...]] = Counter()
    values: Counter[tuple[Any, ...]] = Counter()
    for station in stations:
        identity = station.script.identity
        for sent in station.script.answered:
            payload = sent.payload
            if sent.action == "StartTransaction":
                assert sent.answer is not None
                number = sent.answer["transactionId"]
                starts[identity, number, instant(payload["timestamp"]), payload["meterStart"]] += 1
            elif sent.action == "StopTransaction":
                stops[identity, payload["transactionId"], instant(payload["timestamp"]), payload["meterStop"]] += 1
            else:
                values[identity, payload["transactionId"], instant(payload["meterValue"][0]["timestamp"])] += 1
    names = ", ".join(f"'{station.script.identity}'" for station in stations)
    of_ours = f"JOIN station s ON s.id = t.station_id WHERE s.identity IN ({names})"
    found = await database.rows(
        f"SELECT s.identity, t.transaction_id, t.start_instant, t.meter_start FROM charging_transaction t {of_ours}"
    )
    assert Counter(found) == starts
    found = await database.rows(
        f"SELECT s.identity, t.transaction_id, t.instant, t.meter_stop FROM transaction_stop t {of_ours}"
    )
    assert Counter(found) == stops
    found = await database.rows(f"SELECT s.identity, t.transaction_id, t.instant FROM meter_value t {of_ours}")
    assert Counter(found) == values
    ids = [start[1] for start in starts]
    assert len(ids) == len(set(ids)), "two transactions share one transactionId"
    assert await database.value("SELECT count(*) FROM quarantine") == 0
