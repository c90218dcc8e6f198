"""A written command has one end, told once: whoever cancels it, sends it, expires it or answers it, on however many
nodes, and also when the database is away; and those kept for one station keep their order."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.csms.gate import Gate
from tests.csms.wire import WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import OnDatabase, StartNode
from tests.promises.test_promise_08_one_call_at_a_time import (
    CLEAR,
    HOUR,
    RESET,
    accept,
    ask,
    connected,
    desk,
    finished,
    row,
    states,
    url,
)

from chargewright.csms.commands import kept
from chargewright.csms.commands.kept import KeptCommands, TooLate
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered

FINISHED = "SELECT body FROM event WHERE kind = 'command.finished'"


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a node looks for every few seconds, it looks for at once."""
    monkeypatch.setattr(kept, "LOOK_SECONDS", 0.02)


@pytest.fixture
async def nodes(postgresql_database: TestDatabase, start_node: StartNode, tmp_path: Path) -> list[Any]:
    """Two nodes of one database."""
    several = {"db": postgresql_database.url, "credential_key": "ab" * 32, "settle_seconds": 0}
    return [await start_node(node=name, data=tmp_path / name, **several) for name in ("node0", "node1")]


def kept_of(csms: Any) -> KeptCommands:
    found = csms._commanding.kept
    assert isinstance(found, KeptCommands)
    return found


async def looked(csms: Any, times: int = 3) -> None:
    """The node has looked for commands that expired so many times from now on."""
    expire = kept_of(csms)._expire
    count, is_enough = 0, asyncio.Event()

    async def counted() -> None:
        nonlocal count
        await expire()
        count += 1
        if count >= times:
            is_enough.set()

    kept_of(csms)._expire = counted  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        await is_enough.wait()
    kept_of(csms)._expire = expire  # type: ignore[method-assign]


async def test_promise_08_a_command_that_is_out_at_one_node_does_not_expire_at_another(
    nodes: list[Any], postgresql_database: TestDatabase
) -> None:
    async with WireStation(url(nodes[1]), "A1") as station:
        await connected(nodes[1], "A1")
        until = nodes[0]._clock.now_microseconds() + 1_000_000
        await desk(nodes[0]).keep(row(nodes[0], "A1"), RESET, keep_until=until)
        call = await station.receive()
        assert call[2] == "Reset"
        await eventually(lambda: nodes[0]._clock.now_microseconds() > until)
        await looked(nodes[0])
        await looked(nodes[1])
        assert await states(postgresql_database) == [("Reset", "sent")]
        await accept(station, call)
        assert await finished(postgresql_database, 1) == [("Reset", "answered")]
        assert len(await postgresql_database.rows(FINISHED)) == 1


async def test_promise_08_a_node_that_lost_the_station_undoes_nothing(
    nodes: list[Any], postgresql_database: TestDatabase
) -> None:
    nodes[0]._storage.on_claim = lambda station_id, epoch, node: None  # it does not hear of the other's claim
    async with WireStation(url(nodes[0]), "A1") as old:
        await connected(nodes[0], "A1")
        gate = Gate(kept_of(nodes[0]).get)
        kept_of(nodes[0]).get = gate  # type: ignore[method-assign]
        until = nodes[0]._clock.now_microseconds() + HOUR
        await desk(nodes[0]).keep(row(nodes[0], "A1"), RESET, keep_until=until)
        await gate.is_reached.wait()  # it has read that the command waits
        async with WireStation(url(nodes[1]), "A1") as new:
            call = await new.receive()
            assert call[2] == "Reset"
            await accept(new, call)
            assert await finished(postgresql_database, 1) == [("Reset", "answered")]
            gate.is_open.set()
            await eventually(lambda: not kept_of(nodes[0])._under_way and not kept_of(nodes[0])._workers)
            await looked(nodes[0])
            await looked(nodes[1])
            assert await states(postgresql_database) == [("Reset", "answered")]
            # Nothing came but the answer to this: the command was sent once.
            assert (await new.exchange("Heartbeat", {}))[0] == 3
            assert (await old.exchange("Heartbeat", {}))[0] == 3
            assert len(await postgresql_database.rows(FINISHED)) == 1


