"""Transfers in memory: cut anywhere, they go on; and nothing of it needs real time."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.file_transfer.peers import content_of

from chargewright.clock import LoopClock
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.errors import AccessDenied, NoSpace, NotFound, TimedOut, TooLarge, TransferBroken
from chargewright.file_transfer.files import BytesSource, MemorySink
from chargewright.file_transfer.memory import Faults, MemoryFiles
from chargewright.file_transfer.transfers import FileTransfers, Retries
from chargewright.simulation import simulate

CUTS = st.lists(st.integers(0, 300_000), max_size=8)


def simulated(clock: LoopClock, files: MemoryFiles) -> FileTransfers:
    return FileTransfers(clock, TransferTools(memory=files, simulated=True))


@settings(deadline=None, max_examples=60)
@given(size=st.integers(0, 400_000), cuts=CUTS)
def test_a_download_that_is_cut_anywhere_arrives_whole(size: int, cuts: list[int]) -> None:
    files = MemoryFiles([("h/image", content_of(size))])
    files.misbehave("h/image", Faults(cut_after_bytes=tuple(cuts)))
    sink = MemorySink()

    async def run(clock: LoopClock) -> None:
        received = await simulated(clock, files).download(
            "ftp://h/image", sink, size_bound=size, retries=Retries(len(cuts), 60)
        )
        assert received.sha256 == hashlib.sha256(content_of(size)).hexdigest()
        assert received.seconds == pytest.approx(60 * (received.attempts - 1))

    simulate(run)
    assert sink.content == content_of(size)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(0, 400_000), cuts=CUTS)
def test_an_upload_that_is_cut_anywhere_arrives_whole(size: int, cuts: list[int]) -> None:
    files = MemoryFiles()
    files.misbehave("h/logs/a.zip", Faults(cut_after_bytes=tuple(cuts)))

    async def run(clock: LoopClock) -> None:
        sent = await simulated(clock, files).upload(
            "http://h/logs/", BytesSource(content_of(size)), file_name="a.zip", retries=Retries(len(cuts), 60)
        )
        assert sent.sha256 == hashlib.sha256(content_of(size)).hexdigest()

    simulate(run)
    assert files.files == {"h/logs/a.zip": content_of(size)}
    assert files.parts == {}


def test_cuts_beyond_the_retries_end_it() -> None:
    files = MemoryFiles([("h/image", content_of(1000))])
    files.misbehave("h/image", Faults(cut_after_bytes=(10, 10, 10)))

    async def run(clock: LoopClock) -> None:
        with pytest.raises(TransferBroken):
            await simulated(clock, files).download(
                "memory://h/image", MemorySink(), size_bound=1000, retries=Retries(2, 1)
            )

    simulate(run)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(denied=True), AccessDenied),
        (Faults(stalled=True), TimedOut),
        (Faults(seconds_per_chunk=61), TimedOut),
        (Faults(cut_after_bytes=(0,)), TransferBroken),
    ],
)
def test_faults_have_their_names(faults: Faults, error: type[Exception]) -> None:
    files = MemoryFiles([("h/image", b"content")])
    files.misbehave("h/image", faults)

    async def run(clock: LoopClock) -> None:
        with pytest.raises(error):
            await simulated(clock, files).download("memory://h/image", MemorySink(), size_bound=100, retries=Retries(0))

    simulate(run)


def test_a_slow_line_takes_its_time() -> None:
    files = MemoryFiles([("h/image", content_of(640 * 1024))])
    files.misbehave("h/image", Faults(seconds_per_chunk=2))

    async def run(clock: LoopClock) -> float:
        return (await simulated(clock, files).download("memory://h/image", MemorySink(), size_bound=1 << 20)).seconds

    assert simulate(run) == pytest.approx(20)


def test_bounds_of_both_sides() -> None:
    files = MemoryFiles([("h/image", b"content")], size_bound=10)

    async def run(clock: LoopClock) -> None:
        with pytest.raises(NotFound):
            await simulated(clock, files).download("memory://h/no", MemorySink(), size_bound=10, retries=Retries(0))
        with pytest.raises(TooLarge):
            await simulated(clock, files).download("memory://h/image", MemorySink(), size_bound=6)
        with pytest.raises(NoSpace):
            await simulated(clock, files).upload("memory://h/", BytesSource(b"more"), file_name="a", retries=Retries(0))

    simulate(run)


def test_another_version_is_not_joined_to_the_first() -> None:
    files = MemoryFiles([("h/image", content_of(100_000))])
    files.misbehave("h/image", Faults(cut_after_bytes=(70_000,)))
    sink, dice = MemorySink(), random.Random(1)
    newer = dice.randbytes(100_000)

    async def run(clock: LoopClock) -> None:
        client = simulated(clock, files)
        with pytest.raises(TransferBroken):
            await client.download("memory://h/image", sink, size_bound=100_000, retries=Retries(0))
        files.put("h/image", newer)
        await client.download("memory://h/image", sink, size_bound=100_000)

    simulate(run)
    assert sink.content == newer
