"""Our CSMS starts and stops charging at our own station, whose drivers come when asked; in virtual time."""

import asyncio
from random import Random
from typing import Any

import structlog
from sqlalchemy import select

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.outcomes import Answered, Outcome
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import metadata
from chargewright.simulation import simulate
from chargewright.station.ev.driver import Habits
from chargewright.station.ev.remote_driver import RemoteDriver
from chargewright.station.running import product_from, say_goodbye
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.loopback import Faults, LoopbackNetwork

KEY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"


async def main(clock: LoopClock) -> None:
    network = LoopbackNetwork(faults=Faults(delay_seconds=(0.005, 0.05)), dice=Random("network"))
    storage = await open_sqlite(":memory:", clock)
    seed = Seed(station=[StationSeed(identity="ALPHA", password=KEY)], id_tag=[IdTagSeed(id_tag="APP")])
    settings = Settings(db="sqlite://", ocpp="off", http="off", log_level="error")
    csms = Csms(settings, clock=clock, storage=storage, seed=seed, dice=Random("csms"), entropy=Random("e").randbytes)
    await csms.start()
    await network.listen(csms.admit, "csms", 9000)
    dice = Random("station")
    virtual = VirtualStation(
        "ALPHA",
        "ws://csms:9000/ocpp",
        product_from("kempower_s_series"),
        StationStore(":memory:", dice),
        connect=network.connect,
        clock=clock,
        random=dice,
        delay_seconds=lambda attempt, random: 5.0,
        password=bytes.fromhex(KEY),
    )
    life = asyncio.create_task(virtual.station.run())
    driver = RemoteDriver(virtual, 1, Habits(id_tags=()), Random("driver"))
    visits = asyncio.create_task(driver.run())
    await asyncio.sleep(120)
    parts, row = csms._commanding, csms._directory.station("ALPHA")
    assert parts is not None and csms._services is not None and row is not None
    desk = parts.desk(csms._services)

    async def accepted(action: str, **payload: Any) -> None:
        outcome: Outcome = await desk.send(row, desk.check(action, payload))
        assert isinstance(outcome, Answered) and outcome.response.status.value == "Accepted", outcome  # type: ignore[attr-defined]

    for _ in range(2):
        await accepted("RemoteStartTransaction", connectorId=1, idTag="APP")
        assert await virtual.wait_until(lambda: virtual.look(1).transaction_id is not None, 60)
        await asyncio.sleep(600)
        assert virtual.look(1).power_w > 0
        await accepted("RemoteStopTransaction", transactionId=virtual.look(1).transaction_id)
        assert await virtual.wait_until(lambda: virtual.look(1).status.value == "Available", 60)
    await accepted("RemoteStartTransaction", connectorId=1, idTag="APP")
    assert await virtual.wait_until(lambda: virtual.look(1).transaction_id is not None, 60)
    await asyncio.sleep(600)
    await say_goodbye(virtual, [driver], [visits])
    assert virtual.station.snapshot().messages_queued == 0
    await virtual.station.close()
    await life
    table = metadata.tables["charging_transaction"]
    reasons = [reason for (reason,) in await storage.select(select(table.c.stop_reason).order_by(table.c.id))]
    await csms.stop()
    assert reasons == ["Remote", "Remote", "Local"]


def test_remote_starts_charge_and_nothing_stays_open() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        simulate(main)
    finally:
        structlog.reset_defaults()
