"""What was learned of stations outlives the server."""

from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import station

from chargewright.csms.services.abilities import AbilitiesService, refused_trigger
from chargewright.csms.storage.rows.commands import StationAbilityRow


def abilities(bench: Workbench) -> AbilitiesService:
    assert bench.csms._services is not None
    return bench.csms._services.abilities


@pytest.mark.parametrize("value", [5, "word", [1, "b"], {"a": False}, True])
async def test_it_is_learned_and_read_again(value: Any, bench: Workbench) -> None:
    one, other = station(bench).id, station(bench, "A2").id
    assert abilities(bench).of(one, "n") is None
    await abilities(bench).learn(one, "n", value)
    await abilities(bench).learn(other, "m", 1)
    again = AbilitiesService(bench.storage, abilities(bench)._ledger, bench.clock)
    await again.load()
    for service in (abilities(bench), again):
        assert service.of(one, "n") == value
        assert service.all_of(one) == {"n": value}
        assert service.all_of(other) == {"m": 1}


async def test_what_is_known_is_not_written_again(bench: Workbench) -> None:
    one = station(bench).id
    await abilities(bench).learn(one, "n", 1)
    units = bench.storage.journal.statistics()["units"]
    await abilities(bench).learn(one, "n", 1)
    await abilities(bench).forget(one, "unknown")
    assert bench.storage.journal.statistics()["units"] == units
    await abilities(bench).learn(one, "n", 2)
    (row,) = await bench.storage.page(StationAbilityRow)
    assert (row.value, row.learned_at) == ("2", bench.clock.now_microseconds())


async def test_it_is_forgotten(bench: Workbench) -> None:
    one = station(bench).id
    name = refused_trigger("Heartbeat")
    await abilities(bench).learn(one, name, "Rejected")
    await abilities(bench).forget(one, name)
    assert abilities(bench).of(one, name) is None
    assert await bench.storage.page(StationAbilityRow) == []
