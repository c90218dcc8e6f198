"""`chargewright ctl transactions`: from the list to a closed zombie, a linked orphan and a resolved review."""

from typing import Any

import pytest
from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.bench import FakeConnection, Workbench

from chargewright.clock import SystemClock
from chargewright.csms.app import Csms

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"meterStop": 900, "timestamp": "2026-03-01T11:30:00Z", "reason": "Remote"}


class Station:
    """Station A1 on a connection made by hand."""

    def __init__(self, server: Csms) -> None:
        self.server = server
        self.connection = FakeConnection()

    async def arrive(self) -> None:
        row = self.server._directory.station("A1")
        assert row is not None
        self.server._welcome(row, self.connection)
        await self.settle()

    async def settle(self) -> None:
        storage: Any = self.server._storage
        await Workbench(self.server, storage, SystemClock()).settle()  # type: ignore[arg-type]  # its clock is not used

    async def send(self, action: str, **payload: Any) -> Any:
        call_id = self.connection.call(action, payload)
        await self.settle()
        return self.connection.answer_to(call_id)[2]


@pytest.fixture
async def station(server: Csms) -> Station:
    made = Station(server)
    await made.arrive()
    return made


async def test_a_zombie_is_found_closed_and_shown(station: Station, ctl: Ctl) -> None:
    number = (await station.send("StartTransaction", **START))["transactionId"]
    value = {"timestamp": "2026-03-01T11:10:00Z", "sampledValue": [{"value": "2500", "unit": "Wh"}]}
    await station.send("MeterValues", connectorId=1, transactionId=number, meterValue=[value])
    (one,) = json_of(await ctl("transactions", "list", "--open", "--station", "A1", "--id-tag", "tag", "--json"))[
        "items"
    ]
    assert one["transactionId"] == number
    listed = await ctl("transactions", "list")
    assert "A1" in listed.output and str(number) in listed.output
    values = await ctl("transactions", "meter-values", one["id"])
    assert "2500 Wh" in values.output
    arguments = ("--reason", "PowerLoss", "--note", "burnt", "--json")
    closed = json_of(await ctl("transactions", "close", one["id"], *arguments))
    assert (closed["energyWh"], closed["stop"]["by"], closed["stop"]["reason"]) == (1500, "operator", "PowerLoss")
    assert json_of(await ctl("transactions", "show", one["id"], "--json")) == closed
    assert json_of(await ctl("transactions", "list", "--open", "--json"))["items"] == []
    assert (await ctl("transactions", "close", one["id"])).exit_code == 1
    assert (await ctl("transactions", "show", "77")).exit_code == 4
    assert (await ctl("transactions", "list", "--reason", "Remote")).exit_code == 2


async def test_an_orphan_is_linked_and_its_review_resolved(server: Csms, station: Station, ctl: Ctl) -> None:
    await station.send("StartTransaction", **START)
    await station.send("StopTransaction", transactionId=-1, **STOP)
    (orphan,) = json_of(await ctl("transactions", "orphans", "--json"))["items"]
    assert "Remote" in (await ctl("transactions", "orphans", "--station", "A1")).output
    (one,) = json_of(await ctl("transactions", "list", "--json"))["items"]
    linked = json_of(await ctl("transactions", "link", orphan["id"], one["id"], "--json"))
    assert (linked["relation"], linked["transaction"]) == ("stop", one["id"])
    services = server._services
    assert services is not None
    await services.review.catch_up()
    (pending,) = json_of(await ctl("transactions", "list", "--review", "pending", "--json"))["items"]
    assert "energy-steps-back" in pending["review"]["reasons"]
    assert "energy-steps-back" in (await ctl("transactions", "list")).output
    resolved = json_of(await ctl("transactions", "review", one["id"], "--note", "a new meter", "--json"))
    assert (resolved["review"]["state"], resolved["review"]["note"]) == ("resolved", "a new meter")
    assert (await ctl("transactions", "review", one["id"], "--note", "again")).exit_code == 1
