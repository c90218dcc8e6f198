"""The file of one station or of many: atomic, gathered where it is shared, and whole when the disk is full."""

import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from tests.station.full_disk import FullDisk

import chargewright.station.database
from chargewright.station.database import RETRY_SECONDS, StationDatabase, StationStoreError
from chargewright.station.store import StationStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Later:
    """A `call_later` that calls when told to."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.seconds: list[float] = []

    def __call__(self, seconds: float, callback: Callable[[], None]) -> "Later":
        self.seconds.append(seconds)
        self.calls.append(callback)
        return self

    def cancel(self) -> None:
        self.calls.clear()


def test_a_shared_file_keeps_stations_apart(tmp_path: Path) -> None:
    with StationDatabase(tmp_path / "fleet.sqlite3") as database:
        one, two = (StationStore(database, Random(number), f"CW {number}") for number in (1, 2))
        one.set_configuration("HeartbeatInterval", "17")
        one.enqueue(None, "MeterValues", b"{}")
        one.records("list").put("TAG", b"1")
        one.set_register(1, 5.0, NOW)
        assert two.configuration() == {} and two.queue() == [] and two.records("list").count() == 0
        assert two.register(1) == (0.0, None)
        assert StationStore(database, Random(9), "CW 1").configuration() == {"HeartbeatInterval": "17"}
        assert one.meta("instance", "") != two.meta("instance", "")


def test_what_is_gathered_is_told_of_after_the_commit(tmp_path: Path) -> None:
    later = Later()
    path = tmp_path / "fleet.sqlite3"
    with StationDatabase(path, call_later=later) as database:
        store = StationStore(database, Random(1), "CW 1")
        told: list[str] = []
        database.commit()
        database.when_durable(lambda: told.append("nothing to wait for"))
        assert told == ["nothing to wait for"]
        commits = database.commits
        store.set_configuration("HeartbeatInterval", "17")
        with pytest.raises(ZeroDivisionError), store.atomically():
            store.set_configuration("HeartbeatInterval", str(1 // 0))
        database.when_durable(lambda: told.append("first"))
        store.set_configuration("ConnectionTimeOut", "5")
        database.when_durable(lambda: told.append("second"))
        assert told == ["nothing to wait for"] and database.commits == commits
        later.calls[-1]()
        assert told[1:] == ["first", "second"] and database.commits == commits + 1
        assert store.configuration() == {"HeartbeatInterval": "17", "ConnectionTimeOut": "5"}


def test_alone_nothing_has_to_be_waited_for() -> None:
    with StationDatabase(":memory:") as database:
        told: list[str] = []
        database.when_durable(lambda: told.append("now"))
        with database.atomically():
            database.write("INSERT INTO station (identity) VALUES ('x')")
            with database.atomically():
                database.write("INSERT INTO station (identity) VALUES ('y')")
        assert told == ["now"] and not database.is_shared and database.bytes_written == 0
        assert len(database.read("SELECT * FROM station")) == 2


def test_records_are_sorted_and_forgotten() -> None:
    with StationStore(":memory:", Random(1)) as store:
        records = store.records("profile")
        records.put_many((name, name.encode()) for name in ("b", "a", "c"))
        records.put("a", b"new")
        assert list(records.items()) == [("a", b"new"), ("b", b"b"), ("c", b"c")]
        assert records.get("b") == b"b" and records.get("x") is None and records.count() == 3
        records.remove("b")
        records.remove("x")
        assert records.count() == 2
        assert store.records("other").count() == 0
        records.clear()
        assert list(records.items()) == []


def test_only_the_owner_may_read_what_a_station_keeps(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"
    path.touch(0o666)
    with StationDatabase(path) as database:
        database.write("INSERT INTO station (identity) VALUES (?)", ("S",))
        modes = {item.name: item.stat().st_mode & 0o777 for item in tmp_path.iterdir() if "sqlite3" in item.name}
    assert modes["station.sqlite3"] == 0o600
    assert all(mode == 0o600 for name, mode in modes.items() if name.endswith(("-wal", "-shm"))), modes


def test_a_failed_commit_of_a_shared_file_is_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    later = Later()
    path = tmp_path / "fleet.sqlite3"
    with FullDisk(path, call_later=later) as database:
        store = StationStore(database, Random(1), "CW 1")
        database.commit()
        told: list[str] = []
        database.is_full = True
        first = store.enqueue(None, "MeterValues", b"1")
        database.when_durable(lambda: told.append("first"))
        later.calls.pop()()
        assert told == [] and store.queue_head() is not None and later.seconds[-1] == RETRY_SECONDS
        with pytest.raises(ZeroDivisionError), store.atomically():
            store.enqueue(None, "MeterValues", str(1 // 0).encode())
        second = store.enqueue(None, "MeterValues", b"2")
        store.records("list").put_many((name, b"") for name in "ab")
        database.when_durable(lambda: told.append("second"))
        later.calls.pop()()
        assert told == [] and [item.sequence for item in store.queue()] == [first, second]
        database.is_full = False
        later.calls.pop()()
        assert told == ["first", "second"] and later.calls == []
        store.enqueue(None, "MeterValues", b"3")
        assert len(later.calls) == 1
    with StationStore(path, Random(1), "CW 1") as store:
        assert [(item.sequence, item.payload) for item in store.queue()] == [
            (first, b"1"),
            (second, b"2"),
            (second + 1, b"3"),
        ]
        assert store.records("list").count() == 2


def test_a_change_that_takes_all_back_is_refused_alone(tmp_path: Path) -> None:
    with FullDisk(tmp_path / "fleet.sqlite3", call_later=Later()) as database:
        store = StationStore(database, Random(1), "CW 1")
        store.set_meta("a", "kept")
        database.is_full = database.takes_all_back = True
        with pytest.raises(StationStoreError, match="disk is full"):
            store.set_meta("b", "refused")
        database.takes_all_back = False
        assert store.meta("a", "") == "kept"
        with pytest.raises(StationStoreError, match="belongs to this one"), store.atomically():
            store.set_meta("c", "half")
            database.takes_all_back = True
            with suppress(StationStoreError):
                store.set_meta("d", "half")
            database.is_full = database.takes_all_back = False
            store.set_meta("e", "half")
        assert [store.meta(name, "") for name in "abcde"] == ["kept", "", "", "", ""]


@pytest.mark.parametrize("path", ["fleet.sqlite3", ":memory:"])
def test_whoever_waits_is_told_when_others_can_see_the_change(path: str, tmp_path: Path) -> None:
    """As after a power cut in that moment: what the files hold then, read as by the next process."""
    later = Later()
    place = path if path == ":memory:" else tmp_path / path
    with StationDatabase(place, call_later=later, gathers_in_memory=True) as database:
        seen: list[object] = []

        def look() -> None:
            if place == ":memory:":
                seen.append(database._db.in_transaction)
                return
            copy = tmp_path / f"copy {len(seen)}"
            for suffix in ("", "-wal"):
                shutil.copy(f"{place}{suffix}", f"{copy}{suffix}")
            with closing(sqlite3.connect(copy)) as other:
                seen.append(other.execute("SELECT identity FROM station").fetchall())

        database.write("INSERT INTO station (identity) VALUES ('x')")
        database.when_durable(look)
        database.when_kept(look)
        assert seen == []
        later.calls.pop()()
        assert seen == ([False, False] if place == ":memory:" else [[("x",)], [("x",)]])


@pytest.mark.parametrize("is_shared", [False, True])
def test_only_what_stays_is_counted(is_shared: bool, tmp_path: Path) -> None:
    later = Later()
    counted: list[str] = []
    with FullDisk(tmp_path / "file.sqlite3", call_later=later if is_shared else None) as database:

        def change(name: str) -> None:
            database.write("INSERT INTO station (identity) VALUES (?)", (name,))
            database.when_kept(lambda: counted.append(name))

        change("alone")
        with database.atomically():
            change("together")
            assert "together" not in counted
        with suppress(ZeroDivisionError), database.atomically():
            change("taken back")
            raise ZeroDivisionError
        database.commit()
        assert counted == ["alone", "together"]
        database.is_full = True
        with suppress(StationStoreError), database.atomically():
            change("refused")
        if is_shared:
            told: list[str] = []
            database.when_durable(lambda: told.append("refused"))
            later.calls.pop()()
            # The next process finds what the disk has taken, and so does whoever gives up.
            database.give_up()
            assert told == []
        database.is_full = False
        change("at last")
        database.commit()
        assert counted == ["alone", "together", "at last"]
        assert [name for (name,) in database.read("SELECT identity FROM station")] == counted


def test_stations_get_the_keys_again_that_they_were_given_before_the_disk_was_full(tmp_path: Path) -> None:
    later = Later()
    path = tmp_path / "fleet.sqlite3"
    with FullDisk(path, call_later=later) as database:
        stations = {name: StationStore(database, Random(1), name) for name in ("A", "B")}
        database.commit()
        database.is_full = True
        keys = {}
        for name, tag in (("A", "ALICE"), ("B", "BOB")):
            with suppress(ZeroDivisionError), stations[name].atomically():
                stations[name].add_transaction(1, "NOBODY", None, "started", NOW, 0)
                raise ZeroDivisionError
            keys[name] = stations[name].add_transaction(1, tag, None, "started", NOW, 0).key
            with suppress(StationStoreError):
                database.commit()
        database.is_full = False
    with StationDatabase(path) as database:
        for name, tag in (("A", "ALICE"), ("B", "BOB")):
            (transaction,) = StationStore(database, Random(1), name).transactions()
            assert (transaction.key, transaction.id_tag) == (keys[name], tag)
    assert keys["A"] != keys["B"]


def test_one_who_waits_for_a_commit_and_fails_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    later = Later()
    with StationDatabase(tmp_path / "fleet.sqlite3", call_later=later) as database:
        told: list[str] = []
        database.write("INSERT INTO station (identity) VALUES ('x')")
        database.when_durable(lambda: told.append(str(1 // 0)))
        database.when_durable(lambda: told.append("second"))
        later.calls.pop()()
        assert told == ["second"]


def test_too_much_that_waits_for_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chargewright.station.database, "MOST_CHANGES", 3)
    later = Later()
    with FullDisk(tmp_path / "fleet.sqlite3", call_later=later) as database:
        store = StationStore(database, Random(1), "CW 1")
        database.is_full = True
        for number in range(3):
            store.set_meta(str(number), "")
        later.calls.pop()()
        with pytest.raises(StationStoreError, match="changes wait for it"):
            store.set_meta("more", "")
        database.is_full = False
        later.calls.pop()()
        store.set_meta("more", "x")
        assert store.meta("more", "") == "x"


def test_what_a_file_of_ones_own_refuses_has_not_happened() -> None:
    with FullDisk(":memory:") as database:
        store = StationStore(database, Random(1))
        database.is_full = True
        with pytest.raises(StationStoreError, match="disk is full"):
            store.set_meta("a", "refused")
        with pytest.raises(StationStoreError), store.atomically():
            store.set_meta("b", "refused")
        database.is_full = False
        with pytest.raises(StationStoreError), store.atomically():
            store.set_meta("c", "refused")
            database.is_full = True
        database.is_full = False
        store.set_meta("d", "kept")
        assert [store.meta(name, "") for name in "abcd"] == ["", "", "", "kept"]
        assert not database._db.in_transaction


@pytest.mark.parametrize("is_shared", [False, True])
def test_whoever_changed_what_is_taken_back_learns_it(is_shared: bool, tmp_path: Path) -> None:
    with FullDisk(tmp_path / "file.sqlite3", call_later=Later() if is_shared else None) as database:
        undone: list[str] = []

        def change(name: str, fails: bool = False) -> None:
            with database.atomically():
                with database.atomically():
                    database.write("INSERT INTO station (identity) VALUES (?)", (name,))
                    database.if_taken_back(lambda: undone.append(name))
                    database.if_taken_back(lambda: undone.append(f"{name}, later"))
                if fails:
                    raise ZeroDivisionError

        change("kept")
        with pytest.raises(ZeroDivisionError):
            change("dropped", fails=True)
        assert undone == ["dropped, later", "dropped"]
        if not is_shared:
            with pytest.raises(StationStoreError), database.atomically():
                change("refused")
                database.is_full = True
            assert undone[2:] == ["refused, later", "refused"]
            database.is_full = False
        database.if_taken_back(lambda: undone.append("nothing is open"))
        change("kept as well")
        assert [name for (name,) in database.read("SELECT identity FROM station")] == ["kept", "kept as well"]
        assert len(undone) == (2 if is_shared else 4)


def test_a_file_that_cannot_be_written_is_released_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite3"
    database = FullDisk(path, call_later=Later())
    database.write("INSERT INTO station (identity) VALUES ('x')")
    database.is_full = True
    with pytest.raises(StationStoreError):
        database.close()
    database.close()
    with StationDatabase(path) as again:
        assert again.read("SELECT * FROM station") == []


def test_a_disk_that_really_is_full(tmp_path: Path) -> None:
    later = Later()
    path = tmp_path / "fleet.sqlite3"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with StationDatabase(path, call_later=later) as database:
        store = StationStore(database, Random(1), "CW 1")
        database.commit()
        # Python ignores the signal that comes with it, so that writing on fails.
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size + 4096, hard))
        try:
            sequences = [store.enqueue(None, "MeterValues", b"x" * 3000) for _ in range(20)]
            with pytest.raises(StationStoreError, match="does the disk have room"):
                database.commit()
            assert [item.sequence for item in store.queue()] == sequences
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        later.calls.pop()()
    with StationStore(path, Random(1), "CW 1") as store:
        assert [item.sequence for item in store.queue()] == sequences


def test_a_page_that_cannot_be_read_is_named_as_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"
    with StationDatabase(path) as database:
        database.write_many("INSERT INTO station (identity) VALUES (?)", ((f"{number:0200}",) for number in range(999)))
    with path.open("r+b") as file:
        file.seek(100 * 1024)
        file.write(b"\xff" * 50 * 1024)
    with StationDatabase(path) as database, pytest.raises(StationStoreError, match="is it sound"):
        database.read("SELECT identity FROM station")
