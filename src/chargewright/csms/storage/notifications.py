"""PostgreSQL's LISTEN and NOTIFY: who else has written events, who has taken a station over.

A node that has committed events first makes sure that readers may see them (an older transaction may still be open),
then wakes its own readers and the other nodes. This is done beside the journal: a NOTIFY inside the batch would make
the commits of all nodes wait for each other.

A claim that was committed while nobody listened is found again: once we listen anew, the rows of the stations that this
node has claimed are read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

__all__ = ["CLAIM_CHANNEL", "EVENT_CHANNEL", "Notifications"]

EVENT_CHANNEL: Final = "chargewright_event"
CLAIM_CHANNEL: Final = "chargewright_claim"
# Between two looks at whether an older transaction has ended, and between two announcements.
PAUSE_SECONDS: Final = 0.02
RECONNECT_SECONDS: Final = 1.0
READ_CLAIMS: Final = "SELECT id, epoch, node FROM station WHERE id = ANY($1::bigint[])"


class Notifications:
    """One connection that listens, and announces what this node has written."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        is_visible: str,
        on_events: Callable[[], None],
        on_claim: Callable[[int, int, str], None],
    ) -> None:
        """`is_visible` is a SELECT that says whether the event with the sequence `$1` may be seen."""
        self._connect = connect
        self._is_visible = is_visible
        self._on_events = on_events
        self._on_claim = on_claim
        self._connection: Any = None
        self._claimed: dict[int, int] = {}  # station → epoch of this node's latest claim
        self._was_lost = False
        self._newest = 0
        self._announced = 0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Connect and listen; raises what connecting raises."""
        self._connection = await self._listen()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="storage notifications")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._connection is not None:
            self._connection.terminate()

    def announce(self, sequence: int) -> None:
        """Events up to `sequence` are committed: wake the readers here and elsewhere as soon as they may see them."""
        self._newest = max(self._newest, sequence)
        self._woken.set()

    def claimed(self, station_id: int, epoch: int) -> None:
        """This node has committed a claim; from now on a newer one by another node is not missed."""
        self._claimed[station_id] = epoch

    async def _listen(self) -> Any:
        connection = await self._connect()
        await connection.add_listener(EVENT_CHANNEL, self._events_elsewhere)
        await connection.add_listener(CLAIM_CHANNEL, self._claim)
        connection.add_termination_listener(lambda _connection: self._woken.set())
        return connection

    async def _run(self) -> None:
        while True:
            try:
                if self._connection.is_closed():
                    self._was_lost = True
                    self._connection = await self._listen()
                if self._was_lost:
                    await self._catch_up(self._connection)
                    self._was_lost = False
                await self._announce_until_lost(self._connection)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _catch_up(self, connection: Any) -> None:
        """Whatever was announced while we did not listen was missed."""
        self._on_events()
        for station_id, epoch, node in await connection.fetch(READ_CLAIMS, list(self._claimed)):
            if epoch > self._claimed[station_id]:
                self._on_claim(station_id, epoch, node)

    async def _announce_until_lost(self, connection: Any) -> None:
        while not connection.is_closed():
            if self._announced >= self._newest:
                self._woken.clear()
                await self._woken.wait()
                continue
            sequence = self._newest
            if await connection.fetchval(self._is_visible, sequence):
                self._announced = sequence
                self._on_events()
                await connection.execute("SELECT pg_notify($1, '')", EVENT_CHANNEL)
            await asyncio.sleep(PAUSE_SECONDS)

    def _events_elsewhere(self, connection: Any, process: int, _channel: str, _payload: str) -> None:
        # Our own readers were woken before we notified.
        if process != connection.get_server_pid():
            self._on_events()

    def _claim(self, _connection: Any, _process: int, _channel: str, payload: str) -> None:
        station_id, epoch, node = payload.split(":", 2)
        self._on_claim(int(station_id), int(epoch), node)
