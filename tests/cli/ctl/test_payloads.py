"""Payloads on the command line, and what counts as accepted."""

from pathlib import Path

import pytest

from chargewright.cli.ctl.client import CtlError, ExitCode
from chargewright.cli.ctl.payloads import answer_seconds, is_accepted, read_payload


def test_json_and_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"a": 1}')
    assert read_payload('{"a": 1}') == read_payload(f"@{file}") == {"a": 1}


def test_what_cannot_be_read_is_a_wrong_value(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for text in ("", "{", "@/nowhere", f"@{binary}"):
        with pytest.raises(CtlError) as caught:
            read_payload(text)
        assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize("status", ["Accepted", "Scheduled", "RebootRequired", "Unlocked", "AcceptedCanceled"])
def test_these_are_accepted(status: str) -> None:
    assert is_accepted({"status": status})


@pytest.mark.parametrize("status", ["Rejected", "NotSupported", "Occupied", "Failed", "UnlockFailed", ""])
def test_these_are_not(status: str) -> None:
    assert not is_accepted({"status": status})


def test_without_status_an_answer_is_enough() -> None:
    assert is_accepted({})
    assert is_accepted({"listVersion": 0})


def test_the_server_gets_more_time_than_the_station() -> None:
    assert answer_seconds(100.0) > 100
    assert answer_seconds(None) > 60
