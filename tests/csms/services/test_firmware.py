"""Firmware updates on both databases: commands, statuses in any order, reboots, and what is known after a restart."""

from typing import Any

import msgspec
import pytest
from tests.csms.services.upkeep import UpkeepBench, answered

from chargewright.csms.errors import NotFound
from chargewright.csms.outcomes import Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.services.firmware import FirmwareService
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import FirmwareStatusRow, FirmwareUpdateRow
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import BootNotificationRequest
from chargewright.protocol.v16.firmware_management import UpdateFirmwareRequest, UpdateFirmwareResponse
from chargewright.protocol.v16.security import (
    SignedUpdateFirmwareRequest,
    SignedUpdateFirmwareResponse,
    UpdateFirmwareStatus,
)

LOCATION = "ftp://user:secret@files.example/fw.bin"
ACCEPTED = answered(UpdateFirmwareResponse())


def unsigned(location: str = LOCATION) -> UpdateFirmwareRequest:
    payload = {"location": location, "retrieveDate": "2026-03-01T12:00:00Z", "retries": 2, "retryInterval": 60}
    return decode(UpdateFirmwareRequest, msgspec.json.encode(payload))


def signed(request_id: int) -> SignedUpdateFirmwareRequest:
    firmware = {
        "location": LOCATION,
        "retrieveDateTime": "2026-03-01T12:00:00Z",
        "installDateTime": "2026-03-02T12:00:00Z",
        "signingCertificate": "PEM",
        "signature": "c2ln",
    }
    payload = {"requestId": request_id, "firmware": firmware}
    return decode(SignedUpdateFirmwareRequest, msgspec.json.encode(payload))


def signed_answer(status: str) -> Outcome:
    outcome: Outcome = answered(SignedUpdateFirmwareResponse(status=UpdateFirmwareStatus(status)))
    return outcome


def boot(version: str | None) -> BootNotificationRequest:
    fields = {"chargePointVendor": "V", "chargePointModel": "M"} | (
        {} if version is None else {"firmwareVersion": version}
    )
    return decode(BootNotificationRequest, msgspec.json.encode(fields))


async def ask(upkeep: UpkeepBench, request: Any, outcome: Outcome = ACCEPTED) -> FirmwareUpdateRow:
    """The whole of one command; the row as it is stored then."""
    upkeep.clock.advance(1)
    row = await upkeep.firmware.asking(upkeep.a, request)
    await upkeep.firmware.asked(upkeep.a, request, outcome)
    return await upkeep.firmware.update(row.update_id)


async def tell(
    upkeep: UpkeepBench, *statuses: str, signed: bool = False, request_id: int | None = None, station: Any = None
) -> None:
    for status in statuses:
        await upkeep.tell(
            lambda call, status=status: upkeep.firmware.status(call, status, signed=signed, request_id=request_id),
            station,
        )


async def history(service: FirmwareService, row: FirmwareUpdateRow) -> list[tuple[str, bool]]:
    return [(status.status, status.expected) for status in await service.history(row.update_id)]


