"""Reservations over REST: asked, used, cancelled, expired, and what stations say of them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.csms.api.test_local_lists import BOOT, answer_calls
from tests.csms.bench import FakeConnection, Workbench

URL = "/api/v1/reservations"
FORCE = {"force": "true"}


class Station:
    """A1, with answers that a test may change."""

    def __init__(self, bench: Workbench, connection: FakeConnection) -> None:
        self.bench = bench
        self.connection = connection
        self.sent: list[Any] = []
        self.answers = {
            "ReserveNow": {"status": "Accepted"},
            "CancelReservation": {"status": "Accepted"},
            "GetConfiguration": {},
        }

    async def says(self, action: str, **payload: Any) -> Any:
        return await self.bench.exchange(self.connection, action, payload)

    async def status(self, connector_id: int, status: str) -> None:
        await self.says("StatusNotification", connectorId=connector_id, errorCode="NoError", status=status)

    async def start(self, **changes: Any) -> int:
        stamp = self.bench.clock.now().isoformat()
        payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": stamp} | changes
        answer = await self.says("StartTransaction", **payload)
        number: int = answer[2]["transactionId"]
        return number


@pytest.fixture
async def station(bench: Workbench) -> Any:
    connection = await bench.connect("A1")
    await bench.exchange(connection, "BootNotification", BOOT)
    one = Station(bench, connection)
    task = asyncio.create_task(answer_calls(connection, one.sent, one.answers))
    yield one
    task.cancel()


def wish(bench: Workbench, hours: float = 1, **changes: Any) -> dict[str, Any]:
    expiry = (bench.clock.now() + timedelta(hours=hours)).isoformat()
    return {"station": "A1", "connectorId": 1, "idTag": "TAG", "expiryDate": expiry} | changes


async def reserve(client: httpx.AsyncClient, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
    answer = await client.post(URL, json=body)
    assert answer.status_code == status, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def read(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get(f"{URL}/{made['id']}")).json()
    return answer


async def test_a_reservation_is_asked_of_the_station_and_cancelled_there(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    await client.patch("/api/v1/id-tags/1", json={"parentIdTag": "FLEET"})
    made = await reserve(client, wish(bench))
    assert (made["state"], made["parentIdTag"], made["reservationId"]) == ("active", "FLEET", 1)
    action, payload = station.sent[0]
    assert (action, payload["reservationId"], payload["parentIdTag"]) == ("ReserveNow", 1, "FLEET")
    assert (await reserve(client, wish(bench, connectorId=2)))["reservationId"] == 2
    listed = (await client.get(URL, params={"station": "A1", "state": "active"})).json()["items"]
    assert [one["reservationId"] for one in listed] == [2, 1]
    cancelled = await client.delete(f"{URL}/{made['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert station.sent[-1] == ["CancelReservation", {"reservationId": 1}]
    assert (await client.delete(f"{URL}/{made['id']}")).status_code == 409
    kinds = [kind for kind in await bench.event_kinds() if kind.startswith("reservation")]
    assert kinds == ["reservation.active", "reservation.active", "reservation.cancelled"]


async def test_what_the_station_refuses_is_kept_as_refused(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    station.answers["ReserveNow"] = {"status": "Occupied"}
    made = await reserve(client, wish(bench), 200)
    assert (made["state"], made["reason"]) == ("refused", "the station answered Occupied")


async def test_a_station_that_is_not_there_is_a_conflict(bench: Workbench, client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json=wish(bench))
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not-sent")
    (row,) = (await client.get(URL)).json()["items"]
    assert row["state"] == "refused"


@pytest.mark.parametrize("with_number", [True, False])
async def test_a_transaction_takes_the_reservation(
    with_number: bool, bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench))
    named = {"reservationId": made["reservationId"]} if with_number else {}
    number = await station.start(**named)
    assert await station.start(**named) == number, "the same start again"
    async with asyncio.timeout(10):
        while (now := await read(client, made))["transactionId"] is None:
            await bench.settle()
    assert (now["state"], now["transactionId"]) == ("used", number)
    assert (await bench.event_kinds()).count("reservation.used") == 1


async def test_another_tag_on_the_connector_does_not_take_it(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench))
    await station.start(idTag="OTHER")
    assert (await read(client, made))["state"] == "active"


@pytest.mark.parametrize(
    ("reserved", "reported", "status", "state"),
    [
        (1, 1, "Faulted", "ended"),
        (1, 0, "Unavailable", "ended"),
        (0, 0, "Faulted", "ended"),
        (0, 1, "Faulted", "active"),
        (1, 2, "Unavailable", "active"),
        (1, 1, "Reserved", "active"),
    ],
)
async def test_a_connector_out_of_service_ends_its_reservations(
    reserved: int, reported: int, status: str, state: str, bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench, connectorId=reserved))
    await station.status(reported, status)
    assert (await read(client, made))["state"] == state


async def test_an_old_status_that_arrives_late_ends_nothing(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench))
    old = (bench.clock.now() - timedelta(hours=2)).isoformat()
    await station.says("StatusNotification", connectorId=1, errorCode="NoError", status="Faulted", timestamp=old)
    assert (await read(client, made))["state"] == "active"


async def test_a_reservation_expires_and_may_still_be_used_late(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench))
    bench.clock.advance(3601)
    other = await reserve(client, wish(bench, connectorId=2))  # wakes the one that looks at the time
    async with asyncio.timeout(10):
        while (await read(client, made))["state"] == "active":
            await bench.settle()
    assert ((await read(client, made))["state"], (await read(client, other))["state"]) == ("expired", "active")
    assert "reservation.expired" in await bench.event_kinds()
    await station.start(reservationId=made["reservationId"])
    assert (await read(client, made))["state"] == "used"


async def test_a_reservation_with_the_number_of_another_takes_its_place(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    made = await reserve(client, wish(bench, reservationId=7))
    station.answers["ReserveNow"] = {"status": "Rejected"}
    await reserve(client, wish(bench, reservationId=7, connectorId=2))
    assert (await read(client, made))["connectorId"] == 1, "the station kept the first one"
    station.answers["ReserveNow"] = {"status": "Accepted"}
    await reserve(client, wish(bench, reservationId=7, connectorId=2))
    assert (await read(client, made))["connectorId"] == 2


async def test_what_is_odd_is_told_and_can_be_forced(
    bench: Workbench, client: httpx.AsyncClient, station: Station
) -> None:
    keys = [
        {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,SmartCharging"},
        {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": "false"},
    ]
    station.answers["GetConfiguration"] = {"configurationKey": keys}
    await client.post("/api/v1/stations/A1/commands/GetConfiguration", json={})
    await station.status(1, "Charging")
    for body, words in (
        (wish(bench), ("does not list Reservation", "reported it as Charging")),
        (wish(bench, connectorId=0), ("ReserveConnectorZeroSupported false",)),
        (wish(bench, connectorId=9, hours=-1, idTag="X"), ("never reported it", "it is past", "nobody registered it")),
    ):
        odd = await client.post(URL, json=body)
        assert odd.status_code == 422, odd.text
        told = " ".join(odd.json()["warnings"])
        assert all(word in told for word in words), told
    forced = await client.post(URL, json=wish(bench), params=FORCE)
    assert forced.status_code == 201


async def test_commands_sent_raw_are_kept_too(bench: Workbench, client: httpx.AsyncClient, station: Station) -> None:
    payload = wish(bench, reservationId=-5)
    del payload["station"]
    raw = "/api/v1/stations/A1/commands"
    assert (await client.post(f"{raw}/ReserveNow", json=payload, params=FORCE)).json() == {"status": "Accepted"}
    (row,) = (await client.get(URL)).json()["items"]
    assert (row["reservationId"], row["state"]) == (-5, "active")
    station.answers["CancelReservation"] = {"status": "Rejected"}
    await client.post(f"{raw}/CancelReservation", json={"reservationId": 99}, params=FORCE)
    assert (await read(client, row))["state"] == "active"
    await client.post(f"{raw}/CancelReservation", json={"reservationId": -5})
    assert (await read(client, row))["state"] == "ended", "the station says that it does not have it"
