"""The page for makers is followed to the letter: its board and its station, as processes of their own."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.station.csms_process import central_system

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-own-hardware.md"
# The board's timer and its tick, with room for a busy machine.
LET_GO_SECONDS = 30


def extract(folder: Path) -> None:
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in blocks] == ["wallbox.py", "board.py"]
    for name, code in blocks:
        (folder / name).write_text(code)


@asynccontextmanager
async def process(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def says(board: asyncio.subprocess.Process) -> str:
    assert board.stdout is not None
    async with asyncio.timeout(LET_GO_SECONDS):
        return (await board.stdout.readline()).decode().strip()


def type_in(board: asyncio.subprocess.Process, line: str) -> None:
    assert board.stdin is not None
    board.stdin.write(f"{line}\n".encode())


def test_the_example_charges_and_lets_go_when_the_station_is_killed(tmp_path: Path) -> None:
    extract(tmp_path)

    async def main() -> None:
        async with central_system() as csms, process(tmp_path, "board.py", "0") as board:
            port = (await says(board)).removeprefix("listening ")
            wallbox = ("wallbox.py", "minimal", csms.url, "CW-1", ".", f"127.0.0.1:{port}")
            async with process(tmp_path, *wallbox) as station:
                await csms.expect("BootNotification")
                while (await csms.expect("StatusNotification"))["connector_id"] != 1:
                    continue
                type_in(board, "plug")
                assert (await csms.expect("StatusNotification"))["status"] == "Preparing"
                type_in(board, "tag CW-DRIVER-1")
                assert (await csms.expect("StartTransaction"))["id_tag"] == "CW-DRIVER-1"
                assert await says(board) == "closed when told"
                while (await csms.expect("StatusNotification"))["status"] != "Charging":
                    continue
                # Longer than the board would hold by itself: the station holds it.
                await asyncio.sleep(4)
                station.kill()
                await station.wait()
            assert await says(board) == "open by the dead man's timer"
            async with process(tmp_path, *wallbox):
                stop = await csms.expect("StopTransaction")
                assert stop["reason"] == "PowerLoss" and stop["meter_stop"] > 0

    asyncio.run(main())
