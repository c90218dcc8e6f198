"""What is odd about the commands of the security extension, and that whoever sends them, book is kept."""

from typing import Any

import msgspec
import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, next_call

from chargewright.csms.commands.security import note_trigger
from chargewright.csms.commands.validation import warnings_of
from chargewright.csms.outcomes import Answered, Outcome, Refused
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.security import (
    ExtendedMessageTrigger,
    ExtendedTriggerMessageRequest,
    ExtendedTriggerMessageResponse,
    TriggerMessageStatus,
)

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
FIRMWARE = {
    "location": "https://h/fw.bin",
    "retrieveDateTime": "2026-03-01T12:00:00Z",
    "signingCertificate": PEM,
    "signature": "c2ln",
}
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "a" * 64, "issuerKeyHash": "B" * 64, "serialNumber": "FFF"}


@pytest.fixture
def station(bench: Workbench) -> StationRow:
    found = bench.csms._directory.station("A1")
    assert found is not None
    return found


@pytest.fixture
def services(bench: Workbench) -> Services:
    assert bench.csms._services is not None
    return bench.csms._services


def request(action: str, payload: Any) -> Message:
    made: Message = decode(ACTIONS[action].request, msgspec.json.encode(payload))
    return made


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": FIRMWARE}, []),
        (
            "SignedUpdateFirmware",
            {
                "requestId": 1,
                "retries": -2,
                "firmware": FIRMWARE
                | {"installDateTime": "2026-02-01T00:00:00Z", "signingCertificate": "x", "signature": "%"},
            },
            ["installDateTime 2026-02", "retries -2", "holds no certificate", "firmware.signature: is not base64"],
        ),
        (
            "GetLog",
            {"requestId": 1, "logType": "SecurityLog", "log": {"remoteLocation": "ftp://h/"}},
            [],
        ),
        (
            "GetLog",
            {
                "requestId": 1,
                "logType": "SecurityLog",
                "log": {
                    "remoteLocation": "here",
                    "oldestTimestamp": "2026-03-01T00:00:00Z",
                    "latestTimestamp": "2026-01-01T00:00:00Z",
                },
            },
            ["is no URL", "log.latestTimestamp"],
        ),
        ("ExtendedTriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, []),
        ("ExtendedTriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": -1}, ["connectorId -1"]),
        (
            "ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate", "connectorId": 1},
            ["is of no connector"],
        ),
        ("InstallCertificate", {"certificateType": "ManufacturerRootCertificate", "certificate": PEM}, []),
        (
            "InstallCertificate",
            {"certificateType": "ManufacturerRootCertificate", "certificate": PEM * 2},
            ["holds several"],
        ),
        ("DeleteCertificate", {"certificateHashData": HASHES}, []),
        (
            "DeleteCertificate",
            {"certificateHashData": HASHES | {"issuerNameHash": "a", "serialNumber": "0FFF"}},
            ["issuerNameHash 'a': SHA256 has 64", "serialNumber '0FFF'"],
        ),
        ("GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"}, []),
        ("CertificateSigned", {"certificateChain": PEM}, ["A1 never asked for a certificate"]),
    ],
)
async def test_what_is_odd(
    action: str, payload: Any, words: list[str], station: StationRow, services: Services
) -> None:
    warnings = list(await warnings_of(request(action, payload), station, services))
    assert len(warnings) == len(words), warnings
    for warning, expected in zip(warnings, words, strict=True):
        assert expected in warning


async def test_a_certificate_for_a_station_that_asked(
    bench: Workbench, station: StationRow, services: Services
) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "SignCertificate", {"csr": "PEM"})
    signed = request("CertificateSigned", {"certificateChain": PEM})
    assert list(await warnings_of(signed, station, services)) == []


async def test_book_is_kept_of_updates_and_logs_and_a_number_twice_is_odd(
    bench: Workbench, station: StationRow, services: Services
) -> None:
    connection = await bench.connect()
    for action, payload, answer, kind in (
        ("SignedUpdateFirmware", {"requestId": 5, "firmware": FIRMWARE}, {"status": "Accepted"}, FirmwareUpdateRow),
        (
            "GetLog",
            {"requestId": 6, "logType": "SecurityLog", "log": {"remoteLocation": "ftp://h/"}},
            {"status": "Accepted", "filename": "log"},
            DiagnosticsUploadRow,
        ),
    ):
        command = request(action, payload)
        sending = ask(bench, command)
        call = await next_call(connection)
        connection.deliver([3, call[1], answer])
        await sending
        (row,) = await bench.storage.page(kind)
        assert (row.state, row.request_id) == ("accepted", payload["requestId"])
        warnings = list(await warnings_of(command, station, services))
        assert len(warnings) == 2 and f"requestId {payload['requestId']}" in warnings[1]


@pytest.mark.parametrize(
    ("outcome", "learned"),
    [
        (
            Answered(
                response=ExtendedTriggerMessageResponse(status=TriggerMessageStatus.NOT_IMPLEMENTED), elapsed_seconds=0
            ),
            "NotImplemented",
        ),
        (Refused(code="NotSupported"), "CALLERROR NotSupported"),
    ],
)
async def test_a_message_that_the_station_does_not_send_is_remembered(
    outcome: Outcome, learned: str, station: StationRow, services: Services
) -> None:
    trigger = ExtendedTriggerMessageRequest(requested_message=ExtendedMessageTrigger.LOG_STATUS_NOTIFICATION)
    await note_trigger(trigger, outcome, station, services)
    (warning,) = await warnings_of(trigger, station, services)
    assert f"answered {learned} to it before" in warning
    accepted = ExtendedTriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)
    await note_trigger(trigger, Answered(response=accepted, elapsed_seconds=0), station, services)
    assert list(await warnings_of(trigger, station, services)) == []