async def test_an_update_from_the_command_to_its_end(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    await upkeep.tell(lambda call: upkeep.firmware.booted(call, boot("1.0")))
    row = await ask(upkeep, unsigned())
    assert (row.state, row.signed, row.request_id, row.retries, row.retry_interval_seconds) == (
        "accepted",
        False,
        None,
        2,
        60,
    )
    assert row.location == "ftp://user:***@files.example/fw.bin"
    assert row.version_before == "1.0"
    await tell(upkeep, "Downloading", "Downloaded", "Installing")
    # The reboot in the middle: another connection, another version.
    await upkeep.tell(lambda call: upkeep.firmware.booted(call, boot("1.1")))
    await tell(upkeep, "Installed", "Installed")
    row = await upkeep.firmware.update(row.update_id)
    assert (row.state, row.version_before, row.version_after) == ("Installed", "1.0", "1.1")
    assert row.finished_at is not None and row.finished_at > row.created_at
    told = ["Downloading", "Downloaded", "Installing", "Installed", "Installed"]
    assert await history(upkeep.firmware, row) == [(status, True) for status in told]
    assert upkeep.firmware.unfinished(upkeep.a.id) == []
    assert upkeep.firmware.version(upkeep.a.id) == "1.1"
    assert [
        (event["before"], event["after"], event["updateId"]) for event in await upkeep.events("firmware.version")
    ] == [("1.0", "1.1", row.update_id)]
    (requested,) = await upkeep.events("firmware.requested")
    assert requested == {"updateId": row.update_id, "signed": False, "location": row.location}
    last = (await upkeep.events("firmware.status"))[-1]
    assert last == {
        "status": "Installed",
        "signed": False,
        "expected": True,
        "updateId": row.update_id,
        "state": "Installed",
    }


async def test_a_restart_in_the_middle_loses_nothing(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    row = await ask(upkeep, unsigned())
    await tell(upkeep, "Downloading")
    await upkeep.restart()
    await tell(upkeep, "DownloadFailed")
    row = await upkeep.firmware.update(row.update_id)
    assert row.state == "DownloadFailed"
    assert await history(upkeep.firmware, row) == [("Downloading", True), ("DownloadFailed", True)]
    # Ended a moment ago: a try more still belongs to it, also after another restart.
    await upkeep.restart()
    await tell(upkeep, "Downloading")
    row = await upkeep.firmware.update(row.update_id)
    assert (row.state, row.finished_at) == ("Downloading", None)
    assert (await history(upkeep.firmware, row))[-1][0] == "Downloading"


@pytest.mark.parametrize("failure", ["DownloadFailed", "InstallationFailed"])
async def test_a_failure_ends_it(upkeep: UpkeepBench, failure: str) -> None:
    row = await ask(upkeep, unsigned())
    await tell(upkeep, failure)
    row = await upkeep.firmware.update(row.update_id)
    assert (row.state, row.finished_at is not None) == (failure, True)


@pytest.mark.parametrize(
    ("request_id", "outcome", "state", "problem"),
    [
        (None, ACCEPTED, "accepted", None),
        (7, signed_answer("Accepted"), "accepted", None),
        (7, signed_answer("AcceptedCanceled"), "accepted", None),
        (7, signed_answer("Rejected"), "refused", "the station answered Rejected"),
        (7, signed_answer("InvalidCertificate"), "refused", "the station answered InvalidCertificate"),
        (7, signed_answer("RevokedCertificate"), "refused", "the station answered RevokedCertificate"),
        (
            None,
            Refused(code="NotSupported", description="signed only"),
            "refused",
            "the station answered with CALLERROR NotSupported signed only",
        ),
        (None, Malformed(reason="no object"), "unanswered", "no object"),
        (None, Unanswered(reason="no answer in 30 s"), "unanswered", "no answer in 30 s"),
        (None, NotSent(reason="the station is not connected"), "not-sent", "the station is not connected"),
    ],
)
async def test_every_end_of_the_command(
    upkeep: UpkeepBench, request_id: int | None, outcome: Outcome, state: str, problem: str | None
) -> None:
    row = await ask(upkeep, unsigned() if request_id is None else signed(request_id), outcome)
    assert (row.state, row.problem) == (state, problem)
    assert (row.finished_at is None) == (state in ("accepted", "unanswered"))
    (event,) = await upkeep.events("firmware.state")
    assert event == {"updateId": row.update_id, "state": state} | ({} if problem is None else {"problem": problem})


async def test_an_unanswered_command_may_have_been_carried_out(upkeep: UpkeepBench) -> None:
    row = await ask(upkeep, unsigned(), Unanswered(reason="lost"))
    await tell(upkeep, "Downloading")
    assert (await upkeep.firmware.update(row.update_id)).state == "Downloading"


async def test_statuses_may_come_before_the_answer(upkeep: UpkeepBench) -> None:
    request = unsigned()
    row = await upkeep.firmware.asking(upkeep.a, request)
    await tell(upkeep, "Downloading")
    await upkeep.firmware.asked(upkeep.a, request, ACCEPTED)
    assert (await upkeep.firmware.update(row.update_id)).state == "Downloading"
    assert len(await upkeep.storage.page(FirmwareUpdateRow)) == 1


async def test_a_command_that_was_written_down_is_not_written_twice(upkeep: UpkeepBench) -> None:
    first = await upkeep.firmware.asking(upkeep.a, unsigned())
    assert (await upkeep.firmware.asking(upkeep.a, unsigned())).update_id == first.update_id
    await upkeep.firmware.asked(upkeep.a, unsigned(), ACCEPTED)
    second = await upkeep.firmware.asking(upkeep.a, unsigned())
    assert second.update_id != first.update_id
    # Ends that nobody wrote down the beginning of: noted where something may have happened, and only there.
    await upkeep.firmware.asked(upkeep.b, unsigned(), NotSent(reason="offline"))
    assert len(await upkeep.storage.page(FirmwareUpdateRow, {"station_id": upkeep.b.id})) == 0
    await upkeep.firmware.asked(upkeep.b, unsigned(), ACCEPTED)
    (row,) = await upkeep.storage.page(FirmwareUpdateRow, {"station_id": upkeep.b.id})
    assert row.state == "accepted"


async def test_signed_updates_are_told_apart_by_their_numbers(upkeep: UpkeepBench) -> None:
    first = await ask(upkeep, signed(1), signed_answer("Accepted"))
    assert first.install_at is not None and first.install_at - first.retrieve_at == 86_400_000_000
    second = await ask(upkeep, signed(2), signed_answer("Accepted"))
    await tell(upkeep, "Downloading", signed=True, request_id=1)
    await tell(upkeep, "DownloadScheduled", signed=True, request_id=2)
    await tell(upkeep, "Downloaded", "InvalidSignature", signed=True, request_id=1)
    states = [(await upkeep.firmware.update(row.update_id)).state for row in (first, second)]
    assert states == ["InvalidSignature", "DownloadScheduled"]
    # Without a number: only Idle is right so, and whatever else comes belongs to what is unfinished.
    await tell(upkeep, "Idle", "Downloading", signed=True)
    assert (await upkeep.firmware.update(second.update_id)).state == "Downloading"


async def test_a_newer_update_for_which_the_older_was_given_up(upkeep: UpkeepBench) -> None:
    first = await ask(upkeep, signed(1), signed_answer("Accepted"))
    refused = await ask(upkeep, signed(2), signed_answer("Rejected"))
    assert (await upkeep.firmware.update(first.update_id)).state == "accepted"
    second = await ask(upkeep, signed(3), signed_answer("AcceptedCanceled"))
    first = await upkeep.firmware.update(first.update_id)
    assert (first.state, first.problem) == ("canceled", f"by update {second.update_id}")
    assert (await upkeep.firmware.update(refused.update_id)).state == "refused"
    await tell(upkeep, "Installed", signed=True, request_id=1)
    assert (await upkeep.firmware.update(first.update_id)).state == "canceled"
    assert await history(upkeep.firmware, first) == [("Installed", False)]


async def test_of_unsigned_updates_the_newest_counts(upkeep: UpkeepBench) -> None:
    first = await ask(upkeep, unsigned())
    await tell(upkeep, "Downloading")
    second = await ask(upkeep, unsigned("http://files.example/2.bin"))
    assert (await upkeep.firmware.update(first.update_id)).state == "superseded"
    await tell(upkeep, "Downloading")
    assert (await upkeep.firmware.update(second.update_id)).state == "Downloading"


async def test_no_station_has_more_than_a_few_unfinished(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    rows = [await ask(upkeep, signed(number), signed_answer("Accepted")) for number in range(1, 7)]
    states = [(await upkeep.firmware.update(row.update_id)).state for row in rows]
    assert states == ["superseded"] * 2 + ["accepted"] * 4
    assert [row.request_id for row in upkeep.firmware.unfinished(upkeep.a.id)] == [6, 5, 4, 3]


async def test_what_belongs_to_no_update_is_kept_all_the_same(upkeep: UpkeepBench) -> None:
    row = await ask(upkeep, signed(1), signed_answer("Accepted"))
    await tell(upkeep, "Installed", signed=True, request_id=99)
    await tell(upkeep, "Downloading", station=upkeep.b)
    await tell(upkeep, "Idle", station=upkeep.b)
    assert (await upkeep.firmware.update(row.update_id)).state == "accepted"
    statuses = await upkeep.storage.page(FirmwareStatusRow)
    assert [(each.update_id, each.status, each.request_id, each.expected) for each in statuses] == [
        (None, "Installed", 99, False),
        (None, "Downloading", None, False),
        (None, "Idle", None, True),
    ]
    assert [event.get("updateId") for event in await upkeep.events("firmware.status")] == [None] * 3


async def test_the_wrong_message_of_the_two_still_finds_the_update(upkeep: UpkeepBench) -> None:
    row = await ask(upkeep, signed(1), signed_answer("Accepted"))
    await tell(upkeep, "Downloading")
    assert (await upkeep.firmware.update(row.update_id)).state == "Downloading"


async def test_statuses_in_one_batch_follow_each_other(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    row = await ask(upkeep, unsigned())
    calls = [upkeep.call() for _ in range(3)]
    for call, status in zip(calls, ("Downloading", "Downloaded", "Installing"), strict=True):
        upkeep.firmware.status(call, status, signed=False)
    await upkeep.settle(*calls)
    assert (await upkeep.firmware.update(row.update_id)).state == "Installing"
    assert all(is_expected for _, is_expected in await history(upkeep.firmware, row))


async def test_a_status_that_was_never_committed_changed_nothing(upkeep: UpkeepBench) -> None:
    row = await ask(upkeep, unsigned())
    lost = upkeep.call()
    lost.unit.epoch = 5
    upkeep.firmware.status(lost, "Downloading", signed=False)
    # Its connection is gone with it; on the next one the station says it again.
    await tell(upkeep, "Downloading")
    assert await history(upkeep.firmware, row) == [("Downloading", True)]
    (unfinished,) = upkeep.firmware.unfinished(upkeep.a.id)
    assert unfinished.state == "Downloading"


async def test_a_version_that_did_not_change_is_no_event(upkeep: UpkeepBench) -> None:
    for version in ("1.0", "1.0", None, "1.0"):
        await upkeep.tell(lambda call, version=version: upkeep.firmware.booted(call, boot(version)))
    assert await upkeep.events("firmware.version") == []
    await upkeep.tell(lambda call: upkeep.firmware.booted(call, boot("0.9")))
    assert await upkeep.events("firmware.version") == [{"before": "1.0", "after": "0.9"}]


async def test_request_ids_are_never_used_twice(upkeep: UpkeepBench) -> None:
    numbers = [await upkeep.firmware.new_request_id(), await upkeep.diagnostics.new_request_id()]
    await upkeep.restart()
    numbers.append(await upkeep.firmware.new_request_id())
    assert len(set(numbers)) == 3 and min(numbers) > 0


async def test_an_unknown_update(upkeep: UpkeepBench) -> None:
    with pytest.raises(NotFound):
        await upkeep.firmware.update("nothing")
    station: StationRow = upkeep.b
    assert upkeep.firmware.version(station.id) is None
