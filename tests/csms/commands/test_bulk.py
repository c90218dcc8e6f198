"""One command for many stations: who is selected, what is written, what becomes of each. More in promise 8."""

import json
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, next_call, station

from chargewright.csms.commands import bulk
from chargewright.csms.commands.bulk import Selection
from chargewright.csms.commands.desk import CommandDesk
from chargewright.csms.commands.validation import check
from chargewright.csms.errors import InvalidValue, NotFound
from chargewright.csms.storage.base import StorageUnavailable

CLEAR = check("ClearCache", {})
BOOT = {"chargePointVendor": "Maker", "chargePointModel": "M1", "firmwareVersion": "1.0"}


def desk(bench: Workbench) -> CommandDesk:
    assert bench.csms._services is not None
    return commanding(bench).desk(bench.csms._services)


async def fleet(bench: Workbench) -> None:
    """A1 and A2 are of one maker, with different firmware; A1 and A3 are in the group Yard."""
    assert bench.csms._services is not None
    for identity, version in (("A1", "1.0"), ("A2", "2.0")):
        connection = await bench.connect(identity)
        await bench.exchange(connection, "BootNotification", BOOT | {"firmwareVersion": version})
    groups = bench.csms._services.groups
    await groups.create("Yard")
    for identity in ("A1", "A3"):
        await groups.add("Yard", station(bench, identity).id)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(all=True), ["A1", "A2", "A3"]),
        (Selection(identities=("A3", "A1")), ["A1", "A3"]),
        (Selection(groups=("Yard",)), ["A1", "A3"]),
        (Selection(groups=("Yard",), identities=("A2",)), ["A1", "A2", "A3"]),
        (Selection(vendor="Maker"), ["A1", "A2"]),
        (Selection(groups=("Yard",), vendor="Maker"), ["A1"]),
        (Selection(all=True, model="M1", firmware_version="2.0"), ["A2"]),
    ],
)
async def test_who_is_selected(selection: Selection, expected: list[str], bench: Workbench) -> None:
    await fleet(bench)
    assert [row.identity for row in await desk(bench).select(selection)] == expected


@pytest.mark.parametrize(
    ("selection", "error"),
    [
        (Selection(), InvalidValue),
        (Selection(vendor="Nobody"), InvalidValue),
        (Selection(identities=("A9",)), NotFound),
        (Selection(groups=("Nowhere",)), NotFound),
    ],
)
async def test_a_selection_of_nobody_is_an_error(
    selection: Selection, error: type[Exception], bench: Workbench
) -> None:
    with pytest.raises(error):
        await desk(bench).select(selection)


async def test_there_is_an_end_to_a_selection(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "STATIONS_LIMIT", 2)
    with pytest.raises(InvalidValue, match="at most 2 stations"):
        await desk(bench).select(Selection(all=True))


async def test_one_unit_holds_all_of_it(bench: Workbench) -> None:
    connection = await bench.connect()
    selection = Selection(all=True)
    stations = await desk(bench).select(selection)
    row = await desk(bench).bulk(stations, selection, CLEAR)
    assert (row.action, row.stations) == ("ClearCache", 3)
    assert json.loads(row.selection)["all"] is True
    progress = await desk(bench).bulk_progress(row.bulk_id)
    assert progress.states["not-sent"] == 2
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    kinds = await bench.event_kinds()
    assert kinds.count("bulk.created") == 1 and kinds.count("command.finished") >= 2


async def test_an_unknown_bulk_command_is_not_found(bench: Workbench) -> None:
    for act in (desk(bench).bulk_progress, desk(bench).cancel_bulk):
        with pytest.raises(NotFound, match="bulk command 'nothing'"):
            await act("nothing")


async def test_warnings_name_their_station(bench: Workbench) -> None:
    stations = await desk(bench).select(Selection(all=True))
    request: Any = check("RemoteStopTransaction", {"transactionId": 5})
    found = await desk(bench).bulk_warnings(stations, request)
    assert [text.partition(":")[0] for text in found] == ["A1", "A2", "A3"]


