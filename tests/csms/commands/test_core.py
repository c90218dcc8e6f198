"""Core commands: what is odd about them, and passwords and profiles that follow from their answers."""

import asyncio
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, commanding, next_call, station
from tests.csms.commands.test_station_doubts import warnings, with_connectors

from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered, NotSent
from chargewright.csms.services.credential_changes import PASSWORDS_LIMIT
from chargewright.csms.storage.base import StorageUnavailable
from chargewright.transport.basic_auth import hash_credential, verify_credential

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}
OLD, NEW, NEWER = "01" * 16, "02" * 20, "03" * 20
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "transactionId": 4,
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
}


async def test_a_remote_start_without_any_doubt(bench: Workbench) -> None:
    await with_connectors(bench)
    assert await warnings(bench, "RemoteStartTransaction", {"connectorId": 1, "idTag": "tag"}) == []
    assert await warnings(bench, "RemoteStartTransaction", {"idTag": "TAG"}) == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"connectorId": 0, "idTag": "TAG"}, ["connectorId 0"]),
        ({"connectorId": 3, "idTag": "TAG"}, ["connectorId 3"]),
        ({"connectorId": 1, "idTag": "NOBODY"}, ["idTag: it would be answered Invalid"]),
        (
            {"idTag": "TAG", "chargingProfile": PROFILE},
            ["chargingProfilePurpose TxDefaultProfile", "transactionId 4"],
        ),
    ],
)
async def test_a_remote_start_with_doubts(payload: Any, expected: list[str], bench: Workbench) -> None:
    await with_connectors(bench)
    found = await warnings(bench, "RemoteStartTransaction", payload)
    assert [text[: len(begin)] for text, begin in zip(found, expected, strict=True)] == expected


async def test_a_busy_connector_and_an_open_transaction(bench: Workbench) -> None:
    connection = await with_connectors(bench)
    status = {"connectorId": 2, "status": "Faulted", "errorCode": "GroundFailure"}
    await bench.exchange(connection, "StatusNotification", status)
    (found,) = await warnings(bench, "RemoteStartTransaction", {"connectorId": 2, "idTag": "TAG"})
    assert "connectorId 2: A1 reported it as Faulted" in found
    (found,) = await warnings(bench, "RemoteStopTransaction", {"transactionId": 1})
    assert found == "transactionId 1: not open at A1 (open: none)"
    started = await bench.exchange(connection, "StartTransaction", START)
    transaction_id = started[2]["transactionId"]
    assert await warnings(bench, "RemoteStopTransaction", {"transactionId": transaction_id}) == []
    (found,) = await warnings(bench, "RemoteStartTransaction", {"connectorId": 1, "idTag": "TAG"})
    assert found == f"connectorId 1: transaction {transaction_id} is open there"


async def test_a_pending_station_is_not_to_be_started(start_bench: Any) -> None:
    bench = await start_bench({"station": [{"identity": "A1", "registration": "Pending"}]})
    (found,) = await warnings(bench, "RemoteStartTransaction", {"idTag": "TAG"})
    assert "registration of A1 is Pending" in found


# Passwords. Station A1 has security profile 0, so that hand-made connections get in; what is stored is the point.


def hash_of(bench: Workbench) -> str | None:
    return station(bench).credential_hash


def is_hash_of(bench: Workbench, key: str, stored: str | None) -> bool:
    assert bench.csms._doorkeeper is not None and stored is not None
    return verify_credential(bytes.fromhex(key), bench.csms._doorkeeper._rules.credential_key, stored)


def hashed(bench: Workbench, key: str) -> str:
    assert bench.csms._doorkeeper is not None
    return hash_credential(bytes.fromhex(key), bench.csms._doorkeeper._rules.credential_key, bytes(16))


async def change(
    bench: Workbench, connection: Any, answer: Any, key: str = "AuthorizationKey", value: str = NEW
) -> Any:
    sending = ask(bench, check("ChangeConfiguration", {"key": key, "value": value}))
    call = await next_call(connection)
    assert call[3] == {"key": key, "value": value}
    if isinstance(answer, int):
        connection.vanish(answer)
    else:
        connection.deliver([answer[0], call[1], *answer[1:]])
    return await sending


def changes(bench: Workbench) -> Any:
    assert bench.csms._services is not None
    return bench.csms._services.credential_changes


async def test_an_accepted_password_is_the_stored_one(bench: Workbench) -> None:
    connection = await bench.connect()
    assert isinstance(await change(bench, connection, [3, {"status": "Accepted"}]), Answered)
    assert is_hash_of(bench, NEW, hash_of(bench))
    ((stored,),) = await bench.rows("SELECT credential_hash FROM station WHERE identity = 'A1'")
    assert stored == hash_of(bench)
    assert await bench.rows("SELECT * FROM setting WHERE name LIKE 'credential-change%'") == []
    assert changes(bench).of(station(bench).id) is None
    bodies = [bytes(row.body) for row in await bench.storage.events_after(0, 100)]
    assert not any(NEW.encode() in body for body in bodies)
    assert "station.password_changed" in await bench.event_kinds()


@pytest.mark.parametrize(
    "answer", [[3, {"status": "Rejected"}], [3, {"status": "NotSupported"}], [4, "InternalError", "", {}]]
)
async def test_a_refused_password_changes_nothing(answer: Any, bench: Workbench) -> None:
    connection = await bench.connect()
    await change(bench, connection, answer)
    assert hash_of(bench) is None
    assert await bench.rows("SELECT * FROM setting WHERE name LIKE 'credential-change%'") == []


