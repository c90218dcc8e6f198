"""Retries: what is tried again, how often, and what is left behind."""

import asyncio
from pathlib import Path

import pytest

from chargewright.clock import SystemClock
from chargewright.file_transfer import errors
from chargewright.file_transfer.base import Progress
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.files import BytesSource, MemorySink
from chargewright.file_transfer.memory import Faults, MemoryFiles
from chargewright.file_transfer.transfers import IS_TRIED_AGAIN, FileTransfers, Retries

AGAIN = {errors.TransferBroken, errors.CouldNotConnect, errors.TimedOut, errors.ServerTrouble}
AGAIN |= {errors.NotFound, errors.NoSpace}
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.FileTransferError) and kind is not errors.FileTransferError
]


def in_memory(files: MemoryFiles) -> FileTransfers:
    return FileTransfers(SystemClock(), TransferTools(memory=files))


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_is_tried_again_or_not(kind: type[errors.FileTransferError]) -> None:
    error = kind("http://h/", "so")
    assert Retries(2, 0).goes_on(2, error) is (kind in AGAIN)
    assert Retries(2, 0).goes_on(3, error) is False
    assert any(parent in IS_TRIED_AGAIN for parent in kind.__mro__)


@pytest.mark.parametrize(
    ("retries", "interval", "expected"),
    [
        (None, None, Retries(3, 30)),
        (0, None, Retries(0, 30)),
        (5, 0, Retries(5, 0)),
        (-1, -7, Retries(0, 0)),
        (1_000_000, 10, Retries(100, 10)),
    ],
)
def test_what_a_message_asks_for(retries: int | None, interval: int | None, expected: Retries) -> None:
    assert Retries.asked_for(retries, interval) == expected


@pytest.mark.parametrize("settings", [(-1, 0), (0, -1)])
def test_retries_are_not_negative(settings: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        Retries(*settings)


async def test_a_file_that_comes_late_is_fetched() -> None:
    files, sink = MemoryFiles(), MemorySink()
    client = in_memory(files)
    task = asyncio.create_task(client.download("memory://h/a", sink, size_bound=10, retries=Retries(100, 0)))
    await asyncio.sleep(0)
    files.put("h/a", b"here")
    received = await task
    assert (sink.content, received.attempts > 1) == (b"here", True)


async def test_a_wrong_password_is_not_tried_again() -> None:
    files = MemoryFiles([("h/a", b"x")])
    files.misbehave("h/a", Faults(denied=True))
    with pytest.raises(errors.AccessDenied):
        await in_memory(files).download("memory://h/a", MemorySink(), size_bound=10, retries=Retries(5, 0))
    assert files.next_attempt("h/a") == (Faults(denied=True), None)
    files.misbehave("h/a", Faults(cut_after_bytes=(1, 2, 3)))
    assert [files.next_attempt("h/a")[1] for _ in range(4)] == [1, 2, 3, None]


async def test_a_broken_part_stays_and_a_whole_file_takes_its_place(tmp_path: Path) -> None:
    files, target = MemoryFiles([("h/a", b"0123456789")]), tmp_path / "image"
    files.misbehave("h/a", Faults(cut_after_bytes=(4,)))
    with pytest.raises(errors.TransferBroken):
        await in_memory(files).download("memory://h/a", target, size_bound=10, retries=Retries(0))
    assert (tmp_path / "image.part").read_bytes() == b"0123"
    await in_memory(files).download("memory://h/a", target, size_bound=10)
    assert target.read_bytes() == b"0123456789"


async def test_without_resume_an_upload_begins_again_each_time() -> None:
    files = MemoryFiles()
    files.misbehave("h/a", Faults(cut_after_bytes=(4, 3)))
    sent = await in_memory(files).upload(
        "memory://h/", BytesSource(b"0123456789"), file_name="a", resume=False, retries=Retries(5, 0)
    )
    assert (files.files, sent.attempts) == ({"h/a": b"0123456789"}, 3)


async def test_wrong_arguments_are_refused_at_once(tmp_path: Path) -> None:
    client = in_memory(MemoryFiles())
    with pytest.raises(ValueError, match="-1 bytes"):
        await client.download("memory://h/a", MemorySink(), size_bound=-1)
    with pytest.raises(errors.UnsupportedScheme):
        await client.download("gopher://h/a", MemorySink(), size_bound=1)
    with pytest.raises(errors.MalformedUrl):
        await client.upload("memory://h/", BytesSource(b""), file_name="../a")
    with pytest.raises(errors.LocalFileTrouble, match="no-such-file"):
        await client.upload("memory://h/", tmp_path / "no-such-file", file_name="a")


async def test_transfers_wait_their_turn() -> None:
    files = MemoryFiles([("h/a", b"x" * 300_000)])
    running = most = 0
    client = FileTransfers(SystemClock(), TransferTools(memory=files), simultaneous=2)

    async def fetch() -> None:
        nonlocal running, most
        begun = False

        def told(progress: Progress) -> None:
            nonlocal begun, running, most
            running += not begun
            begun = True
            most = max(most, running)
            running -= progress.bytes_done == progress.bytes_total

        await client.download("memory://h/a", MemorySink(), size_bound=300_000, progress=told)

    await asyncio.gather(*(fetch() for _ in range(6)))
    assert most == 2
