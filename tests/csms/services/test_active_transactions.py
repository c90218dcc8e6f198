"""ConcurrentTx by overlap in time: against a count over the whole history, and on both databases."""

from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.csms.services.call import NOW, make_call

from chargewright.clock import ManualClock
from chargewright.csms.directory import Directory
from chargewright.csms.instants import microseconds
from chargewright.csms.services import active_transactions
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.storage.base import IdTagRow, StartRecord, StationRow, StopRecord

AT = microseconds(NOW)
HOUR = 3600 * 1_000_000


def tag(limit: int | None, name: str = "TAG") -> IdTagRow:
    return IdTagRow(id=1, id_tag=name, max_active_transactions=limit)


def service(*tags: IdTagRow, default_limit: int = 0) -> ActiveTransactionsService:
    return ActiveTransactionsService(
        Directory([], tags), cast("Any", None), ManualClock(NOW), default_limit=default_limit
    )


class Session(NamedTuple):
    """A transaction as it was: `connector` tells it from others that begin at the same instant."""

    station: int
    connector: int
    start: int
    stop: int


def start_of(one: Session) -> StartRecord:
    return StartRecord(
        connector_id=one.connector,
        id_tag="tAG",
        instant=one.start,
        station_time="",
        meter_start=0,
        id_tag_status="Accepted",
    )


class Desk:
    """Delivers starts and stops to the service as sessions do, and commits them one after the other."""

    def __init__(self, active: ActiveTransactionsService, limit: int) -> None:
        self.active = active
        self.limit = limit
        self.ids: dict[Session, int] = {}
        self.stopped: set[Session] = set()

    def begin(self, one: Session, *, commits: bool = True) -> bool:
        """Whether it is concurrent, as its station is told."""
        call = make_call("StartTransaction", station=StationRow(id=one.station, identity=f"A{one.station}"))
        record = start_of(one)
        what = (one.connector, record.id_tag, one.start, 0)
        reached = self.active.is_reached(one.station, what, self.limit, call.received_at)
        self.active.begins(call, record)
        if commits:
            record.repeated = one in self.ids
            record.transaction_id = self.ids.setdefault(one, len(self.ids) + 1)
            for act in call.afterwards or ():
                act()
        return reached

    def end(self, one: Session) -> None:
        call = make_call("StopTransaction", station=StationRow(id=one.station, identity=f"A{one.station}"))
        record = StopRecord(transaction_id=self.ids[one], instant=one.stop, station_time="", meter_stop=1)
        self.active.ends(call, record)
        record.matched = one not in self.stopped
        self.stopped.add(one)
        for act in call.afterwards or ():
            act()


sessions = st.lists(
    st.builds(
        lambda number, start, length: (number % 3 + 1, number, start, start + length),
        st.integers(1, 12),
        st.integers(AT - 50, AT),
        st.integers(0, 20),
    ).map(lambda fields: Session(*fields)),
    unique_by=lambda one: one[:3],
    max_size=12,
)


@given(sessions, st.integers(1, 3), st.randoms(use_true_random=False), st.data())
def test_a_start_is_judged_by_what_overlaps_it_in_whatever_order_things_arrive(
    history: list[Session], limit: int, dice: Any, data: Any
) -> None:
    desk = Desk(service(tag(limit)), limit)
    arrivals = [(one, what) for one in history for what in ("start", "stop")]
    dice.shuffle(arrivals)
    # A stop is matched by the id that its start was given, so it comes after it; everything else in any order.
    arrivals.sort(key=lambda arrival: arrival[1] == "stop" and data.draw(st.booleans()))
    for one, what in arrivals:
        if what == "stop":
            if one in desk.ids:
                desk.end(one)
            continue
        expected = sum(
            other != one and other.start <= one.start and (other not in desk.stopped or one.start < other.stop)
            for other in desk.ids
        )
        assert desk.begin(one) == (expected >= limit)
        assert desk.begin(one) == (expected >= limit), "sent again"


