"""What one node changes, another one on the same database goes by, without a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.csms.gate import Gate
from tests.csms.wire import PASSWORD, WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import StartNode

from chargewright.csms.errors import Conflict
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.groups import group_scope, scope_of
from chargewright.csms.services.neighbours import NeighboursService, matters_of
from chargewright.csms.services.registry import Services
from chargewright.csms.services.wanted_lists import WantedEntry
from chargewright.csms.storage.base import EventRow, IdTagRow, StationRow
from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChangeConfigurationRequest

NEW = "00112233445566778899aabbccddeeff"


@pytest.fixture
async def nodes(postgresql_database: TestDatabase, start_node: StartNode, tmp_path: Path) -> list[Any]:
    """Two nodes of one database."""
    several = {"db": postgresql_database.url, "credential_key": "ab" * 32, "settle_seconds": 0}
    return [await start_node(node=name, data=tmp_path / name, **several) for name in ("node0", "node1")]


def services(csms: Any) -> Services:
    found = csms._services
    assert isinstance(found, Services)
    return found


def url(csms: Any) -> str:
    return f"ws://{csms.addresses.ocpp[0]}"


def row(csms: Any, identity: str = "A1") -> StationRow:
    found = csms._directory.station(identity)
    assert isinstance(found, StationRow)
    return found


async def change_password(csms: Any, station: WireStation, answer: dict[str, str] | None) -> Outcome | None:
    """Send an AuthorizationKey; the station answers, or goes without an answer."""
    request = ChangeConfigurationRequest(key="AuthorizationKey", value=NEW)
    sending = asyncio.create_task(csms._commanding.commander.send(row(csms).id, request))
    while True:
        call = await asyncio.wait_for(station.receive(), 20)
        if call[0] == 2 and call[2] == "ChangeConfiguration":
            break
    if answer is None:
        await station.socket.close()
    else:
        await station.send(json.dumps([3, call[1], answer]))
    outcome: Outcome = await sending
    return outcome


async def test_a_station_s_registration_change_and_end_are_known_everywhere(nodes: list[Any]) -> None:
    first, second = nodes
    admin = services(first).station_admin
    await admin.register(StationRow(id=0, identity="NEW-1"), PASSWORD)
    await eventually(lambda: second._directory.station("NEW-1") is not None)
    async with WireStation(url(second), "NEW-1") as station:
        assert (await station.boot())["status"] == "Accepted"
        await eventually(lambda: row(first, "NEW-1").booted)
        await admin.change("NEW-1", {"registration": "Pending", "automatic": False}, None)
        await eventually(lambda: row(second, "NEW-1").registration == "Pending")
        assert not row(second, "NEW-1").automatic
        assert (await station.boot())["status"] == "Pending"
        await admin.remove("NEW-1")
        assert await asyncio.wait_for(station.closed(), 20) == 1008
    assert second._directory.station("NEW-1") is None


@pytest.mark.parametrize("answer", [{"status": "Accepted"}, None], ids=["accepted", "unanswered"])
async def test_a_password_that_a_station_took_at_one_node_is_good_at_another(
    nodes: list[Any], answer: dict[str, str] | None
) -> None:
    first, second = nodes
    async with WireStation(url(first), "A1") as station:
        await station.boot()
        await change_password(first, station, answer)
    before = row(second).credential_hash if answer is None else None
    if answer is None:
        await eventually(lambda: services(second).credential_changes.of(row(second).id) is not None)
    else:
        await eventually(lambda: row(second).credential_hash == row(first).credential_hash)
    async with WireStation(url(second), "A1", NEW) as station:
        assert (await station.exchange("Heartbeat", {}))[0] == 3
        if answer is None:
            await eventually(lambda: row(second).credential_hash != before)
            await eventually(lambda: row(first).credential_hash == row(second).credential_hash)
            await eventually(lambda: services(first).credential_changes.of(row(first).id) is None)


async def test_id_tags_are_known_everywhere(nodes: list[Any]) -> None:
    first, second = nodes
    tags = services(first).id_tags
    stored = await tags.add(IdTagRow(id=0, id_tag="Fresh"))
    await eventually(lambda: second._directory.id_tag("fresh") is not None)
    await tags.change(stored.id, {"blocked": True})
    await eventually(lambda: second._directory.id_tag("FRESH").blocked)
    await tags.remove(stored.id)
    await eventually(lambda: second._directory.id_tag("fresh") is None)


async def test_a_wish_changed_at_one_node_is_not_set_back_by_another(nodes: list[Any]) -> None:
    first, second = nodes
    station_id = row(first).id
    scope = scope_of(station_id)
    await services(second).configuration_sync.want(scope, {"HeartbeatInterval": "5"})
    await eventually(lambda: services(first).configuration.wanted_of(scope) == {"HeartbeatInterval": "5"})
    await services(first).configuration_sync.want(scope, {"HeartbeatInterval": "600"})
    await eventually(lambda: services(second).configuration.wanted_of(scope) == {"HeartbeatInterval": "600"})
    async with WireStation(url(second), "A1") as station:
        await station.send('[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        while True:
            message = await asyncio.wait_for(station.receive(), 20)
            if message[0] != 2:
                continue
            if message[2] == "ChangeConfiguration":
                assert message[3] == {"key": "HeartbeatInterval", "value": "600"}
                break
            keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "5"}]
            await station.send(json.dumps([3, message[1], {"configurationKey": keys}]))
    await services(first).configuration_sync.want(scope, {})
    await eventually(lambda: services(second).configuration.wanted_of(scope) == {})


async def test_groups_and_their_lists_are_known_everywhere(nodes: list[Any]) -> None:
    first, second = nodes
    station_id = row(first).id
    groups = services(first).groups
    group = await groups.create("yard")
    await groups.add("yard", station_id)

    async def entries() -> AsyncIterator[list[WantedEntry]]:
        yield [WantedEntry(id_tag="TAG")]

    await services(first).local_lists.wanted.put(group_scope(group.id), "first", entries)
    await eventually(lambda: services(second).groups.members(group.id) == {station_id})
    await eventually(lambda: services(second).local_lists.list_of(station_id) is not None)
    wanted = services(second).local_lists.list_of(station_id)
    assert wanted is not None and (wanted.entries, wanted.complete) == (1, True)
    await services(first).local_lists.wanted.remove(group_scope(group.id))
    await eventually(lambda: services(second).local_lists.list_of(station_id) is None)
    await groups.discard("yard", station_id)
    await eventually(lambda: services(second).groups.members(group.id) == frozenset())
    await groups.add("yard", station_id)
    await groups.remove("yard")
    await eventually(lambda: services(second).groups.all() == [])
    assert services(second).groups.of(station_id) == []


def told(kind: str, body: str = "{}", station: str | None = "A1") -> EventRow:
    return EventRow(sequence=1, station=station, kind=kind, created_at=0, body=msgspec.Raw(body.encode()))


@pytest.mark.parametrize(
    ("event", "matters"),
    [
        (told("station.changed"), [("station", "A1")]),
        (told("station.booted"), [("boot", "A1")]),
        (told("station.connected"), []),
        (told("id_tag.removed", '{"idTag":"X"}', None), [("id tag", "X")]),
        (told("group.changed", '{"group":"yard"}', None), [("group", "yard")]),
        (told("group.changed", '{"group":"yard"}'), [("group", "yard"), ("membership", "A1")]),
        (told("command.sent", '{"payload":{"key":"authorizationKEY"}}'), [("station", "A1")]),
        (told("command.sent", '{"action":"ChangeConfiguration","payload":{"key":"HeartbeatInterval"}}'), []),
        (told("command.sent", '{"action":"SendLocalList","payloadBytes":5000}'), []),
        (told("command.finished", '{"action":"ChangeConfiguration"}'), [("credentials", "A1")]),
        (told("command.finished", '{"action":"Reset"}'), []),
    ],
)
def test_what_an_event_says_is_different(event: EventRow, matters: list[tuple[str, str]]) -> None:
    assert matters_of(event) == matters


async def test_what_is_being_written_here_is_read_afterwards_and_what_cannot_be_read_holds_up_nothing() -> None:
    seen: list[str] = []
    busy = {"one"}

    class Log:
        async def events_after(self, sequence: int, limit: int) -> list[EventRow]:
            names = [("one", 1), ("bad", 2), ("two", 3)]
            return [
                EventRow(sequence=number, station=None, kind="id_tag.changed", created_at=0, body=tag(name))
                for name, number in names
                if number > sequence
            ]

    async def recall(name: str) -> None:
        if name in busy:
            raise Conflict("it is being written")
        if name == "bad":
            raise LocalProtocolError("a bug")
        seen.append(name)

    service = NeighboursService(Log(), {"id tag": recall}, is_alone=False)  # type: ignore[arg-type]
    await service.catch_up()
    assert seen == ["two"]
    busy.clear()
    await service.catch_up()
    assert seen == ["two", "one"]
    assert NeighboursService(Log(), {}, is_alone=True).work() == {}  # type: ignore[arg-type]


def tag(name: str) -> Any:
    return msgspec.Raw(json.dumps({"idTag": name}).encode())


async def test_what_an_operator_writes_meanwhile_is_neither_refused_nor_set_back(nodes: list[Any]) -> None:
    first, _ = nodes
    admin = services(first).station_admin
    changes = services(first).credential_changes
    read = Gate(changes.recall)
    changes.recall = read  # type: ignore[method-assign]
    recalling = asyncio.create_task(admin.recall("A1"))
    await asyncio.wait_for(read.is_reached.wait(), 20)
    writing = asyncio.create_task(admin.change("A1", {"automatic": False}, None))
    await eventually(lambda: "A1" in admin._busy)
    read.is_open.set()
    with pytest.raises(Conflict):
        await recalling
    await writing
    assert not row(first).automatic
    await admin.recall("A1")
    assert not row(first).automatic
