"""A kill proves no durability, because the kernel keeps what was written: watch the system calls instead."""

import asyncio
import random
import re
import shutil
from pathlib import Path

import psutil
import pytest
from tests.faults.storm import StormStation, seed_file
from tests.serving import ServeProcess, data_arguments

STATIONS = 20
CALLS = 15
TRACED = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fdatasync,fsync"
LINE = re.compile(r"^(?P<thread>\d+)\s+(?P<call>.*)$")
SOCKET = re.compile(r"^(?P<name>read|readv|recvfrom|recvmsg|write|writev|sendto|sendmsg)\((?P<fd>\d+)<TCP[^>]*>")
ANSWER = re.compile(r"\[3,\\\"\d+\\\",\{")


def durability_order(trace: str) -> tuple[int, int, list[str]]:
    """Answers seen, syncs seen, and answers sent without a sync after the last read of their socket."""
    last_read: dict[str, int] = {}
    last_sync = -1
    syncs = answers = 0
    early: list[str] = []
    for number, line in enumerate(trace.splitlines()):
        match = LINE.match(line)
        if match is None:
            continue
        call = match["call"]
        if re.match(r"(<\.\.\. )?f(data)?sync", call) and call.endswith("= 0"):
            last_sync, syncs = number, syncs + 1
            continue
        socket = SOCKET.match(call)
        if socket is None:
            continue
        if socket["name"] in {"read", "readv", "recvfrom", "recvmsg"}:
            if not call.endswith("(Resource temporarily unavailable)"):
                last_read[socket["fd"]] = number
        elif ANSWER.search(call):
            answers += 1
            if last_sync < last_read.get(socket["fd"], number):
                early.append(line)
    return answers, syncs, early


@pytest.mark.timeout(180)
async def test_promise_01_a_sync_lies_between_the_last_read_and_the_first_answer(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.fail("strace is missing; `make install` installs it where apt-get may, else: apt-get install strace")
    trace = tmp_path / "trace.txt"
    stations = [StormStation(f"STORM{number:03d}", random.Random(number), CALLS) for number in range(STATIONS)]
    arguments = data_arguments(tmp_path, seed_file([station.identity for station in stations]))
    prefix = ("strace", "-f", "-yy", "-s", "64", "-e", TRACED, "-e", "signal=none", "-o", str(trace))
    server = await ServeProcess.start(*arguments, prefix=prefix)
    await asyncio.gather(*(station.connect(server.ocpp_url) for station in stations))
    await asyncio.gather(*(asyncio.wait_for(station.idle.wait(), 60) for station in stations))
    # strace forwards no signal: it goes to the traced process itself.
    for child in psutil.Process(server.process.pid).children():
        child.terminate()
    assert await server.finish() == 0
    answers, syncs, early = durability_order(trace.read_text(errors="replace"))
    assert answers >= STATIONS * CALLS
    assert syncs > 0
    assert early == []


def test_the_order_check_sees_an_answer_that_comes_too_early() -> None:
    read = '7 recvfrom(12<TCP:[127.0.0.1:9000->127.0.0.1:5]>, "x", 2048, 0, NULL, NULL) = 40'
    sync = "8 fdatasync(9</data/chargewright.sqlite3-wal>) = 0"
    answer = r'7 sendto(12<TCP:[127.0.0.1:9000->127.0.0.1:5]>, "\201\16[3,\"1\",{}]", 12, 0, NULL, 0) = 12'
    assert durability_order("\n".join([read, sync, answer])) == (1, 1, [])
    assert durability_order("\n".join([sync, read, answer])) == (1, 1, [answer])
    assert durability_order("\n".join([read, answer, sync])) == (1, 1, [answer])
