"""One CALL at a time for each station; five outcomes told apart; kept commands survive reconnects, restarts and
`kill -9`, and only what may be repeated is sent again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import WireStation, eventually, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from tests.serving import ServeProcess

from chargewright.csms.app import Csms
from chargewright.csms.commands.bulk import Selection
from chargewright.csms.commands.desk import CommandDesk
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.storage.base import StationRow

HOUR = 3600 * 1_000_000
CLEAR = check("ClearCache", {})
RESET = check("Reset", {"type": "Soft"})


def desk(csms: Csms) -> CommandDesk:
    assert csms._commanding is not None and csms._services is not None
    return csms._commanding.desk(csms._services)


def row(csms: Csms, identity: str) -> StationRow:
    station = csms._directory.station(identity)
    assert station is not None
    return station


def url(csms: Csms) -> str:
    return f"ws://{csms.addresses.ocpp[0]}"


async def connected(csms: Csms, identity: str) -> None:
    assert csms._commanding is not None
    commander = csms._commanding.commander
    await eventually(lambda: commander.is_connected(row(csms, identity).id))


def ask(csms: Csms, identity: str, request: Any = CLEAR, **options: Any) -> "asyncio.Task[Outcome]":
    return asyncio.get_running_loop().create_task(desk(csms).send(row(csms, identity), request, **options))


async def accept(station: WireStation, call: list[Any]) -> None:
    await station.send(json.dumps([3, call[1], {"status": "Accepted"}]))


async def states(database: TestDatabase) -> list[tuple[Any, ...]]:
    return await database.rows("SELECT action, state FROM command ORDER BY id")


async def finished(database: TestDatabase, count: int) -> list[tuple[Any, ...]]:
    async with asyncio.timeout(20):
        while await database.value("SELECT count(*) FROM command WHERE finished_at IS NOT NULL") < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return await states(database)


async def test_promise_08_never_two_calls_at_once_and_none_out_of_order(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(settle_seconds=3600)
    async with WireStation(url(csms), "A1") as station:
        await connected(csms, "A1")
        requests = [check("UnlockConnector", {"connectorId": number}) for number in range(1, 31)]
        sending = [ask(csms, "A1", request) for request in requests]
        for number in range(1, 31):
            call = await station.receive()
            assert call[3] == {"connectorId": number}
            # While its CALL is out, the station's own are answered, and nothing else comes.
            assert (await station.exchange("Heartbeat", {}))[0] == 3
            await station.send(json.dumps([3, call[1], {"status": "Unlocked"}]))
        assert all(isinstance(outcome, Answered) for outcome in await asyncio.gather(*sending))


async def test_promise_08_the_five_outcomes(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=3600)
    assert isinstance(await ask(csms, "A1"), NotSent)
    async with WireStation(url(csms), "A1") as station:
        await connected(csms, "A1")
        for answer, kind in (
            ([3, {"status": "Accepted"}], Answered),
            ([4, "InternalError", "", {}], Refused),
            ([3, "Accepted"], Malformed),
        ):
            sending = ask(csms, "A1")
            call = await station.receive()
            await station.send(json.dumps([answer[0], call[1], *answer[1:]]))
            assert isinstance(await sending, kind)
        silent = ask(csms, "A1", timeout_seconds=0.2)
        late = await station.receive()
        assert isinstance(await silent, Unanswered)
        await accept(station, late)
        lost = ask(csms, "A1")
        await station.receive()
    assert isinstance(await lost, Unanswered)
    assert csms.statistics()["ignored_LATE_ANSWER"] == 1
    await csms._storage.journal.drain()
    kinds = await database.rows("SELECT kind FROM event WHERE kind LIKE 'command.%'")
    assert kinds.count(("command.finished",)) == 6 and kinds.count(("command.sent",)) == 5


async def test_promise_08_a_station_that_does_not_answer_delays_no_other(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(settle_seconds=3600)
    async with WireStation(url(csms), "A1") as stuck, WireStation(url(csms), "A2") as station:
        await connected(csms, "A1")
        await connected(csms, "A2")
        waiting = [ask(csms, "A1") for _ in range(20)]
        await stuck.receive()
        for _ in range(20):
            sending = ask(csms, "A2")
            await accept(station, await station.receive())
            assert isinstance(await sending, Answered)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_promise_08_kept_commands_survive_a_restart_and_go_oldest_first(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(settle_seconds=0)
    for request in (CLEAR, RESET):
        kept = await desk(csms).keep(row(csms, "A1"), request, keep_until=csms._clock.now_microseconds() + HOUR)
    gone = await desk(csms).keep(row(csms, "A2"), CLEAR, keep_until=csms._clock.now_microseconds() + HOUR)
    await desk(csms).cancel(gone.command_id)
    await csms.stop()
    csms = await serve(settle_seconds=0)
    async with WireStation(url(csms), "A1") as station:
        for action in ("ClearCache", "Reset"):
            call = await station.receive()
            assert call[2] == action
            await accept(station, call)
        assert await finished(database, 3) == [
            ("ClearCache", "answered"),
            ("Reset", "answered"),
            ("ClearCache", "cancelled"),
        ]
    assert (await desk(csms).get(kept.command_id)).state == "answered"


async def test_promise_08_only_what_may_be_repeated_is_sent_again(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=0)
    until = csms._clock.now_microseconds() + HOUR
    for request in (RESET, CLEAR):
        await desk(csms).keep(row(csms, "A1"), request, keep_until=until)
    for action in ("Reset", "ClearCache"):
        async with WireStation(url(csms), "A1") as station:
            assert (await station.receive())[2] == action
            # written before it is sent
            assert (action, "sent") in await states(database)
    async with WireStation(url(csms), "A1") as station:
        call = await station.receive()
        assert call[2] == "ClearCache"
        await accept(station, call)
        assert await finished(database, 2) == [("Reset", "unknown"), ("ClearCache", "answered")]


async def test_promise_08_kill_between_send_and_answer(
    serve: OnDatabase, database: TestDatabase, tmp_path: Path
) -> None:
    csms = await serve(settle_seconds=0)
    until = csms._clock.now_microseconds() + HOUR
    await desk(csms).keep(row(csms, "A1"), RESET, keep_until=until)
    await desk(csms).keep(row(csms, "A2"), CLEAR, keep_until=until)
    await csms.stop()
    seed = tmp_path / "kill.toml"
    seed.write_text(seed_text("A1", "A2", "A3"))
    environment = {"CHARGEWRIGHT_SETTLE_SECONDS": "0", "CHARGEWRIGHT_DB": database.url}
    arguments = ("--data", str(tmp_path / "data"), "--seed", str(seed))
    process = await ServeProcess.start(*arguments, **environment)
    async with (
        WireStation(process.ocpp_url, "A1") as first,
        WireStation(process.ocpp_url, "A2") as second,
    ):
        assert (await first.receive())[2] == "Reset"
        assert (await second.receive())[2] == "ClearCache"
        await process.kill()
    assert await states(database) == [("Reset", "sent"), ("ClearCache", "sent")]
    process = await ServeProcess.start(*arguments, **environment)
    try:
        async with (
            WireStation(process.ocpp_url, "A1") as first,
            WireStation(process.ocpp_url, "A2") as second,
        ):
            call = await second.receive()
            assert call[2] == "ClearCache"
            await accept(second, call)
            assert await finished(database, 2) == [("Reset", "unknown"), ("ClearCache", "answered")]
            # The station that must not be asked twice is served like any other.
            assert (await first.exchange("Heartbeat", {}))[0] == 3
    finally:
        assert await process.stop() == 0


async def test_promise_08_one_command_for_many(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=0)
    stations = [row(csms, identity) for identity in ("A1", "A2", "A3")]
    selection = Selection(all=True)
    until = csms._clock.now_microseconds() + HOUR
    async with WireStation(url(csms), "A1") as answering, WireStation(url(csms), "A2") as silent:
        await connected(csms, "A1")
        await connected(csms, "A2")
        assert await desk(csms).select(selection) == stations
        bulk = await desk(csms).bulk(stations, selection, CLEAR, keep_until=until)
        await silent.receive()
        await accept(answering, await answering.receive())
        await finished(database, 1)
        progress = await desk(csms).bulk_progress(bulk.bulk_id)
        assert (progress.states, progress.unfinished) == ({"answered": 1, "sent": 1, "waiting": 1}, 2)
    # What has not been sent goes on after a restart.
    await csms.stop()
    csms = await serve(settle_seconds=0)
    async with WireStation(url(csms), "A3") as third:
        await accept(third, await third.receive())
        await finished(database, 2)
    progress = await desk(csms).bulk_progress(bulk.bulk_id)
    assert (progress.states, progress.unfinished) == ({"answered": 2, "unknown": 1}, 1)
    assert await desk(csms).cancel_bulk(bulk.bulk_id) == 1
    assert (await desk(csms).bulk_progress(bulk.bulk_id)).unfinished == 0


@pytest.mark.parametrize("keeps", [False, True])
async def test_promise_08_bulk_without_keeping_ends_at_once_for_those_away(
    keeps: bool, serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(settle_seconds=0)
    stations = [row(csms, "A1")]
    until = csms._clock.now_microseconds() + HOUR if keeps else None
    bulk = await desk(csms).bulk(stations, Selection(identities=("A1",)), CLEAR, keep_until=until)
    progress = await desk(csms).bulk_progress(bulk.bulk_id)
    assert progress.states == ({"waiting": 1} if keeps else {"not-sent": 1})
