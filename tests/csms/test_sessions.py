"""Who is connected: the newest claim, on this node or elsewhere, and what happens when two devices fight."""

import json
from typing import Any

from tests.csms.bench import Workbench

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Test"}


def station_id(bench: Workbench, identity: str = "A1") -> int:
    row = bench.csms._directory.station(identity)
    assert row is not None
    return row.id


async def test_the_newest_connection_wins_and_the_older_is_closed(bench: Workbench) -> None:
    older = await bench.connect()
    newer = await bench.connect()
    assert older.closed_with == (1008, "another connection of this station is newer")
    assert newer.is_open
    session = bench.csms._sessions.of_station(station_id(bench))
    assert session is not None
    assert session.connection is newer


async def test_two_claims_at_once_end_with_one_connection(bench: Workbench) -> None:
    connections = [bench.open() for _ in range(5)]
    await bench.settle()
    assert [connection.is_open for connection in connections] == [False, False, False, False, True]


async def test_the_end_of_an_old_connection_removes_nothing(bench: Workbench) -> None:
    older = await bench.connect()
    newer = await bench.connect()
    older.vanish()
    await bench.settle()
    assert bench.csms._sessions.of_station(station_id(bench)) is not None
    assert (await bench.exchange(newer, "Heartbeat", {}))[0] == 3
    # Nor does it say in the database that the station is gone.
    assert await bench.rows("SELECT disconnected_at FROM station WHERE identity = 'A1'") == [(None,)]


async def test_a_claim_elsewhere_closes_the_session_here(bench: Workbench) -> None:
    connection = await bench.connect()
    bench.storage.on_claim(station_id(bench), 1, "this one, told late")
    assert connection.is_open
    bench.storage.on_claim(station_id(bench), 2, "another node")
    assert connection.closed_with is not None
    assert connection.closed_with[0] == 1008
    assert bench.csms._sessions.of_station(station_id(bench)) is None


async def test_a_claim_elsewhere_that_is_heard_of_before_our_own_settles_wins(bench: Workbench) -> None:
    connection = bench.open()
    bench.storage.on_claim(station_id(bench), 9, "another node")
    await bench.settle()
    assert connection.closed_with is not None
    assert bench.csms._sessions.of_station(station_id(bench)) is None


async def test_our_own_claim_told_by_the_database_closes_nothing(bench: Workbench) -> None:
    connection = await bench.connect()
    bench.storage.on_claim(station_id(bench), 2, bench.csms.node)
    assert connection.is_open


async def hop(bench: Workbench, times: int) -> list[Any]:
    return [await bench.connect("A1", f"192.0.2.{number % 2}:1") for number in range(times)]


async def test_two_devices_with_one_identity_are_an_alarm_and_then_wait(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3, fight_backoff_seconds=60)
    connections = await hop(bench, 4)
    await bench.settle()
    assert (await bench.event_kinds()).count("alarm.identity_contested") == 1
    refused = bench.open("A1", "192.0.2.0:1")
    assert refused.closed_with == (1013, "another device uses this identity")
    (attempt,) = bench.csms.attempts.entries()
    assert (attempt.identity, attempt.address, attempt.cause) == ("A1", "192.0.2.0:1", "identity fought over")
    assert connections[-1].is_open
    bench.clock.advance(61)
    admitted = await bench.connect("A1", "192.0.2.0:1")
    assert admitted.is_open


async def test_while_nobody_holds_the_identity_there_is_no_waiting(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3)
    connections = await hop(bench, 4)
    connections[-1].vanish()
    assert (await bench.connect("A1", "192.0.2.0:1")).is_open


async def test_one_device_that_reconnects_often_is_no_fight(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3)
    for port in range(20):
        await bench.connect("A1", f"192.0.2.1:{port}")
    assert "alarm.identity_contested" not in await bench.event_kinds()


async def test_devices_behind_one_address_that_never_get_to_boot_are_a_fight(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3)
    for port in range(31):
        await bench.connect("A1", f"192.0.2.1:{port}")
    await bench.settle()
    assert (await bench.event_kinds()).count("alarm.identity_contested") == 1
    assert bench.open("A1", "192.0.2.1:99").closed_with == (1013, "another device uses this identity")


async def test_slow_changes_of_address_are_no_fight(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3, fight_window_seconds=300)
    for number in range(8):
        await bench.connect("A1", f"192.0.2.{number % 2}:1")
        bench.clock.advance(200)
    assert "alarm.identity_contested" not in await bench.event_kinds()


async def test_serial_numbers_tell_two_devices_behind_one_address_apart(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3)
    for number in range(4):
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT | {"chargePointSerialNumber": f"SN{number % 2}"})
    await bench.settle()
    assert "alarm.identity_contested" in await bench.event_kinds()


async def test_two_devices_at_two_nodes_are_an_alarm_and_then_wait(start_bench: Any) -> None:
    bench = await start_bench(fight_evictions=3, fight_backoff_seconds=60)
    station = station_id(bench)

    async def evicted(epoch: int) -> None:
        connection = await bench.connect()
        bench.storage.on_claim(station, epoch, "another node")
        assert not connection.is_open
        # As the other node's claim in the same database would have it.
        bench.storage._epochs[station] = epoch

    for number in range(3):
        await evicted(2 * number + 2)
    await bench.settle()
    (alarm,) = [
        json.loads(bytes(row.body))
        for row in await bench.storage.events_after(0, 1000)
        if row.kind == "alarm.identity_contested"
    ]
    assert alarm == {"evictions": 3, "node": "another node"}
    assert bench.open().closed_with == (1013, "another device uses this identity")
    bench.clock.advance(61)
    assert (await bench.connect()).is_open
    # Whoever holds it here now is left alone as before.
    assert bench.open("A1", "192.0.2.9:1").closed_with is None


async def test_messages_are_counted_beyond_the_end_of_their_connection(bench: Workbench) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "Heartbeat", {})
    connection.vanish()
    other = await bench.connect("A2")
    await bench.exchange(other, "Nonsense", {})
    numbers = bench.csms.statistics()
    assert numbers["messages"] == 2
    assert numbers["refused_NotImplemented"] == 1
    assert numbers["connections"] == 1


async def test_when_stations_were_heard_is_known(bench: Workbench) -> None:
    connection = await bench.connect()
    assert bench.csms._sessions.seen() == {}
    await bench.exchange(connection, "Heartbeat", {})
    assert list(bench.csms._sessions.seen()) == [station_id(bench)]


async def test_who_goes_is_known_until_that_is_written_down(bench: Workbench) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "Heartbeat", {})
    heard = bench.csms._sessions.seen()
    connection.vanish()
    other = await bench.connect("A2")
    await bench.exchange(other, "Heartbeat", {})
    sessions = bench.csms._sessions
    assert heard.items() <= sessions.seen().items()
    sessions.seen_kept({station_id(bench): 0})
    assert heard.items() <= sessions.seen().items(), "another moment was written"
    sessions.seen_kept(sessions.seen())
    assert station_id(bench) not in sessions.seen()