def test_a_tag_without_limit_costs_no_memory() -> None:
    desk = Desk(service(tag(None)), 1)
    assert not desk.begin(Session(1, 1, AT, AT))
    assert not desk.begin(Session(1, 2, AT, AT))
    assert len(desk.active) == 0


@pytest.mark.parametrize(
    ("row", "default", "expected"),
    [(None, 0, 0), (None, 2, 2), (tag(None), 2, 2), (tag(0), 2, 0), (tag(3), 2, 3)],
)
def test_the_limit_is_the_tags_own_or_the_setting(row: IdTagRow | None, default: int, expected: int) -> None:
    assert service(*([row] if row else []), default_limit=default).limit("tag") == expected


def test_a_tag_that_could_not_be_read_has_no_limit() -> None:
    assert service(default_limit=1).limit("") == 0


def test_a_start_counts_before_it_is_durable_and_not_for_ever() -> None:
    desk = Desk(service(tag(1)), 1)
    first, second = Session(1, 1, AT, AT), Session(2, 2, AT, AT)
    assert not desk.begin(first, commits=False)
    assert desk.begin(second, commits=False)
    later = AT + active_transactions.UNSETTLED
    assert not desk.active.is_reached(3, (1, "TAG", AT, 0), 1, later)


def test_a_closed_transaction_does_not_count() -> None:
    desk = Desk(service(tag(1)), 1)
    zombie = Session(1, 1, AT, AT)
    desk.begin(zombie)
    assert desk.begin(Session(2, 2, AT + 5, AT))
    desk.active.closed(desk.ids[zombie])
    desk.active.closed(77)
    desk.active.closed(desk.ids[Session(2, 2, AT + 5, AT)])
    assert not desk.begin(Session(3, 3, AT + 6, AT))


def test_a_stop_of_another_station_ends_nothing() -> None:
    desk = Desk(service(tag(1)), 1)
    one = Session(1, 1, AT, AT + 1)
    desk.begin(one)
    desk.ids[one._replace(station=2)] = desk.ids[one]
    desk.end(one._replace(station=2))
    assert desk.begin(Session(1, 2, AT + 5, AT + 6))


def test_the_same_content_after_the_stop_is_another_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(service(tag(1)), 1)
    one = Session(1, 1, AT, AT + 5)
    desk.begin(one)
    desk.end(one)
    del desk.ids[one]
    desk.ids[one._replace(connector=9)] = 1
    desk.begin(one)
    assert len(desk.active) == 2
    assert desk.begin(Session(1, 3, AT + 10, AT + 11)), "the second one is open"


def test_memory_is_bounded_per_tag_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_transactions, "TRANSACTIONS_PER_TAG", 20)
    monkeypatch.setattr(active_transactions, "TRANSACTIONS", 50)
    active = service(default_limit=1)
    desk = Desk(active, 1)
    for number in range(200):
        desk.begin(Session(1, number, AT + number, AT + 500))
        assert len(active) <= 21
    assert desk.begin(Session(1, 300, AT + 300, AT + 301)), "the newest are kept"
    for number in range(200):
        call = make_call("StartTransaction")
        record = start_of(Session(1, number, AT + number, AT + 500))
        record.id_tag = f"tag {number}"
        active.begins(call, record)
        record.transaction_id = 1000 + number
        for act in call.afterwards or ():
            act()
        assert len(active) <= 52
    assert len(active._by_tag) <= 52


def test_what_was_stopped_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_transactions, "TRANSACTIONS_PER_TAG", 5)
    desk = Desk(service(tag(1)), 1)
    for number in range(5):
        old = Session(1, number, AT - active_transactions.WINDOW - 100, AT - active_transactions.WINDOW - 50)
        desk.begin(old)
        desk.end(old)
    desk.begin(Session(1, 99, AT, AT))
    assert len(desk.active) == 1


# With stations and databases.


