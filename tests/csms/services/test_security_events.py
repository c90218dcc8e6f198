"""Security events and requests for certificates, on both databases."""

import asyncio

import msgspec
import pytest
from tests.csms.services.upkeep import UpkeepBench

from chargewright.csms.services.security_events import CERTIFICATE_REQUESTS_PER_STATION, is_critical
from chargewright.csms.storage.rows.upkeep import CertificateRequestRow, SecurityEventRow
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.security import (
    GenericStatus,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
)
from chargewright.protocol.v16.security_events import SecurityEvent


def event(kind: str, tech_info: str | None = None) -> SecurityEventNotificationRequest:
    payload = {"type": kind, "timestamp": "2026-03-01T11:30:00+01:00"} | (
        {} if tech_info is None else {"techInfo": tech_info}
    )
    return decode(SecurityEventNotificationRequest, msgspec.json.encode(payload))


def csr(text: str) -> SignCertificateRequest:
    return decode(SignCertificateRequest, msgspec.json.encode({"csr": text}))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("TamperDetectionActivated", True),
        ("tamperdetectionactivated", True),
        ("SettingSystemTime", True),
        ("InvalidFirmwareSignature", False),
        ("VendorsOwn", False),
    ],
)
def test_which_events_are_critical(kind: str, expected: bool) -> None:
    assert is_critical(kind) is expected


def test_seven_of_the_whitepapers_events_are_critical() -> None:
    assert sum(is_critical(event.value) for event in SecurityEvent) == 7


async def test_every_event_is_kept_with_its_own_time(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    await upkeep.tell(lambda call: upkeep.security.receive(call, event("MemoryExhaustion", "3 % left")))
    await upkeep.tell(lambda call: upkeep.security.receive(call, event("VendorsOwn")), upkeep.b)
    first, second = await upkeep.storage.page(SecurityEventRow)
    assert (first.station_id, first.type, first.critical, first.tech_info) == (
        upkeep.a.id,
        "MemoryExhaustion",
        True,
        "3 % left",
    )
    assert first.station_time == "2026-03-01T11:30:00+01:00"
    assert first.received_at - first.instant == (90 * 60 + 1) * 1_000_000  # queued by the station
    assert (second.station_id, second.critical, second.tech_info) == (upkeep.b.id, False, None)
    assert await upkeep.events("security.event") == [
        {
            "type": "MemoryExhaustion",
            "critical": True,
            "timestamp": "2026-03-01T11:30:00+01:00",
            "techInfo": "3 % left",
        },
        {"type": "VendorsOwn", "critical": False, "timestamp": "2026-03-01T11:30:00+01:00"},
    ]


async def test_a_request_for_a_certificate_is_kept_and_rejected(upkeep: UpkeepBench) -> None:
    assert not upkeep.security.has_asked(upkeep.a.id)
    status = await upkeep.tell(lambda call: upkeep.security.certificate_requested(call, csr("-----BEGIN")))
    assert status is GenericStatus.REJECTED
    (row,) = await upkeep.security.certificate_requests(upkeep.a.id)
    assert (row.csr, row.status) == ("-----BEGIN", "Rejected")
    assert upkeep.security.has_asked(upkeep.a.id)
    assert not upkeep.security.has_asked(upkeep.b.id)
    (told,) = await upkeep.events("security.certificate_requested")
    assert told == {"status": "Rejected", "certificateRequestId": row.certificate_request_id}
    await upkeep.restart()
    assert upkeep.security.has_asked(upkeep.a.id)


async def test_of_too_many_requests_the_newest_stay(upkeep_on_each: UpkeepBench) -> None:
    upkeep = upkeep_on_each
    for number in range(CERTIFICATE_REQUESTS_PER_STATION + 5):
        await upkeep.tell(lambda call, number=number: upkeep.security.certificate_requested(call, csr(f"{number}")))
    await upkeep.tell(lambda call: upkeep.security.certificate_requested(call, csr("b")), upkeep.b)
    await upkeep.security.thin_out()
    kept = await upkeep.security.certificate_requests(upkeep.a.id)
    assert [row.csr for row in kept] == [f"{number}" for number in range(14, 4, -1)]
    assert await upkeep.storage.count(CertificateRequestRow) == {None: CERTIFICATE_REQUESTS_PER_STATION + 1}


async def test_they_go_by_themselves_also_after_a_restart(upkeep: UpkeepBench) -> None:
    for number in range(CERTIFICATE_REQUESTS_PER_STATION + 2):
        await upkeep.tell(lambda call, number=number: upkeep.security.certificate_requested(call, csr(f"{number}")))
    await upkeep.restart()
    (loop,) = upkeep.security.work().values()
    work = asyncio.ensure_future(loop())
    async with asyncio.timeout(10):
        while (await upkeep.storage.count(CertificateRequestRow))[None] > CERTIFICATE_REQUESTS_PER_STATION:
            assert not work.done()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