async def test_promise_08_cancelled_or_sent_and_never_both(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=0)
    until = csms._clock.now_microseconds() + HOUR
    commands = {}
    for number in range(1, 21):
        request = check("UnlockConnector", {"connectorId": number})
        kept_row = await desk(csms).keep(row(csms, "A1"), request, keep_until=until)
        commands[kept_row.command_id] = number
    received: set[int] = set()

    async def answer(station: WireStation) -> None:
        while True:
            call = await station.receive()
            received.add(call[3]["connectorId"])
            await station.send(json.dumps([3, call[1], {"status": "Unlocked"}]))

    async def cancel(command_id: str) -> str | None:
        try:
            return (await desk(csms).cancel(command_id)).command_id
        except TooLate:
            return None

    async with WireStation(url(csms), "A1") as station:
        answering = asyncio.get_running_loop().create_task(answer(station))
        await eventually(lambda: len(received) >= 2)
        # Those that are being sent just now, and those that are not yet.
        cancelled = {each for each in await asyncio.gather(*(cancel(each) for each in commands)) if each}
        found = await finished(database, len(commands))
        answering.cancel()
        await asyncio.wait({answering})
    assert received == {number for command_id, number in commands.items() if command_id not in cancelled}
    told = Counter(json.loads(body)["commandId"] for (body,) in await database.rows(FINISHED))
    assert told == Counter(list(commands))
    assert Counter(state for _, state in found) == {"answered": len(received), "cancelled": len(cancelled)}
    assert kept_of(csms)._unfinished == {}


@pytest.mark.parametrize("request_", [RESET, CLEAR], ids=["Reset", "ClearCache"])
async def test_promise_08_an_answer_waits_for_a_database_that_is_away(
    request_: Any, serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(settle_seconds=0)
    async with WireStation(url(csms), "A1") as station:
        await connected(csms, "A1")
        await desk(csms).keep(row(csms, "A1"), request_, keep_until=csms._clock.now_microseconds() + HOUR)
        call = await station.receive()
        ledger: Any = kept_of(csms)._ledger
        ledger._confirm_seconds = 0.05
        async with database.blocked():
            await accept(station, call)
            await eventually(lambda: csms._storage.journal.statistics()["units_waiting"] > 0)
            await asyncio.sleep(0.2)  # longer than anybody else is told to wait
        assert await finished(database, 1) == [(call[2], "answered")]
        await looked(csms)
        assert await states(database) == [(call[2], "answered")]
        assert len(await database.rows(FINISHED)) == 1
        assert (await station.exchange("Heartbeat", {}))[0] == 3


async def test_promise_08_what_could_not_be_sent_is_not_overtaken(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=0)
    until = csms._clock.now_microseconds() + HOUR
    async with WireStation(url(csms), "A1") as station:
        await connected(csms, "A1")
        busy = ask(csms, "A1", check("UnlockConnector", {"connectorId": 1}))
        out = await station.receive()
        # The first one's turn does not come in its time, again and again, while the other command is out.
        commander = csms._commanding.commander
        before = sum(commander.counts.values())
        await desk(csms).keep(row(csms, "A1"), CLEAR, keep_until=until, timeout_seconds=0.05)
        await desk(csms).keep(row(csms, "A1"), RESET, keep_until=until)
        await eventually(lambda: sum(commander.counts.values()) >= before + 2)
        await station.send(json.dumps([3, out[1], {"status": "Unlocked"}]))
        assert isinstance(await busy, Answered)
        for action in ("ClearCache", "Reset"):
            call = await station.receive()
            assert call[2] == action
            await accept(station, call)
        assert await finished(database, 2) == [("ClearCache", "answered"), ("Reset", "answered")]
