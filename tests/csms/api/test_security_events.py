"""Security events and certificate requests over REST, as stations sent them."""

import httpx
from tests.csms.bench import Workbench


def event(kind: str) -> dict[str, str]:
    return {"type": kind, "timestamp": "2026-03-01T10:00:00Z", "techInfo": f"about {kind}"}


async def test_events_are_listed_for_one_station_and_for_all(bench: Workbench, client: httpx.AsyncClient) -> None:
    for identity, kinds in (("A1", ("TamperDetectionActivated", "VendorsOwn")), ("A2", ("SettingSystemTime",))):
        connection = await bench.connect(identity)
        for kind in kinds:
            assert (await bench.exchange(connection, "SecurityEventNotification", event(kind)))[2] == {}
    everything = (await client.get("/api/v1/security-events")).json()
    assert [item["type"] for item in everything["items"]] == [
        "SettingSystemTime",
        "VendorsOwn",
        "TamperDetectionActivated",
    ]
    assert everything["items"][2] == {
        "station": "A1",
        "type": "TamperDetectionActivated",
        "critical": True,
        "timestamp": "2026-03-01T10:00:00.000Z",
        "stationTime": "2026-03-01T10:00:00Z",
        "techInfo": "about TamperDetectionActivated",
        "receivedAt": "2026-03-01T12:00:00.000Z",
    }
    critical = (await client.get("/api/v1/security-events?critical=true&limit=1")).json()
    assert [item["type"] for item in critical["items"]] == ["SettingSystemTime"]
    rest = (await client.get(f"/api/v1/security-events?critical=true&cursor={critical['next']}")).json()
    assert [item["type"] for item in rest["items"]] == ["TamperDetectionActivated"]
    of_one = (await client.get("/api/v1/stations/A1/security-events?type=VendorsOwn")).json()["items"]
    assert [(item["station"], item["critical"]) for item in of_one] == [("A1", False)]
    assert (await client.get("/api/v1/stations/NOBODY/security-events")).status_code == 404


async def test_a_certificate_request_is_rejected_and_shown(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    assert (await bench.exchange(connection, "SignCertificate", {"csr": "PEM"}))[2] == {"status": "Rejected"}
    (item,) = (await client.get("/api/v1/stations/A1/certificate-requests")).json()["items"]
    assert (item["csr"], item["status"]) == ("PEM", "Rejected")
    assert "security.certificate_requested" in await bench.event_kinds()
