"""Passwords on their way over a real socket: the old or the new one gets in as long as both may be right. How answers
decide it is held with the commands, in tests/csms/commands/test_core.py."""

import asyncio
import json
from typing import Any

import pytest
from tests.csms.wire import PASSWORD, WireStation, eventually
from websockets.exceptions import InvalidStatus

from chargewright.csms.app import Csms
from chargewright.csms.commands.validation import check
from chargewright.csms.services.credential_changes import is_password, profile_of

NEW = "77" * 18


@pytest.mark.parametrize(
    ("key", "value", "sets_password", "profile"),
    [
        ("AuthorizationKey", NEW, True, None),
        ("authorizationkey", NEW, True, None),
        ("SecurityProfile", "2", False, 2),
        ("SecurityProfile", "7", False, None),
        ("SecurityProfile", "two", False, None),
        ("HeartbeatInterval", "2", False, None),
    ],
)
def test_what_concerns_credentials(key: str, value: str, sets_password: bool, profile: int | None) -> None:
    request: Any = check("ChangeConfiguration", {"key": key, "value": value})
    assert is_password(request) is sets_password
    assert profile_of(request) == profile


async def change(csms: Csms, station: WireStation, answer: str | None) -> None:
    row = csms._directory.station("A1")
    assert row is not None and csms._commanding is not None
    commander = csms._commanding.commander
    await eventually(lambda: commander.is_connected(row.id))
    request = check("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW})
    sending = asyncio.get_running_loop().create_task(commander.send(row.id, request))
    call = await station.receive()
    if answer is None:
        await station.socket.close()
    else:
        await station.send(json.dumps([3, call[1], {"status": answer}]))
    await sending


async def gets_in(url: str, password: str) -> bool:
    try:
        async with WireStation(url, "A1", password) as station:
            return (await station.exchange("Heartbeat", {}))[0] == 3
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 401
        return False


@pytest.mark.parametrize(("answer", "good"), [("Accepted", NEW), ("Rejected", PASSWORD)])
async def test_after_an_answer_there_is_one(answer: str, good: str, csms: Csms, url: str) -> None:
    async with WireStation(url, "A1") as station:
        await change(csms, station, answer)
    other = PASSWORD if good == NEW else NEW
    assert not await gets_in(url, other)
    assert await gets_in(url, good)


@pytest.mark.parametrize("first", [NEW, PASSWORD])
async def test_without_an_answer_the_first_that_is_used_is_the_one(first: str, csms: Csms, url: str) -> None:
    async with WireStation(url, "A1") as station:
        await change(csms, station, None)
    assert await gets_in(url, first)
    row = csms._directory.station("A1")
    assert row is not None and csms._services is not None
    changes = csms._services.credential_changes
    await eventually(lambda: changes.of(row.id) is None)
    assert not await gets_in(url, PASSWORD if first == NEW else NEW)
    assert await gets_in(url, first)
