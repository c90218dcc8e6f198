"""Uploads of diagnostics and logs on both databases."""

from typing import Any

import msgspec
import pytest
from tests.csms.services.upkeep import UpkeepBench, answered

from chargewright.csms.errors import NotFound
from chargewright.csms.outcomes import Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.storage.rows.upkeep import DiagnosticsStatusRow, DiagnosticsUploadRow
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.firmware_management import GetDiagnosticsRequest, GetDiagnosticsResponse
from chargewright.protocol.v16.security import GetLogRequest, GetLogResponse, HashAlgorithm, LogStatus

NAMED = answered(GetDiagnosticsResponse(file_name="a.zip"))


def diagnostics(**fields: Any) -> GetDiagnosticsRequest:
    payload = {"location": "ftp://u:p@files.example/in/"} | fields
    return decode(GetDiagnosticsRequest, msgspec.json.encode(payload))


def log(request_id: int, kind: str = "SecurityLog") -> GetLogRequest:
    bounds = {"oldestTimestamp": "2026-02-01T00:00:00Z", "latestTimestamp": "2026-03-01T00:00:00Z"}
    payload = {
        "requestId": request_id,
        "logType": kind,
        "log": {"remoteLocation": "https://files.example/in?token=t"} | bounds,
        "retries": 3,
    }
    return decode(GetLogRequest, msgspec.json.encode(payload))


def log_answer(status: str, file_name: str | None = "log.txt") -> Outcome:
    named = {} if file_name is None else {"filename": file_name}
    outcome: Outcome = answered(GetLogResponse(status=LogStatus(status), **named))
    return outcome


async def ask(upkeep: UpkeepBench, request: Any, outcome: Outcome = NAMED) -> DiagnosticsUploadRow:
    upkeep.clock.advance(1)
    row = await upkeep.diagnostics.asking(upkeep.a, request)
    await upkeep.diagnostics.asked(upkeep.a, request, outcome)
    return await upkeep.diagnostics.upload(row.upload_id)


async def tell(upkeep: UpkeepBench, *statuses: str, is_log: bool = False, request_id: int | None = None) -> None:
    for status in statuses:
        await upkeep.tell(
            lambda call, status=status: upkeep.diagnostics.status(call, status, is_log=is_log, request_id=request_id)
        )


async def state(upkeep: UpkeepBench, row: DiagnosticsUploadRow) -> str:
    return (await upkeep.diagnostics.upload(row.upload_id)).state