@pytest.mark.parametrize(("used", "is_new"), [(NEW, True), (OLD, False)])
async def test_without_an_answer_both_are_good_until_one_is_used(used: str, is_new: bool, bench: Workbench) -> None:
    connection = await bench.connect()
    row = station(bench)
    row.credential_hash = hashed(bench, OLD)
    await change(bench, connection, 1006)
    assert len(await bench.rows("SELECT * FROM setting WHERE name LIKE 'credential-change%'")) == 1
    await changes(bench).load()  # as after a restart
    both = changes(bench).of(row.id)
    (new,) = both.passwords
    assert is_hash_of(bench, NEW, new.credential_hash) and is_hash_of(bench, OLD, row.credential_hash)
    changes(bench).used(row, credential_hash=new.credential_hash if is_new else row.credential_hash, security_profile=1)
    await asyncio.gather(*changes(bench)._tasks)
    assert is_hash_of(bench, used, row.credential_hash)
    assert changes(bench).of(row.id) is None


@pytest.mark.parametrize("again", [NEW, NEWER])
@pytest.mark.parametrize(
    "answer", [[3, {"status": "Rejected"}], [4, "InternalError", "", {}], [3, {"status": "NotSupported"}]]
)
async def test_a_refusal_ends_only_what_was_refused(answer: Any, again: str, bench: Workbench) -> None:
    """The station may have the password whose answer never came, whatever it says to the next one."""
    connection = await bench.connect()
    row = station(bench)
    row.credential_hash = hashed(bench, OLD)
    await change(bench, connection, 1006)
    await change(bench, await bench.connect(), answer, value=again)
    (undecided,) = changes(bench).of(row.id).passwords
    assert is_hash_of(bench, NEW, undecided.credential_hash)
    changes(bench).used(row, credential_hash=undecided.credential_hash, security_profile=1)
    await asyncio.gather(*changes(bench)._tasks)
    assert is_hash_of(bench, NEW, row.credential_hash) and changes(bench).of(row.id) is None


async def test_an_accepted_password_ends_those_without_an_answer(bench: Workbench) -> None:
    await change(bench, await bench.connect(), 1006)
    await change(bench, await bench.connect(), [3, {"status": "Accepted"}], value=NEWER)
    assert is_hash_of(bench, NEWER, hash_of(bench)) and changes(bench).of(station(bench).id) is None


async def test_passwords_without_an_answer_are_bounded_and_none_of_them_is_forgotten(bench: Workbench) -> None:
    for number in range(PASSWORDS_LIMIT):
        await change(bench, await bench.connect(), 1006, value=f"{number:02x}" * 18)
    connection = await bench.connect()
    outcome = await ask(bench, check("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW}))
    assert isinstance(outcome, NotSent) and "without an answer" in outcome.reason
    assert connection.sent == []
    await changes(bench).load()  # as after a restart
    kept = changes(bench).of(station(bench).id).passwords
    for number, one in enumerate(kept):
        assert is_hash_of(bench, f"{number:02x}" * 18, one.credential_hash)
    assert len(kept) == PASSWORDS_LIMIT


async def test_after_reboot_required_only_the_use_of_the_new_one_decides(bench: Workbench) -> None:
    connection = await bench.connect()
    await change(bench, connection, [3, {"status": "RebootRequired"}])
    row = station(bench)
    row.credential_hash = old = hashed(bench, OLD)
    changes(bench).used(row, credential_hash=old, security_profile=1)
    await asyncio.gather(*changes(bench)._tasks)
    (new,) = changes(bench).of(row.id).passwords
    assert row.credential_hash == old
    changes(bench).used(row, credential_hash=new.credential_hash, security_profile=1)
    await asyncio.gather(*changes(bench)._tasks)
    assert changes(bench).of(row.id) is None and is_hash_of(bench, NEW, row.credential_hash)


async def test_a_security_profile_is_changed_when_the_station_came_with_it(bench: Workbench) -> None:
    connection = await bench.connect()
    row = station(bench)
    await change(bench, connection, [3, {"status": "Accepted"}], "SecurityProfile", "2")
    assert row.security_profile == 0
    changes(bench).used(row, credential_hash=None, security_profile=0)
    await asyncio.gather(*changes(bench)._tasks)
    assert row.security_profile == 0, "it went back to the old one, and may"
    changes(bench).used(row, credential_hash=row.credential_hash, security_profile=2)
    await asyncio.gather(*changes(bench)._tasks)
    assert row.security_profile == 2
    assert await bench.rows("SELECT security_profile FROM station WHERE identity = 'A1'") == [(2,)]
    (found,) = await warnings(bench, "ChangeConfiguration", {"key": "securityprofile", "value": "1"})
    assert found == "value 1: A1 has security profile 2 (A05.FR.01)"


async def test_no_password_is_sent_that_could_not_be_written_down(bench: Workbench) -> None:
    connection = await bench.connect()

    async def refuse(*arguments: Any, **named: Any) -> None:
        raise StorageUnavailable("the database is away; nothing was written")

    changes(bench)._ledger.write = refuse
    outcome = await ask(bench, check("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW}))
    assert outcome == NotSent(reason="the database is away; nothing was written")
    assert connection.sent == []
    assert commanding(bench).commander.queued(station(bench).id) == 0
