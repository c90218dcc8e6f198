"""A bounded fuzzer on real sockets: whatever comes, each CALL with a legal id gets exactly one answer with that id, and
a control station of the same process is served throughout.

`CHARGEWRIGHT_FUZZ_SECONDS` and `CHARGEWRIGHT_FUZZ_SEED` make it longer or different: `make fuzz`.
"""

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.faults.fuzzer import Fuzzer, legal_call_id
from tests.serving import ServeProcess, data_arguments
from websockets.exceptions import ConnectionClosed

SECONDS = float(os.environ.get("CHARGEWRIGHT_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("CHARGEWRIGHT_FUZZ_SEED", "1"))
BURST = 50
STATIONS = 3
SENTINEL = "sentinel"


class Tally:
    """What happened."""

    def __init__(self) -> None:
        self.messages = 0
        self.calls = 0
        self.answers: Counter[str] = Counter()
        self.mistakes: list[Any] = []


async def fuzz(url: str, identity: str, seed: int, deadline: float, tally: Tally) -> None:
    """Bursts of messages, each followed by a Heartbeat: what is answered before that one's answer was the burst's."""
    fuzzer = Fuzzer(seed)
    bursts = 0
    async with WireStation(url, identity) as station:
        while time.monotonic() < deadline or not bursts:
            bursts += 1
            owed: Counter[str] = Counter()
            sent: dict[str, str] = {}
            for _ in range(BURST):
                message = fuzzer.message()
                await station.send(message)
                tally.messages += 1
                call_id = legal_call_id(message)
                if call_id is not None:
                    owed[call_id] += 1
                    sent[call_id] = message
                    tally.calls += 1
            # Stored, so answered after all that was stored before it.
            status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
            await station.send(json.dumps([2, SENTINEL, "StatusNotification", status]))
            received: Counter[str] = Counter()
            while True:
                answer = await asyncio.wait_for(station.receive(), 60)
                if answer[1] == SENTINEL:
                    assert answer[0] == 3, answer
                    break
                received[json.dumps(answer[1])] += 1
                tally.answers[answer[2] if answer[0] == 4 else "answered"] += 1
                if answer[0] == 4 and answer[2] == "InternalError":
                    tally.mistakes.append(("internal error", sent.get(answer[1]), answer))
            for call_id, count in owed.items():
                if received[json.dumps(call_id)] != count:
                    tally.mistakes.append(("not one answer", sent[call_id], received[json.dumps(call_id)]))


async def control(url: str, deadline: float) -> int:
    """A station that lives as it should; how many of its CALLs were answered."""
    served = 0
    async with WireStation(url, "CONTROL") as station:
        await station.boot()
        while time.monotonic() < deadline or served < 10:
            number = (await station.start(meterStart=served))["transactionId"]
            await station.stop(number, meterStop=served + 1)
            assert (await station.exchange("Heartbeat", {}))[0] == 3
            served += 3
    return served


@pytest.mark.timeout(SECONDS * 2 + 120)
async def test_promise_10_no_frame_is_answered_wrongly_or_hurts_a_neighbour(
    database: TestDatabase, tmp_path: Path
) -> None:
    names = [f"FUZZ{number}" for number in range(STATIONS)]
    server = await ServeProcess.start(
        *data_arguments(tmp_path, seed_text("CONTROL", *names)), CHARGEWRIGHT_DB=database.url
    )
    tally = Tally()
    deadline = time.monotonic() + SECONDS
    try:
        served, *_ = await asyncio.gather(
            control(server.ocpp_url, deadline),
            *(fuzz(server.ocpp_url, name, SEED * 1000 + number, deadline, tally) for number, name in enumerate(names)),
        )
    except ConnectionClosed as closed:
        pytest.fail(f"a connection was lost: {closed}; {tally.mistakes[:5]}")
    assert await server.stop() == 0
    assert tally.mistakes == [], f"{len(tally.mistakes)} of {tally.messages}: {tally.mistakes[:5]}"
    assert served >= 10
    # The fuzzer reached what it was made for.
    assert tally.calls > tally.messages / 2
    assert len(tally.answers) >= 6, tally.answers
    assert await database.value("SELECT count(*) FROM quarantine") == 0
    completed = await database.value(
        "SELECT count(*) FROM charging_transaction t JOIN station s ON s.id = t.station_id"
        # Of other stations too, whose registers may be the largest that there are.
        " WHERE s.identity = 'CONTROL' AND CAST(t.meter_stop AS NUMERIC) = CAST(t.meter_start AS NUMERIC) + 1"
    )
    assert completed == served // 3
