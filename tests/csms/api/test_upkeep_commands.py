"""Sending what updates and uploads ask for: too many commands, and instants as commands say them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, next_call

from chargewright.csms.api.upkeep_commands import stamp
from chargewright.protocol.v16.base import UNSET

TOKEN = "a-bearer-key"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ACCEPTED = {"status": "Accepted"}


def test_an_instant_as_a_command_says_it() -> None:
    assert stamp(None) is UNSET
    assert getattr(stamp(1_700_000_000_000_000), "text", None) == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize("resource", ["firmware-updates", "diagnostics"])
async def test_where_too_many_commands_wait_it_is_noted_as_not_sent(resource: str, start_bench: object) -> None:
    token = "a-bearer-key"
    bench: Workbench = await start_bench(bootstrap_token=token, commands_per_station=1)  # type: ignore[operator]
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://csms/api/v1", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        connection = await bench.connect()
        first = asyncio.ensure_future(client.post("/stations/A1/commands/ClearCache", json={}))
        await connection.has_spoken.wait()
        response = await client.post(f"/{resource}", json={"station": "A1", "location": "ftp://h/x"})
        assert response.status_code == 429, response.text
        (item,) = (await client.get(f"/{resource}")).json()["items"]
        assert item["state"] == "not-sent" and "commands wait" in item["problem"]
        connection.vanish()
        await first


LOCATION = "https://files.example/x?sig=s3cret"
UNTIL = "2026-03-01T13:00:00Z"
KINDS = [
    ("firmware-updates", {}, "UpdateFirmware", {}),
    ("firmware-updates", {"signingCertificate": PEM, "signature": "c2ln"}, "SignedUpdateFirmware", ACCEPTED),
    ("diagnostics", {}, "GetDiagnostics", {"fileName": "x.zip"}),
    ("diagnostics", {"logType": "SecurityLog"}, "GetLog", ACCEPTED | {"filename": "x.zip"}),
]


@pytest.fixture
async def quick(start_bench: object) -> Workbench:
    """Stations are settled at once."""
    bench: Workbench = await start_bench(bootstrap_token=TOKEN, settle_seconds=0)  # type: ignore[operator]
    return bench


@pytest.fixture
async def rest(quick: Workbench) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(quick.csms.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://csms/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as client:
        yield client


async def keep(rest: httpx.AsyncClient, resource: str, **fields: Any) -> Any:
    response = await rest.post(
        f"/{resource}", json={"station": "A1", "location": LOCATION} | fields, params={"keep_until": UNTIL}
    )
    assert response.status_code == 202, response.text
    kept = response.json()
    assert response.headers["Location"] == f"/api/v1/{resource}/{kept['id']}"
    assert (kept["state"], kept["finishedAt"]) == ("kept", None)
    return kept


async def until_state(rest: httpx.AsyncClient, resource: str, id: str, state: str) -> Any:
    async with asyncio.timeout(10):
        while (row := (await rest.get(f"/{resource}/{id}")).json())["state"] != state:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.005)
    return row


@pytest.mark.parametrize(("resource", "fields", "action", "answer"), KINDS)
async def test_what_is_kept_for_an_offline_station_is_sent_when_it_comes(
    resource: str, fields: Any, action: str, answer: Any, quick: Workbench, rest: httpx.AsyncClient
) -> None:
    kept = await keep(rest, resource, **fields)
    command = (await rest.get(f"/commands/{kept['commandId']}")).json()
    assert (command["action"], command["state"], command["keepUntil"]) == (
        action,
        "waiting",
        "2026-03-01T13:00:00.000Z",
    )
    assert "s3cret" not in str(command) and "s3cret" not in str(kept)
    connection = await quick.connect()
    call = await next_call(connection)
    assert call[2] == action and LOCATION in str(call[3])
    connection.deliver([3, call[1], answer])
    await until_state(rest, resource, kept["id"], "accepted")
    assert len((await rest.get(f"/{resource}")).json()["items"]) == 1
    assert "s3cret" not in str(await quick.rows("SELECT * FROM event"))


@pytest.mark.parametrize("resource", ["firmware-updates", "diagnostics"])
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_is_never_sent_is_told(
    resource: str, is_cancelled: bool, quick: Workbench, rest: httpx.AsyncClient
) -> None:
    kept = await keep(rest, resource)
    if is_cancelled:
        assert (await rest.delete(f"/commands/{kept['commandId']}")).json()["state"] == "cancelled"
    else:
        quick.clock.advance(3601)
        await commanding(quick).kept._expire()
    row = await until_state(rest, resource, kept["id"], "not-sent")
    assert ("taken back" if is_cancelled else "did not come") in row["problem"]
    assert row["finishedAt"] is not None


@pytest.mark.parametrize(
    ("resource", "action"), [("firmware-updates", "FirmwareStatus"), ("diagnostics", "DiagnosticsStatus")]
)
async def test_no_status_belongs_to_what_is_only_kept(resource: str, action: str, start_bench: object) -> None:
    bench: Workbench = await start_bench(bootstrap_token=TOKEN)  # type: ignore[operator]  # settles after a while
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://csms/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as rest:
        kept = await keep(rest, resource)
        connection = await bench.connect()
        status = "Downloading" if resource == "firmware-updates" else "Uploading"
        await bench.exchange(connection, f"{action}Notification", {"status": status})
        assert (await rest.get(f"/{resource}/{kept['id']}")).json()["state"] == "kept"


@pytest.mark.parametrize("resource", ["firmware-updates", "diagnostics"])
async def test_it_is_kept_once_and_only_for_the_future(resource: str, rest: httpx.AsyncClient) -> None:
    body = {"station": "A1", "location": LOCATION}
    if resource == "firmware-updates":
        body["retrieveDate"] = "2026-04-01T00:00:00Z"
    await keep(rest, resource, **body)
    again = await rest.post(f"/{resource}", json=body, params={"keep_until": UNTIL})
    assert (again.status_code, "asked for already" in again.json()["detail"]) == (409, True)
    past = await rest.post(f"/{resource}", json=body, params={"keep_until": "2020-01-01T00:00:00Z"})
    assert past.status_code == 422
    odd = await rest.post(f"/{resource}", json=body | {"location": "gopher://h/x"}, params={"keep_until": UNTIL})
    assert (odd.status_code, len(odd.json()["warnings"])) == (422, 1)


@pytest.mark.parametrize("resource", ["firmware-updates", "diagnostics"])
async def test_where_too_many_are_kept_nothing_is_written(resource: str, start_bench: object) -> None:
    bench: Workbench = await start_bench(bootstrap_token=TOKEN, commands_per_station=1)  # type: ignore[operator]
    transport = httpx.ASGITransport(bench.csms.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://csms/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as rest:
        await keep(rest, resource)
        body = {"station": "A1", "location": "https://files.example/other"}
        response = await rest.post(f"/{resource}", json=body, params={"keep_until": UNTIL})
        assert response.status_code == 429
        assert len((await rest.get(f"/{resource}")).json()["items"]) == 1


@pytest.mark.parametrize(("resource", "fields", "action", "answer"), KINDS)
async def test_what_another_node_kept_is_the_same_one(
    resource: str, fields: Any, action: str, answer: Any, quick: Workbench, rest: httpx.AsyncClient
) -> None:
    kept = await keep(rest, resource, **fields)
    assert quick.csms._services is not None
    for service in (quick.csms._services.firmware, quick.csms._services.diagnostics):
        await service.load()
        service._book._rows.clear()  # as on a node that was there before it was kept
    connection = await quick.connect()
    call = await next_call(connection)
    connection.deliver([3, call[1], answer])
    await until_state(rest, resource, kept["id"], "accepted")
    assert len((await rest.get(f"/{resource}")).json()["items"]) == 1


async def test_a_lost_connection_leaves_a_kept_update_unanswered(quick: Workbench, rest: httpx.AsyncClient) -> None:
    kept = await keep(rest, "firmware-updates")
    connection = await quick.connect()
    await next_call(connection)
    connection.vanish()
    row = await until_state(rest, "firmware-updates", kept["id"], "unanswered")
    assert row["finishedAt"] is None
    connection = await quick.connect()
    # It may have arrived: the next status decides.
    await quick.exchange(connection, "FirmwareStatusNotification", {"status": "Downloading"})
    assert (await rest.get(f"/firmware-updates/{kept['id']}")).json()["state"] == "Downloading"
