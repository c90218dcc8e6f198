"""Every command from our CSMS to our own station, over the loopback network in virtual time: answered or refused."""

import asyncio
from random import Random
from typing import Any

import structlog
from tests.commands_catalogue import ANSWERS, PAYLOADS

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.simulation import simulate
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.loopback import Faults, LoopbackNetwork

KEY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
# What restarts or re-keys the station comes last.
LAST = ("Reset",)


async def main(clock: LoopClock) -> dict[str, Outcome]:
    network = LoopbackNetwork(faults=Faults(delay_seconds=(0.005, 0.05)), dice=Random("network"))
    storage = await open_sqlite(":memory:", clock)
    seed = Seed(station=[StationSeed(identity="ALPHA", password=KEY)], id_tag=[IdTagSeed(id_tag="TAG")])
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
    await asyncio.sleep(120)
    parts = csms._commanding
    assert parts is not None and csms._services is not None
    desk = parts.desk(csms._services)
    row = csms._directory.station("ALPHA")
    assert row is not None
    outcomes: dict[str, Outcome] = {}
    for action in sorted(PAYLOADS, key=lambda name: name in LAST):
        outcomes[action] = await desk.send(row, desk.check(action, PAYLOADS[action]))
        await asyncio.sleep(30)
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    await csms.stop()
    return outcomes


def test_every_command_to_our_own_station() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    outcomes: dict[str, Any] = simulate(main)
    assert set(outcomes) == set(PAYLOADS)
    for action, outcome in outcomes.items():
        if isinstance(outcome, Answered):
            status = getattr(outcome.response, "status", None)
            words = [answer.get("status") for answer in ANSWERS[action]]
            assert status is None or status.value in words, (action, outcome)
        else:
            assert isinstance(outcome, Refused), (action, outcome)
            assert outcome.code in ("NotImplemented", "NotSupported"), (action, outcome)
            assert not isinstance(outcome, NotSent)
    answered = {action for action, outcome in outcomes.items() if isinstance(outcome, Answered)}
    assert {"ChangeConfiguration", "GetConfiguration", "RemoteStartTransaction", "Reset", "UnlockConnector"} <= answered
