"""Each command to a station on the `ocpp` library, with every answer, and every way in which none comes."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.commands_catalogue import ANSWERS, PAYLOADS, cases
from tests.csms.commands.library_station import LibraryStation, library_station
from tests.csms.wire import eventually

from chargewright.csms.app import Csms
from chargewright.csms.commands.validation import COMMANDS
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.protocol.v16.coding import encode


def test_the_catalogue_is_complete() -> None:
    assert list(PAYLOADS) == list(ANSWERS) == list(COMMANDS)
    assert len(COMMANDS) == 26


@pytest.fixture
async def csms(start_csms: Any) -> Csms:
    # Nothing is sent unasked: what the station gets is what the test sends.
    found: Csms = await start_csms(settle_seconds=3600)
    return found


async def connected(csms: Csms, identity: str = "A1") -> int:
    station = csms._directory.station(identity)
    assert station is not None and csms._commanding is not None
    commander = csms._commanding.commander
    await eventually(lambda: commander.is_connected(station.id))
    return station.id


async def send(csms: Csms, action: str, **options: Any) -> Outcome:
    assert csms._commanding is not None and csms._services is not None
    desk = csms._commanding.desk(csms._services)
    station = csms._directory.station("A1")
    assert station is not None
    return await desk.send(station, desk.check(action, PAYLOADS[action]), **options)


async def test_every_answer_of_every_command(csms: Csms) -> None:
    async with library_station(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await connected(csms)
        for action, answer in cases():
            station.answer = answer
            outcome = await send(csms, action)
            assert isinstance(outcome, Answered), (action, answer, outcome)
            got = json.loads(encode(outcome.response))
            assert without_empty(got) == without_empty(answer), action
    assert station.asked == [action for action, _ in cases()]


def without_empty(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The library does not send what is empty."""
    return {name: value for name, value in answer.items() if value != []}


@pytest.mark.parametrize("action", PAYLOADS)
async def test_a_refusal_nonsense_and_nothing_are_told_apart(action: str, csms: Csms) -> None:
    url = f"ws://{csms.addresses.ocpp[0]}"
    offline = await send(csms, action)
    assert isinstance(offline, NotSent)
    async with library_station(url, "A1") as station:
        await connected(csms)
        station.answer = "callerror"
        refused = await send(csms, action)
        assert refused == Refused(code="SecurityError", description="not now", details={"why": "test"})
        station.answer = "malformed"
        assert isinstance(await send(csms, action), Malformed)
    outcome = await ended_by(csms, url, "silence", action, timeout_seconds=0.2)
    assert isinstance(outcome, Unanswered) and not outcome.is_lost
    outcome = await ended_by(csms, url, "disconnect", action)
    assert isinstance(outcome, Unanswered) and outcome.is_lost


async def ended_by(csms: Csms, url: str, answer: str, action: str, **options: Any) -> Outcome:
    async with library_station(url, "A1") as station:
        # The connection before this one may not be known to be gone yet.
        await newest(csms, station)
        station.answer = answer
        outcome = await asyncio.wait_for(send(csms, action, **options), 10)
        assert station.asked == [action]
        return outcome


async def newest(csms: Csms, station: LibraryStation) -> None:
    """Until the CSMS has taken this connection over."""
    port = station._connection.local_address[1]
    station_id = await connected(csms)

    def is_there() -> bool:
        session = csms._sessions.of_station(station_id)
        return session is not None and session.address.endswith(f":{port}")

    await eventually(is_there)
