"""One scenario, five stations, one bill: what the CSMS has in the end does not depend on who was charged where.

The same file that `chargewright station play power-cut-while-offline` plays, in virtual time, at every station that
comes with Chargewright, all of them at our own CSMS over a network without sockets.
"""

import asyncio
from random import Random
from typing import Any, Final

import pytest
import structlog
from tests.end_to_end.simulated_day import entropy

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import metadata
from chargewright.pics.loading import load, names
from chargewright.pics.station import StationPics
from chargewright.simulation import simulate
from chargewright.station.hands import StationHands
from chargewright.station.playing import Outcome, PlayResult, play
from chargewright.station.running import product_from
from chargewright.station.scenario import load_scenario
from chargewright.station.shape import with_basic_authentication
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.loopback import Faults, LoopbackNetwork

STATIONS: Final = tuple(name for name in names() if isinstance(load(name), StationPics))
KEY: Final = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
ID_TAGS: Final = ("CW-ONE", "CW-TWO")
# id tag, energy in Wh, reason, id tag at the end.
Bill = list[tuple[str, int, str | None, str | None]]


def played(scenario_name: str, stations: tuple[str, ...], seed: int) -> tuple[dict[str, PlayResult], dict[str, Bill]]:
    """What became of the scenario at each station, and what our CSMS has to bill for it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    async def main(clock: LoopClock) -> tuple[dict[str, PlayResult], dict[str, Bill]]:
        network = LoopbackNetwork(faults=Faults(delay_seconds=(0.005, 0.4)), dice=Random(f"{seed} network"))
        storage = await open_sqlite(":memory:", clock)
        csms = Csms(
            Settings(ocpp="off", http="off", node="node", log_level="error"),
            clock=clock,
            storage=storage,
            seed=Seed(
                station=[StationSeed(identity=name, password=KEY) for name in stations],
                id_tag=[IdTagSeed(id_tag=id_tag) for id_tag in ID_TAGS],
            ),
            dice=Random(f"{seed} csms"),
            entropy=entropy(Random(f"{seed} secrets")),
        )
        await csms.start()
        await network.listen(csms.admit, "csms", 9000)
        results = await asyncio.gather(*(_at(name, scenario_name, network, clock, seed) for name in stations))
        identities = await _rows(storage, "station")
        bills: dict[str, Bill] = {name: [] for name in stations}
        for row in sorted(await _rows(storage, "charging_transaction"), key=lambda row: row["transaction_id"]):
            (identity,) = (item["identity"] for item in identities if item["id"] == row["station_id"])
            energy_wh = row["meter_stop"] - row["meter_start"]
            bills[identity].append((row["id_tag"], energy_wh, row["stop_reason"], row["stop_id_tag"]))
        assert await _rows(storage, "quarantine") == []
        await csms.stop()
        return dict(zip(stations, results, strict=True)), bills

    result: tuple[dict[str, PlayResult], dict[str, Bill]] = simulate(main)
    return result


async def _rows(storage: Any, name: str) -> list[dict[str, Any]]:
    table = metadata.tables[name]
    rows = await storage.select(table.select())
    return [dict(zip(table.columns.keys(), row, strict=True)) for row in rows]


async def _at(name: str, scenario_name: str, network: LoopbackNetwork, clock: LoopClock, seed: int) -> PlayResult:
    """Play it at one station, as `chargewright station play` does."""
    scenario = load_scenario(scenario_name, station_id=name)
    product = with_basic_authentication(product_from(name))
    with StationStore(":memory:", Random(f"{seed} {name} store")) as store:
        virtual = VirtualStation(
            name,
            "ws://csms:9000/ocpp",
            product,
            store,
            connect=network.connect,
            clock=clock,
            random=Random(f"{seed} {name} back-off"),
            delay_seconds=lambda attempt, random: 5.0 + random.random(),
            password=bytes.fromhex(KEY),
        )
        life = asyncio.create_task(virtual.run(), name=name)
        try:
            return await play(scenario, {name: StationHands(virtual, product, name)}, clock, seed)
        finally:
            await virtual.close()
            await life


def test_there_are_five_stations() -> None:
    assert set(STATIONS) == {"kempower_s_series", "koolsign_kcap7pg_cl5g", "minimal", "reference", "xcharge_c6"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_power_cut_while_offline_ends_with_the_same_bill_everywhere(seed: int) -> None:
    results, bills = played("power-cut-while-offline", STATIONS, seed)
    for name, result in results.items():
        assert result.is_done, [(name, step) for step in result.steps if step.outcome is not Outcome.DONE]
        (station,) = result.stations
        assert (station.transactions_completed, station.energy_completed_wh, station.messages_queued) == (2, 900, 0)
    bill = [("CW-ONE", 600, "PowerLoss", "CW-ONE"), ("CW-TWO", 300, "Local", "CW-TWO")]
    assert bills == dict.fromkeys(STATIONS, bill)


def test_one_that_begins_offline_is_billed_wherever_it_can_begin() -> None:
    able = tuple(name for name in STATIONS if product_from(name).allows_offline_unknown_tags)
    assert set(STATIONS) - set(able) == {"minimal"}
    results, bills = played("offline-transaction-with-power-cut", STATIONS, seed=1)
    for name in able:
        assert results[name].is_done, name
        # The energy is what each of them can give in the second in which it was looked at.
        ((id_tag, energy_wh, reason, stop_id_tag),) = bills[name]
        assert (id_tag, reason, stop_id_tag) == ("CW-UNKNOWN", "PowerLoss", "CW-UNKNOWN")
        assert energy_wh == results[name].stations[0].energy_completed_wh >= 20
    # Row C-02 of this one is No, and it says so.
    assert bills["minimal"] == []
    assert [step.step for step in results["minimal"].steps if step.outcome is Outcome.REFUSED] == [
        "set-configuration key=AllowOfflineTxForUnknownId value=true"
    ]
