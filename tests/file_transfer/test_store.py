"""A store that nothing leaves, and where files appear whole or not at all."""

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.file_transfer.errors import (
    BadName,
    FileTooLarge,
    NotThere,
    StoreError,
    StoreFull,
    Superseded,
    WrongOffset,
)
from chargewright.file_transfer.store import FileStore, segments

ESCAPES = [
    "../secret",
    "in/../../secret",
    "/etc/passwd",
    "in//a",
    "in/",
    "",
    ".",
    "..",
    ".hidden",
    "in/.a.part",
    "a\0b",
    "a\nb",
    "a\\b",
    "..\\secret",
    "x" * 201,
    "ü" * 101,
    "a/" * 8 + "a",
    "\ud800",
]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    (tmp_path / "secret").write_text("secret")
    store = FileStore(tmp_path / "store", quota_bytes=1000, size_bound=400)
    store.make_folder("in")
    return store


def put(store: FileStore, name: str, content: bytes) -> str:
    upload = store.begin(name)
    upload.write(content)
    return upload.finish()


def test_a_file_appears_when_it_is_whole(store: FileStore) -> None:
    upload = store.begin("in/größe 1.zip")
    upload.write(b"one")
    assert store.listing("in") == []
    upload.write(b"two")
    assert upload.finish() == hashlib.sha256(b"onetwo").hexdigest()
    file, described = store.open("in/größe 1.zip")
    with file:
        assert file.read() == b"onetwo"
    assert described == store.describe("in/größe 1.zip")
    assert described.size == 6
    assert store.listing("in") == ["größe 1.zip"]
    assert store.listing("") == ["in"]
    assert store.used_bytes == 6


def test_a_cut_upload_goes_on_where_it_ended(store: FileStore) -> None:
    upload = store.begin("in/a")
    upload.write(b"one")
    upload.leave()
    assert store.part_size("in/a") == 3
    with pytest.raises(WrongOffset) as raised:
        store.begin("in/a", 2)
    assert raised.value.kept == 3
    again = store.begin("in/a", 3)
    again.write(b"two")
    assert again.finish() == hashlib.sha256(b"onetwo").hexdigest()
    assert store.part_size("in/a") is None
    assert store.used_bytes == 6


def test_a_new_upload_forgets_the_part(store: FileStore) -> None:
    upload = store.begin("in/a")
    upload.write(b"x" * 100)
    upload.leave()
    put(store, "in/a", b"new")
    assert (store.used_bytes, store.describe("in/a").size) == (3, 3)


def test_what_is_replaced_is_given_back(store: FileStore) -> None:
    put(store, "in/a", b"x" * 300)
    tag = store.describe("in/a").tag
    put(store, "in/a", b"y" * 200)
    assert store.used_bytes == 200
    assert store.describe("in/a").tag != tag


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_would_escape_are_refused(name: str, store: FileStore) -> None:
    for act in (store.open, store.describe, store.begin, store.part_size, store.delete, store.make_folder):
        with pytest.raises(BadName):
            act(name)


@given(st.text(max_size=30))
def test_any_name_is_refused_or_stays_inside(name: str) -> None:
    try:
        parts = segments(name)
    except BadName:
        return
    path = os.path.normpath(os.path.join("/root", *parts))
    assert path.startswith("/root/")
    assert not any(part.startswith(".") for part in parts)


def test_links_are_not_followed(store: FileStore, tmp_path: Path) -> None:
    (store.root / "link").symlink_to(tmp_path / "secret")
    (store.root / "folder").symlink_to(tmp_path)
    (store.root / "in" / ".a.part").symlink_to(tmp_path / "secret")
    os.mkfifo(store.root / "pipe")
    for name in ("link", "folder/secret", "pipe", "in"):
        with pytest.raises(NotThere):
            store.open(name)
    for name in ("folder/new", "in/a"):
        with pytest.raises(StoreError):
            store.begin(name)
    assert not store.is_folder("folder")
    for name in ("link", "folder", "pipe"):
        with pytest.raises(NotThere):
            store.status(name)
    put(store, "link", b"ours")
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_file_larger_than_the_bound_is_refused(store: FileStore) -> None:
    upload = store.begin("in/a")
    upload.write(b"x" * 400)
    with pytest.raises(FileTooLarge, match="more than 400 bytes"):
        upload.write(b"x")
    upload.discard()
    assert (store.used_bytes, store.part_size("in/a")) == (0, None)


