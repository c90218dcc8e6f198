"""What is odd about UpdateFirmware and GetDiagnostics, and that whoever sends them, book is kept."""

from typing import Any

import msgspec
import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, next_call

from chargewright.csms.commands.doubts import FILE_TRANSFER_PROTOCOLS
from chargewright.csms.commands.firmware_management import note_protocols
from chargewright.csms.commands.validation import warnings_of
from chargewright.csms.outcomes import Answered, Refused
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import GetConfigurationRequest, GetConfigurationResponse
from chargewright.protocol.v16.datatypes import KeyValue
from chargewright.protocol.v16.firmware_management import GetDiagnosticsRequest, UpdateFirmwareRequest


@pytest.fixture
def station(bench: Workbench) -> StationRow:
    found = bench.csms._directory.station("A1")
    assert found is not None
    return found


@pytest.fixture
def services(bench: Workbench) -> Services:
    assert bench.csms._services is not None
    return bench.csms._services


def update(**fields: Any) -> UpdateFirmwareRequest:
    payload = {"location": "ftp://h/fw.bin", "retrieveDate": "2026-03-01T12:00:00Z"} | fields
    return decode(UpdateFirmwareRequest, msgspec.json.encode(payload))


def diagnostics(**fields: Any) -> GetDiagnosticsRequest:
    return decode(GetDiagnosticsRequest, msgspec.json.encode({"location": "ftp://h/in/"} | fields))


async def test_what_is_odd_about_an_update(station: StationRow, services: Services) -> None:
    async def odd(**fields: Any) -> list[str]:
        return list(await warnings_of(update(**fields), station, services))

    assert await odd() == []
    for fields, words in (
        ({"location": "gopher://h/x"}, "stations know ftp, ftps, http, https"),
        ({"location": "fw.bin"}, "is no URL"),
        ({"retrieveDate": "2020-01-01T00:00:00Z"}, "retrieveDate 2020-01-01T00:00:00Z: is"),
        ({"retries": -1}, "retries -1: is less than 0"),
    ):
        (warning,) = await odd(**fields)
        assert words in warning
    (warning,) = await odd(location="gopher://user:secret@h/x")
    assert "secret" not in warning
    station.security_profile = 2
    (warning,) = await odd()
    assert "security profile 2" in warning and "SignedUpdateFirmware" in warning


async def test_protocols_are_learned_from_the_configuration(station: StationRow, services: Services) -> None:
    listed = [KeyValue(key="supportedFileTransferProtocols", readonly=True, value="HTTP, HTTPS")]
    outcome = Answered(response=GetConfigurationResponse(configuration_key=listed), elapsed_seconds=0)
    await note_protocols(GetConfigurationRequest(), outcome, station, services)
    assert services.abilities.of(station.id, FILE_TRANSFER_PROTOCOLS) == "HTTP, HTTPS"
    await note_protocols(GetConfigurationRequest(), Refused(code="InternalError"), station, services)
    (warning,) = await warnings_of(update(), station, services)
    assert "A1 supports HTTP, HTTPS" in warning
    assert list(await warnings_of(update(location="https://h/x"), station, services)) == []


async def test_an_end_before_its_beginning(station: StationRow, services: Services) -> None:
    request = diagnostics(startTime="2026-03-01T00:00:00Z", stopTime="2026-02-01T00:00:00Z")
    (warning,) = await warnings_of(request, station, services)
    assert warning.startswith("stopTime 2026-02-01T00:00:00Z: is before")
    assert list(await warnings_of(diagnostics(), station, services)) == []


async def test_book_is_kept_of_both_and_what_is_going_on_is_odd(
    bench: Workbench, station: StationRow, services: Services
) -> None:
    connection = await bench.connect()
    for request, answer, kind in (
        (update(), {}, FirmwareUpdateRow),
        (diagnostics(), {"fileName": "a.zip"}, DiagnosticsUploadRow),
    ):
        sending = ask(bench, request)
        call = await next_call(connection)
        # Written down before it left.
        (row,) = await bench.storage.page(kind)
        assert row.state == "requested"
        connection.deliver([3, call[1], answer])
        await sending
        (row,) = await bench.storage.page(kind)
        assert row.state == "accepted"
        (warning,) = await warnings_of(request, station, services)
        assert "going on, which is accepted" in warning


async def test_a_command_that_cannot_be_sent_leaves_nothing(bench: Workbench) -> None:
    await ask(bench, update())
    assert await bench.storage.page(FirmwareUpdateRow) == []