async def test_a_signed_link_that_is_not_sent_is_not_stored(bench: Workbench) -> None:
    request: Any = check("GetDiagnostics", {"location": "https://bucket/x?sig=s3cret"})
    selection = Selection(all=True)
    row = await desk(bench).bulk(await desk(bench).select(selection), selection, request)
    assert (await desk(bench).bulk_progress(row.bulk_id)).states == {"not-sent": 3}
    for table in ("command", "bulk_command", "event"):
        assert "s3cret" not in str(await bench.rows(f"SELECT * FROM {table}"))


async def test_cancelling_is_one_unit_for_many(bench: Workbench) -> None:
    until = bench.clock.now_microseconds() + 3600 * 1_000_000
    stations = await desk(bench).select(Selection(all=True))
    sent = await desk(bench).bulk(stations, Selection(all=True), CLEAR, keep_until=until)
    written = await bench.rows("SELECT station_id FROM command ORDER BY id")
    assert [row[0] for row in written] == [station.id for station in stations]
    (first,) = await bench.rows("SELECT command_id FROM command ORDER BY id LIMIT 1")
    await desk(bench).cancel(first[0])
    await bench.settle()
    before = bench.storage.journal.statistics()["units"]
    assert await desk(bench).cancel_bulk(sent.bulk_id) == len(stations) - 1
    assert bench.storage.journal.statistics()["units"] == before + 1
    assert await desk(bench).cancel_bulk(sent.bulk_id) == 0
    assert (await desk(bench).bulk_progress(sent.bulk_id)).states == {"cancelled": len(stations)}
    assert (await bench.event_kinds()).count("command.finished") == len(stations)
    assert commanding(bench).kept._unfinished == {}


async def test_a_large_one_is_written_a_part_at_a_time(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    stations = await desk(bench).select(Selection(all=True))
    until = bench.clock.now_microseconds() + 3600 * 1_000_000
    payload = {
        "listVersion": 1,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": f"TAG{n}"} for n in range(99)],
    }
    request = check("SendLocalList", payload)
    size = len(commanding(bench).kept.row(stations[0], request, keep_until=until).payload)
    monkeypatch.setattr(bulk, "UNIT_BYTES", 2 * size)
    await bench.settle()
    before = bench.storage.journal.statistics()["units"]
    sent = await desk(bench).bulk(stations, Selection(all=True), request, keep_until=until)
    assert bench.storage.journal.statistics()["units"] == before + 2
    assert (await desk(bench).bulk_progress(sent.bulk_id)).states == {"waiting": 3}
    monkeypatch.setattr(bulk, "BULK_BYTES", 2 * size + 1)
    with pytest.raises(InvalidValue, match="at most 2 stations"):
        await desk(bench).bulk(stations, Selection(all=True), request, keep_until=until)


async def test_one_that_is_interrupted_says_how_far_it_came(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "UNIT_BYTES", 1)
    stations = await desk(bench).select(Selection(all=True))
    until = bench.clock.now_microseconds() + 3600 * 1_000_000
    ledger: Any = commanding(bench).bulk._ledger
    write = ledger.write
    parts = iter([True, True, False])

    async def write_two(*arguments: Any, **options: Any) -> None:
        if not next(parts):
            raise StorageUnavailable("the database is away")
        await write(*arguments, **options)

    ledger.write = write_two
    with pytest.raises(StorageUnavailable, match="was written for 2 of 3 stations: the database is away") as told:
        await desk(bench).bulk(stations, Selection(all=True), CLEAR, keep_until=until)
    del ledger.write
    ((bulk_id, number),) = await bench.rows("SELECT bulk_id, stations FROM bulk_command")
    assert bulk_id in str(told.value) and number == 3
    assert (await desk(bench).bulk_progress(bulk_id)).states == {"waiting": 2}
    assert await desk(bench).cancel_bulk(bulk_id) == 2
