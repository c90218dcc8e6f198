"""Parts on disk, whole files, and hashes."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from chargewright.file_transfer.files import BytesSource, FileSink, FileSource, HashingSource, MemorySink


@pytest.fixture(params=["memory", "file"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> MemorySink | FileSink:
    return MemorySink() if request.param == "memory" else FileSink(tmp_path / "image")


async def test_what_came_is_kept_for_the_same_origin(sink: MemorySink | FileSink) -> None:
    await sink.open("http://h/a", resume=True)
    await sink.begin("v1")
    await sink.write(b"one")
    await sink.close()
    await sink.open("http://h/a", resume=True)
    assert (sink.kept, sink.validator) == (3, "v1")
    await sink.write(b"two")
    assert await sink.finish() == hashlib.sha256(b"onetwo").hexdigest()


@pytest.mark.parametrize(("origin", "resume"), [("http://h/b", True), ("http://h/a", False)])
async def test_a_part_of_something_else_is_forgotten(sink: MemorySink | FileSink, origin: str, resume: bool) -> None:
    await sink.open("http://h/a", resume=True)
    await sink.begin("v1")
    await sink.write(b"one")
    await sink.close()
    await sink.open(origin, resume=resume)
    assert (sink.kept, sink.validator) == (0, None)
    await sink.close()


async def test_a_new_process_goes_on_and_the_old_file_stays_until_then(tmp_path: Path) -> None:
    target = tmp_path / "image"
    target.write_bytes(b"old")
    first = FileSink(target)
    await first.open("http://u:hush@h/a", resume=True)
    await first.begin("v1")
    await first.write(b"ne")
    await first.close()
    assert "hush" not in (tmp_path / "image.part.json").read_text()
    second = FileSink(target)
    await second.open("http://u:hush@h/a", resume=True)
    assert second.kept == 2
    await second.write(b"w")
    assert target.read_bytes() == b"old"
    assert await second.finish() == hashlib.sha256(b"new").hexdigest()
    await second.close()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["image"]


@pytest.mark.parametrize("note", ["", "[]", json.dumps({"origin": 1}), None])
async def test_a_part_with_a_broken_note_is_of_no_use(note: str | None, tmp_path: Path) -> None:
    (tmp_path / "image.part").write_bytes(b"what")
    if note is not None:
        (tmp_path / "image.part.json").write_text(note)
    sink = FileSink(tmp_path / "image")
    await sink.open("http://h/a", resume=True)
    assert sink.kept == 0
    await sink.discard()
    assert os.listdir(tmp_path) == []


async def test_a_link_in_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "image.part").symlink_to(tmp_path / "precious")
    sink = FileSink(tmp_path / "image")
    await sink.open("http://h/a", resume=True)
    await sink.begin(None)
    await sink.write(b"x")
    await sink.discard()
    assert (tmp_path / "precious").read_bytes() == b"precious"


async def test_a_sink_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not open"):
        await FileSink(tmp_path / "image").write(b"x")


async def test_what_is_read_twice_is_hashed_once() -> None:
    source = HashingSource(BytesSource(b"0123456789"))
    for offset in (0, 4, 2, 6):
        await source.read(offset, 4)
    assert (source.seen, source.size) == (10, 10)
    assert await source.sha256() == hashlib.sha256(b"0123456789").hexdigest()


async def test_what_was_never_read_is_hashed_at_the_end() -> None:
    source = HashingSource(BytesSource(b"0123456789"))
    await source.read(6, 4)
    assert source.seen == 0
    assert await source.sha256() == hashlib.sha256(b"0123456789").hexdigest()


async def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"0123456789")
    source = FileSource(path)
    assert await source.read(2, 3) == b"234"
    assert await source.read(10, 3) == b""
    os.truncate(path, 2)
    with pytest.raises(OSError, match="was cut"):
        await source.read(5, 3)
    await source.close()
