"""Whatever people, the CSMS, the network and the grid do, in any order: no bill is lost, doubled or out of order.

Found by Hypothesis: plug in, unplug at either end, show one of five tags, remote start and stop, reset, power cuts,
network loss, time. After each step no energy flows without a transaction of somebody who was let in, and every change
of status that was told while the station stayed connected is one that §4.9 knows.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.faults.station_life import Books, Life, silence
from tests.station.world import car

from chargewright.clock import LoopClock
from chargewright.protocol.v16.connector_status import TRANSITIONS
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.simulation import SimulationLoop
from chargewright.station.running import product_from

# Two of one family, one on her own, one that is blocked, and one that nobody knows.
TAGS = {
    "ANNA": {"status": "Accepted"},
    "BERT": {"status": "Accepted", "parentIdTag": "FAMILY"},
    "CLARA": {"status": "Accepted", "parentIdTag": "FAMILY"},
    "DORA": {"status": "Blocked"},
    "STRANGER": {"status": "Invalid"},
}
CONNECTORS = (1, 2)
connectors = st.sampled_from(CONNECTORS)
tags = st.sampled_from(sorted(TAGS))


class StationMachine(RuleBasedStateMachine):
    """One station in virtual time; every rule is something that somebody does, and lets a moment pass."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimulationLoop()
        self.errors = silence(self.loop)
        self.life: Life
        self.told = 0
        self.last_status: dict[int, str] = {}

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def act(self, deed: Callable[[], object]) -> None:
        """Inside the loop, where the power may be cut by it."""

        async def inside() -> None:
            self.life.attempt(deed)

        self.wait(inside())

    @initialize(offline=st.booleans(), stops=st.booleans(), invalid=st.booleans())
    def boot(self, offline: bool, stops: bool, invalid: bool) -> None:
        async def begin() -> None:
            self.life = Life(product_from("reference"), LoopClock(datetime(2026, 1, 1, tzinfo=UTC), self.loop.time), 1)
            books = self.life.csms
            books.answers["Authorize"] = lambda payload: {"idTagInfo": TAGS[payload["idTag"]]}
            start = books.answers["StartTransaction"]
            books.answers["StartTransaction"] = lambda payload: start(payload) | {"idTagInfo": TAGS[payload["idTag"]]}
            await self.life.virtual.wait_until(self.life.virtual.is_online, 60)
            for key, value in (
                ("AllowOfflineTxForUnknownId", offline),
                ("StopTransactionOnEVSideDisconnect", stops),
                ("StopTransactionOnInvalidId", invalid),
                ("ConnectionTimeOut", 90),
            ):
                text = str(value).lower()
                assert await books.call("ChangeConfiguration", key=key, value=text) == {"status": "Accepted"}

        self.wait(begin())

    # What people do.

    @rule(connector=connectors)
    def plug(self, connector: int) -> None:
        if self.at(connector).vehicle is None:
            self.act(lambda: self.life.virtual.plug(connector, car(capacity_wh=3_000.0)))
        self.pass_time(1)

    @precondition(lambda self: self.has_power)
    @rule(connector=connectors, tag=st.sampled_from(["ANNA", "BERT", "CLARA"]))
    def come_and_charge(self, connector: int, tag: str) -> None:
        self.plug(connector)
        if self.has_power and not self.life.virtual.look(connector).has_transaction:
            self.show_tag(connector, tag)
        self.pass_time(20)

    @rule(connector=connectors)
    def unplug_at_the_vehicle(self, connector: int) -> None:
        if self.at(connector).vehicle is not None:
            self.act(self.at(connector).disconnect_vehicle)
        self.pass_time(1)

    @rule(connector=connectors)
    def unplug_at_the_station(self, connector: int) -> None:
        if self.at(connector).vehicle is not None and not self.life.virtual.is_locked(connector):
            self.act(lambda: self.life.virtual.unplug(connector))
        self.pass_time(1)

    @precondition(lambda self: self.has_power)
    @rule(connector=connectors, tag=tags)
    def show_tag(self, connector: int, tag: str) -> None:
        self.act(lambda: self.life.virtual.show_tag(tag, connector))
        self.pass_time(1)

    @rule(seconds=st.sampled_from([1, 20, 100, 700]))
    def pass_time(self, seconds: float) -> None:
        self.wait(asyncio.sleep(seconds))

    # What the CSMS does.

    @precondition(lambda self: self.has_power and self.books.is_reachable and self.life.virtual.is_online())
    @rule(connector=connectors, tag=tags)
    def remote_start(self, connector: int, tag: str) -> None:
        answer = self.ask("RemoteStartTransaction", connectorId=connector, idTag=tag)
        assert answer in (None, {"status": "Accepted"}, {"status": "Rejected"})
        self.pass_time(1)

    @precondition(lambda self: self.has_power and self.books.is_reachable and self.life.virtual.is_online())
    @rule(which=st.integers(0, 3))
    def remote_stop(self, which: int) -> None:
        known = sorted(self.books.start_of)[-4:]
        number = known[which % len(known)] if known else 99
        is_running = any(self.life.virtual.look(item).transaction_id == number for item in CONNECTORS)
        answer = self.ask("RemoteStopTransaction", transactionId=number)
        assert answer in (None, {"status": "Accepted" if is_running else "Rejected"})
        self.pass_time(1)

    @precondition(lambda self: self.has_power and self.books.is_reachable and self.life.virtual.is_online())
    @rule(kind=st.sampled_from(["Soft", "Hard"]))
    def reset(self, kind: str) -> None:
        assert self.ask("Reset", type=kind) in (None, {"status": "Accepted"})
        self.last_status.clear()
        self.pass_time(30)
        self.told = len(self.books.calls)

    def ask(self, action: str, **payload: Any) -> Any:
        """The answer to a CALL; None where the power was cut before it came."""
        try:
            return self.wait(self.books.call(action, **payload))
        except TimeoutError:
            assert not self.has_power, f"{action} was not answered"
            return None

    # What fails.

    @precondition(lambda self: self.has_power)
    @rule(steps=st.integers(0, 40))
    def cut_power(self, steps: int) -> None:
        """Now, or in the middle of what is written next."""
        if steps:
            self.life.database.cut_at = self.life.database.steps + steps
        else:
            self.act(self.life.cut)
        self.pass_time(5)

    @precondition(lambda self: not self.has_power)
    @rule()
    def return_power(self) -> None:
        self.wait(self.life.return_power())
        self.pass_time(20)

    @rule()
    def lose_network(self) -> None:
        self.act(self.books.cut)
        self.pass_time(1)

    @rule()
    def regain_network(self) -> None:
        self.books.is_reachable = True
        self.pass_time(20)

    # What must hold.

    @invariant()
    def energy_flows_only_to_those_who_were_let_in(self) -> None:
        if not hasattr(self, "life") or not self.has_power:
            return
        for connector in CONNECTORS:
            if self.at(connector).is_closed:
                shown = self.life.virtual.look(connector)
                assert shown.has_transaction and shown.id_tag is not None
        assert self.errors == []

    @invariant()
    def changes_of_status_are_those_of_the_matrix(self) -> None:
        if not hasattr(self, "life"):
            return
        if not (self.has_power and self.books.wire is not None and self.books.wire.is_open):
            self.last_status.clear()
            self.told = len(self.books.calls)
            return
        for _, action, payload in self.books.calls[self.told :]:
            if action == "BootNotification":
                self.last_status.clear()
            if action == "StatusNotification" and payload["connectorId"] > 0:
                connector, status = payload["connectorId"], payload["status"]
                before = self.last_status.get(connector)
                if before not in (None, status):
                    known = TRANSITIONS[ChargePointStatus(before)]
                    assert ChargePointStatus(status) in known, f"connector {connector}: {before} to {status}"
                self.last_status[connector] = status
        self.told = len(self.books.calls)

    def teardown(self) -> None:
        if not hasattr(self, "life"):
            return
        self.life.database.cut_at = 0
        self.books.is_reachable = True
        self.wait(self.life.return_power())
        self.life.database.cut_at = 0
        self.pass_time(200)
        self.act(self.life.virtual.stop_charging)
        self.pass_time(100)
        self.wait(asyncio.wait_for(self.life.virtual.station.wait_until_told(), 7200))
        try:
            self.books.check({number: self.at(number).peek().register_wh for number in CONNECTORS})
            assert self.errors == []
        finally:
            self.wait(self.life.close())
            self.loop.close()

    @property
    def has_power(self) -> bool:
        return not self.life.database.is_dead

    @property
    def books(self) -> Books:
        return self.life.csms

    def at(self, connector: int) -> Any:
        return self.life.virtual.connectors[connector - 1]


@pytest.mark.parametrize("steps", [25, 60])
def test_any_order_of_events(steps: int) -> None:
    run_state_machine_as_test(
        StationMachine,
        settings=settings(max_examples=100, stateful_step_count=steps, deadline=None),
    )