def test_parts_count_towards_the_quota(store: FileStore) -> None:
    for name in ("in/a", "in/b"):
        upload = store.begin(name)
        upload.write(b"x" * 400)
        upload.leave()
    upload = store.begin("in/c")
    with pytest.raises(StoreFull, match="800 of 1000"):
        upload.write(b"x" * 201)
    upload.write(b"x" * 200)
    upload.finish()
    assert store.used_bytes == 1000
    assert FileStore(store.root, quota_bytes=1000, size_bound=400).used_bytes == 1000
    store.delete("in/a")
    assert store.used_bytes == 600
    with pytest.raises(NotThere):
        store.delete("in/a")


def test_a_full_disk_is_a_full_store(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    upload = store.begin("in/a")
    upload.write(b"x")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match="disk is full"):
        upload.finish()
    upload.discard()
    assert (store.used_bytes, store.listing("in")) == (0, [])


def test_a_newer_upload_of_the_name_wins(store: FileStore) -> None:
    older = store.begin("in/a")
    older.write(b"older")
    newer = store.begin("in/a")
    with pytest.raises(Superseded):
        older.write(b"more")
    with pytest.raises(Superseded):
        older.finish()
    newer.write(b"new")
    older.discard()
    newer.finish()
    file, _ = store.open("in/a")
    with file:
        assert file.read() == b"new"
    assert store.used_bytes == 3


def test_old_parts_are_removed(store: FileStore) -> None:
    for name in ("in/a", "in/b", "in/c"):
        upload = store.begin(name)
        upload.write(b"x" * 10)
        if name != "in/c":
            upload.leave()
    os.utime(store.root / "in" / ".a.part", (0, 0))
    os.utime(store.root / "in" / ".c.part", (0, 0))
    assert store.remove_parts_older_than(1000) == 1
    assert [store.part_size(f"in/{name}") for name in "abc"][:2] == [None, 10]
    upload.leave()


def test_a_folder_is_no_file(store: FileStore) -> None:
    with pytest.raises(NotThere, match="folder"):
        store.begin("in")
    upload = store.begin("later")
    upload.write(b"x")
    store.make_folder("later")
    with pytest.raises(NotThere, match="folder"):
        upload.finish()
    upload.discard()
    assert store.used_bytes == 0
    with pytest.raises(NotThere):
        store.begin("nowhere/a")
    with pytest.raises(NotThere):
        store.listing("nowhere")


def test_an_upload_that_ended_takes_nothing(store: FileStore) -> None:
    upload = store.begin("in/a")
    upload.leave()
    with pytest.raises(ValueError, match="has ended"):
        upload.write(b"x")
    with pytest.raises(ValueError, match="not negative"):
        FileStore(store.root, quota_bytes=-1, size_bound=0)


def test_many_threads_share_a_store_and_its_quota(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "s", quota_bytes=8 * 5000, size_bound=5000)
    refused: list[StoreError] = []

    def upload(number: int) -> None:
        try:
            one = store.begin(f"f{number}")
            for _ in range(50):
                one.write(bytes([number]) * 100)
            one.finish()
        except StoreError as error:
            refused.append(error)
            one.discard()

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = store.listing("")
    assert len(names) + len(refused) == 12
    assert store.used_bytes == 5000 * len(names) <= 8 * 5000
    for name in names:
        assert (store.root / name).read_bytes() == bytes([int(name[1:])]) * 5000