async def test_diagnostics_from_the_command_to_the_file(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    row = await ask(upkeep, diagnostics(startTime="2026-02-01T00:00:00Z", retries=1))
    assert (row.kind, row.state, row.file_name, row.request_id) == ("Diagnostics", "accepted", "a.zip", None)
    assert (row.location, row.retries, row.latest_at) == ("ftp://u:***@files.example/in/", 1, None)
    await tell(upkeep, "Uploading")
    await upkeep.restart()
    await tell(upkeep, "Uploaded", "Uploaded", "Idle")
    row = await upkeep.diagnostics.upload(row.upload_id)
    assert row.state == "Uploaded" and row.finished_at is not None
    told = await upkeep.diagnostics.history(row.upload_id)
    assert [(each.status, each.expected) for each in told] == [
        ("Uploading", True),
        ("Uploaded", True),
        ("Uploaded", True),
    ]
    assert [each.upload_id for each in await upkeep.storage.page(DiagnosticsStatusRow)][-1] is None  # Idle
    (requested,) = await upkeep.events("diagnostics.requested")
    assert requested == {"uploadId": row.upload_id, "kind": "Diagnostics", "location": row.location}
    (answer,) = await upkeep.events("diagnostics.state")
    assert answer == {"uploadId": row.upload_id, "state": "accepted", "fileName": "a.zip"}


@pytest.mark.parametrize("file_name", [None, ""])
async def test_no_file_name_means_that_there_is_nothing_to_upload(upkeep: UpkeepBench, file_name: str | None) -> None:
    named = {} if file_name is None else {"file_name": file_name}
    row = await ask(upkeep, diagnostics(), answered(GetDiagnosticsResponse(**named)))
    assert (row.state, row.file_name) == ("nothing", None)
    assert row.finished_at is not None
    assert upkeep.diagnostics.unfinished(upkeep.a.id) == []
    # A station that uploads one all the same.
    await tell(upkeep, "Uploading", "Uploaded")
    assert await state(upkeep, row) == "Uploaded"


@pytest.mark.parametrize(
    ("request_id", "outcome", "expected", "problem"),
    [
        (None, Refused(code="NotImplemented"), "refused", "the station answered with CALLERROR NotImplemented"),
        (None, Malformed(reason="odd"), "unanswered", "odd"),
        (None, Unanswered(reason="lost"), "unanswered", "lost"),
        (None, NotSent(reason="offline"), "not-sent", "offline"),
        (4, log_answer("Accepted"), "accepted", None),
        (4, log_answer("Accepted", None), "nothing", None),
        (4, log_answer("AcceptedCanceled"), "accepted", None),
        (4, log_answer("Rejected", None), "refused", "the station answered Rejected"),
    ],
)
async def test_every_end_of_the_command(
    upkeep: UpkeepBench, request_id: int | None, outcome: Outcome, expected: str, problem: str | None
) -> None:
    row = await ask(upkeep, diagnostics() if request_id is None else log(request_id), outcome)
    assert (row.state, row.problem) == (expected, problem)


async def test_logs_are_told_apart_by_their_numbers(upkeep: UpkeepBench) -> None:
    first = await ask(upkeep, log(1), log_answer("Accepted"))
    second = await ask(upkeep, log(2, "DiagnosticsLog"), log_answer("Accepted"))
    assert (first.kind, second.kind) == ("SecurityLog", "DiagnosticsLog")
    assert first.location == "https://files.example/in?token=***"
    assert first.oldest_at is not None and first.latest_at is not None and first.oldest_at < first.latest_at
    await tell(upkeep, "Uploading", "PermissionDenied", is_log=True, request_id=1)
    await tell(upkeep, "Uploading", "Uploaded", is_log=True, request_id=2)
    assert [await state(upkeep, first), await state(upkeep, second)] == ["PermissionDenied", "Uploaded"]


async def test_a_log_for_which_an_older_one_was_given_up(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    first = await ask(upkeep, log(1), log_answer("Accepted"))
    await tell(upkeep, "Uploading", is_log=True, request_id=1)
    unsigned = await ask(upkeep, diagnostics())
    second = await ask(upkeep, log(2), log_answer("AcceptedCanceled"))
    first = await upkeep.diagnostics.upload(first.upload_id)
    assert (first.state, first.problem) == ("canceled", f"by upload {second.upload_id}")
    assert await state(upkeep, unsigned) == "accepted"


async def test_of_diagnostics_the_newest_counts_and_a_status_without_number_finds_a_log(upkeep: UpkeepBench) -> None:
    first = await ask(upkeep, diagnostics())
    second = await ask(upkeep, diagnostics(retries=5))
    assert await state(upkeep, first) == "superseded"
    await tell(upkeep, "Uploading", "UploadFailed", "Uploading")
    assert await state(upkeep, second) == "Uploading"
    third = await ask(upkeep, log(9), log_answer("Accepted"))
    await tell(upkeep, "UploadFailure", is_log=True)
    assert await state(upkeep, third) == "UploadFailure"


async def test_what_belongs_to_no_upload_is_kept_all_the_same(upkeep: UpkeepBench) -> None:
    await tell(upkeep, "Uploaded")
    await tell(upkeep, "Idle", is_log=True)
    await tell(upkeep, "BadMessage", is_log=True, request_id=77)
    rows = await upkeep.storage.page(DiagnosticsStatusRow)
    assert [(row.upload_id, row.status, row.request_id, row.expected) for row in rows] == [
        (None, "Uploaded", None, False),
        (None, "Idle", None, True),
        (None, "BadMessage", 77, False),
    ]


async def test_an_answer_to_another_command_is_no_answer(upkeep: UpkeepBench) -> None:
    row = await ask(upkeep, diagnostics(), answered(HashAlgorithm))
    assert row.state == "unanswered"


async def test_ends_that_nobody_wrote_down_the_beginning_of(upkeep: UpkeepBench) -> None:
    await upkeep.diagnostics.asked(upkeep.a, diagnostics(), NotSent(reason="offline"))
    assert await upkeep.storage.page(DiagnosticsUploadRow) == []
    await upkeep.diagnostics.asked(upkeep.a, diagnostics(), NAMED)
    (row,) = await upkeep.storage.page(DiagnosticsUploadRow)
    assert row.state == "accepted"
    with pytest.raises(NotFound):
        await upkeep.diagnostics.upload("nothing")
