"""What survives: durable, ordered, atomic, and for one process alone."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from chargewright.station.store import Availability, StationStore, StationStoreError

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.sqlite3"


def test_everything_is_there_again(path: Path) -> None:
    with StationStore(path, Random(1)) as store:
        assert store.next_boot() == 1
        instance = store.meta("instance", "")
        store.set_configuration("HeartbeatInterval", "17")
        store.set_availability(2, Availability(False, True))
        store.set_register(1, 1234.5, NOW)
        transaction = store.add_transaction(1, "TAG", "GROUP", "started", NOW, 1234)
        store.add_sample(transaction.key, b"{}")
        store.enqueue(transaction.key, "StartTransaction", b'{"a":1}')
        store.count_attempt(1, 2)
    with StationStore(path, Random(2)) as store:
        assert store.next_boot() == 2
        assert store.meta("instance", "") == instance
        assert store.configuration() == {"HeartbeatInterval": "17"}
        assert store.availability(2) == Availability(False, True)
        assert store.availability(1) == Availability()
        assert store.register(1) == (1234.5, NOW)
        assert store.register(2) == (0.0, None)
        assert store.transactions() == [transaction]
        assert [payload for _, payload in store.samples(transaction.key)] == [b"{}"]
        head = store.queue_head()
        assert head is not None and (head.action, head.payload, head.attempts) == ("StartTransaction", b'{"a":1}', 2)


def test_the_queue_is_in_order_and_skips_what_is_parked(path: Path) -> None:
    with StationStore(path, Random(1)) as store:
        for number in range(3):
            store.enqueue(None, "MeterValues", str(number).encode())
        store.park(1, "refused")
        assert store.queue_length() == 2
        head = store.queue_head()
        assert head is not None and head.payload == b"1"
        store.dequeue(head.sequence)
        assert [item.payload for item in store.queue()] == [b"0", b"2"]
        assert store.queue()[0].parked_because == "refused"
        # A sequence number is never given again, or an old message could overtake.
        store.dequeue(3)
        assert store.enqueue(None, "MeterValues", b"3") == 4


def test_a_commit_is_whole_or_not_at_all_and_nests(path: Path) -> None:
    with StationStore(path, Random(1)) as store:
        with pytest.raises(ZeroDivisionError), store.atomically():
            store.set_meta("a", "1")
            with store.atomically():
                store.set_meta("b", "1")
            raise ZeroDivisionError
        assert (store.meta("a", "0"), store.meta("b", "0")) == ("0", "0")
        with store.atomically(), store.atomically():
            store.set_meta("a", "2")
        assert store.meta("a", "0") == "2"


def test_it_is_durable_at_each_commit(path: Path) -> None:
    with StationStore(path, Random(1)) as store:
        assert store.database._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store.database._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_killed_process_leaves_what_it_committed(path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from random import Random
from chargewright.station.store import StationStore
store = StationStore(Path({str(path)!r}), Random(1))
store.enqueue(None, "MeterValues", b"kept")
with store.atomically():
    store.enqueue(None, "MeterValues", b"half done")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    with StationStore(path, Random(1)) as store:
        assert [item.payload for item in store.queue()] == [b"kept"]


def test_a_second_process_on_the_same_file_is_refused(path: Path) -> None:
    holder = f"{path}: another process .* \\(process {os.getpid()}\\); stop that one"
    with StationStore(path, Random(1)), pytest.raises(StationStoreError, match=holder):
        StationStore(path, Random(1))
    program = f"""
from pathlib import Path
from random import Random
from chargewright.station.store import StationStore
store = StationStore(Path({str(path)!r}), Random(1))
print("ready", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        with pytest.raises(StationStoreError, match=rf"\(process {process.pid}\)"):
            StationStore(path, Random(1))
        Path(f"{path}.pid").unlink()
        with pytest.raises(StationStoreError, match=r"\(process unknown\)"):
            StationStore(path, Random(1))
        process.communicate("\n")
    with StationStore(path, Random(1)) as store:
        assert store.next_boot() == 1


def test_a_file_of_a_newer_version_and_a_file_that_is_none_are_refused(path: Path, tmp_path: Path) -> None:
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(StationStoreError, match="newer version"):
        StationStore(path, Random(1))
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"not a database, and long enough to be sure of that" * 100)
    with pytest.raises(StationStoreError, match="not a database"):
        StationStore(rubbish, Random(1))
    with pytest.raises(StationStoreError, match="unable to open"):
        StationStore(tmp_path / "nowhere" / "station.sqlite3", Random(1))
    (tmp_path / "signed.sqlite3.pid").mkdir()
    with pytest.raises(StationStoreError, match=r"signed\.sqlite3\.pid: cannot be written"):
        StationStore(tmp_path / "signed.sqlite3", Random(1))


def test_an_unknown_transaction_is_named() -> None:
    with StationStore(":memory:", Random(1)) as store, pytest.raises(StationStoreError, match="key 7"):
        store.transaction(7)


def test_it_is_the_memory_of_one_product(path: Path) -> None:
    with StationStore(path, Random(1)) as store:
        store.claim("ACME Box", 2)
        store.claim("ACME Box", 2)
    with StationStore(path, Random(1)) as store:
        with pytest.raises(
            StationStoreError, match=r"is the memory of ACME Box \(connectors: 2\), not of ACME Box .*1"
        ):
            store.claim("ACME Box", 1)
        with pytest.raises(StationStoreError, match="another data directory"):
            store.claim("ACME Cube", 2)
        store.claim("ACME Box", 2)