@pytest.fixture
async def bench(start_bench: Any) -> Any:
    return await start_bench({"id_tag": [{"id_tag": "ONE", "max_active_transactions": 1}, {"id_tag": "MANY"}]})


def start(id_tag: str, at: str, connector: int = 1) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": id_tag, "meterStart": 0, "timestamp": f"2026-03-01T{at}:00Z"}


async def status(bench: Any, connection: Any, payload: Any) -> str:
    answer = (await bench.exchange(connection, "StartTransaction", payload))[2]
    assert answer["transactionId"] > 0
    return str(answer["idTagInfo"]["status"])


async def test_a_station_is_told_of_the_overlap_and_authorize_never_is(bench: Any) -> None:
    first, second = await bench.connect("A1"), await bench.connect("A2")
    assert await status(bench, first, start("ONE", "11:00")) == "Accepted"
    assert await status(bench, second, start("one", "11:30")) == "ConcurrentTx"
    assert await status(bench, second, start("ONE", "11:30")) == "ConcurrentTx", "sent again"
    assert await status(bench, first, start("ONE", "11:00")) == "Accepted", "sent again"
    authorize = await bench.exchange(second, "Authorize", {"idTag": "ONE"})
    assert authorize[2]["idTagInfo"]["status"] == "Accepted"
    assert await status(bench, second, start("ONE", "10:00", 2)) == "Accepted", "told late, and alone at its time"
    for id_tag in ("MANY", "MANY"):
        assert await status(bench, second, start(id_tag, "11:00", 3)) == "Accepted"
    rows = await bench.rows("SELECT id_tag_status FROM charging_transaction WHERE id_tag_key = 'one' ORDER BY id")
    assert rows == [("Accepted",), ("ConcurrentTx",), ("Accepted",)]


async def test_two_stations_that_start_in_one_moment_are_not_both_accepted(bench: Any) -> None:
    connections = [await bench.connect("A1"), await bench.connect("A2")]
    calls = [connection.call("StartTransaction", start("ONE", "11:00")) for connection in connections]
    await bench.settle()
    told = [one.answer_to(call)[2]["idTagInfo"]["status"] for one, call in zip(connections, calls, strict=True)]
    assert sorted(told) == ["Accepted", "ConcurrentTx"]


async def test_a_restarted_server_judges_by_what_is_stored(bench: Any) -> None:
    connection = await bench.connect("A1")
    for hour in (8, 9):
        await status(bench, connection, start("ONE", f"{hour:02}:00"))
        number = hour - 7
        stop = {"transactionId": number, "meterStop": 1, "timestamp": f"2026-03-01T{hour:02}:30:00Z"}
        await bench.exchange(connection, "StopTransaction", stop)
    await status(bench, connection, start("ONE", "11:00"))
    directory = Directory([], [tag(1, "ONE"), tag(None, "MANY")])
    for default_limit, tags in ((0, directory), (1, Directory())):
        again = ActiveTransactionsService(tags, bench.storage, bench.clock, default_limit=default_limit)
        await again.load()
        assert len(again) == 3

        def reached(minute: str, again: Any = again) -> bool:
            instant = microseconds(datetime.fromisoformat(f"2026-03-01T{minute}:00Z").astimezone(UTC))
            return bool(again.is_reached(9, (1, "ONE", instant, 0), 1, instant))

        told = [reached(minute) for minute in ("07:59", "08:00", "08:30", "09:29", "09:30", "10:59", "11:00", "11:59")]
        assert told == [False, True, False, True, False, False, True, True]


async def test_a_tag_that_gets_a_limit_brings_what_it_has_running(bench: Any) -> None:
    connection = await bench.connect("A1")
    await status(bench, connection, start("MANY", "11:00"))
    active = bench.csms._services.active_transactions
    assert len(active) == 0
    bench.csms._directory.put_id_tag(tag(1, "MANY"))
    await active.watch("many")
    assert await status(bench, connection, start("MANY", "11:10", 2)) == "ConcurrentTx"
