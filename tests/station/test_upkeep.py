"""Where firmware images lie."""

from pathlib import Path

import pytest

from chargewright.clock import SystemClock
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.errors import TransferBroken
from chargewright.file_transfer.memory import Faults, MemoryFiles
from chargewright.file_transfer.transfers import FileTransfers, Retries
from chargewright.station.upkeep import DiskShelf, MemoryShelf, Shelf

CONTENT = b"version=2\n" + bytes(100_000)


@pytest.fixture(params=["memory", "disk"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return MemoryShelf() if request.param == "memory" else DiskShelf(tmp_path / "station.firmware")


def transfers(files: MemoryFiles) -> FileTransfers:
    return FileTransfers(SystemClock(), TransferTools(memory=files))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_an_image_is_there_when_it_is_whole_and_until_it_is_cleared(shelf: Shelf, tmp_path: Path) -> None:
    files = MemoryFiles([("h/a", CONTENT)])
    files.misbehave("h/a", Faults(cut_after_bytes=(70_000,)))
    with pytest.raises(TransferBroken):
        await transfers(files).download("memory://h/a", shelf.target(), size_bound=200_000, retries=Retries(0))
    with pytest.raises(FileNotFoundError):
        shelf.open()
    await transfers(files).download("memory://h/a", shelf.target(), size_bound=200_000)
    image = shelf.open()
    assert image.size == len(CONTENT)
    assert await image.read(0, 10) == b"version=2\n"
    await image.close()
    shelf.clear()
    shelf.clear()
    with pytest.raises(FileNotFoundError):
        shelf.open()
    assert names_in(tmp_path) == []


async def test_clearing_removes_parts_too(tmp_path: Path) -> None:
    files, shelf = MemoryFiles([("h/a", CONTENT)]), DiskShelf(tmp_path / "station.firmware")
    files.misbehave("h/a", Faults(cut_after_bytes=(70_000,)))
    with pytest.raises(TransferBroken):
        await transfers(files).download("memory://h/a", shelf.target(), size_bound=200_000, retries=Retries(0))
    assert len(names_in(tmp_path)) == 2
    shelf.clear()
    assert names_in(tmp_path) == []
