"""Scenarios played in virtual time: the ones that come with the package, and what becomes of steps that fail."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.station.world import SOCKET, World, live, product

from chargewright.station.hands import StationHands
from chargewright.station.playing import Outcome, PlayResult, play
from chargewright.station.product import Product
from chargewright.station.running import product_from
from chargewright.station.scenario import Scenario, load_scenario, names, read_scenario

ONLINE = "[[step]]\nwait_for = { online = true }\n"


def played(scenario: Scenario, made: Product | None = None, **answers: Any) -> tuple[PlayResult, list[str]]:
    """The result, and what the CSMS was sent."""

    async def main(world: World) -> tuple[PlayResult, list[str]]:
        world.csms.answers.update(answers)
        hands = StationHands(world.virtual, world.product, "CW 1")
        life = asyncio.create_task(world.virtual.run())
        try:
            result = await play(scenario, {"CW 1": hands}, world.clock, scenario.seed)
            return result, world.csms.names()
        finally:
            await world.virtual.close()
            await life

    result: tuple[PlayResult, list[str]] = live(main, product(SOCKET) if made is None else made)
    return result


def story(text: str) -> Scenario:
    return read_scenario(text.encode(), "story.toml", station_id="CW 1")


@pytest.mark.parametrize("name", names())
def test_what_comes_with_the_package_plays_to_its_end(name: str) -> None:
    result, _ = played(load_scenario(name, station_id="CW 1"))
    assert result.is_done, [step for step in result.steps if step.outcome is not Outcome.DONE]
    assert {step.outcome for step in result.steps} == {Outcome.DONE}


@pytest.mark.parametrize("pics", ["minimal", "kempower_s_series"])
def test_a_first_charge_at_products_of_the_world(pics: str) -> None:
    result, _ = played(load_scenario("first-charge", station_id="CW 1"), product_from(pics))
    assert result.is_done, [step for step in result.steps if step.outcome is not Outcome.DONE]
    station = result.stations[0]
    assert station.transactions_completed == 1 and station.energy_completed_wh >= 100
    assert station.messages["StartTransaction"] == 1 and station.messages_queued == 0


def test_what_happened_offline_and_without_power_is_told_afterwards() -> None:
    result, sent = played(load_scenario("offline-transaction-with-power-cut", station_id="CW 1"))
    assert result.is_done
    assert sent.index("StartTransaction") < sent.index("StopTransaction")
    assert sent.count("BootNotification") == 2 and sent.count("StopTransaction") == 1
    assert result.stations[0].energy_completed_wh >= 20


def test_the_same_seed_gives_the_same_bytes() -> None:
    scenario = load_scenario("offline-transaction-with-power-cut", station_id="CW 1")
    one, other = (msgspec.json.encode(played(scenario)[0]) for _ in range(2))
    assert one == other


def test_a_condition_that_does_not_come_true_ends_the_play_and_says_what_was_missing() -> None:
    text = ONLINE + (
        "[[step]]\nwait_for = { connector = 1, status = 'Charging', transactions_completed = 1 }\nwithin_seconds = 90\n"
        "[[step]]\ndo = 'cut-power'\n"
    )
    result, _ = played(story(text))
    assert not result.is_done
    assert [step.outcome for step in result.steps] == ["done", "timed-out", "not-reached"]
    late = result.steps[1]
    assert late.at_seconds == pytest.approx(90, abs=1)
    assert late.detail == (
        "CW 1: not within 90 s: status should be Charging and is Available; transactions_completed should be 1 and is 0"
    )
    assert result.steps[2].at_seconds is None


def test_a_deed_that_is_refused_ends_the_play() -> None:
    result, _ = played(story("[[step]]\ndo = 'unplug'\nconnector = 1\n"))
    assert [step.outcome for step in result.steps] == ["refused"]
    assert "nothing is plugged in" in result.steps[0].detail and result.steps[0].step == "unplug connector=1"


def test_a_connector_that_the_product_does_not_have() -> None:
    result, _ = played(story("[[step]]\nwait_for = { connector = 2, status = 'Available' }\n"))
    assert [step.outcome for step in result.steps] == ["refused"]
    assert "no connector 2" in result.steps[0].detail


def test_messages_count_from_the_last_deed_and_locks_and_energy_can_be_waited_for() -> None:
    text = ONLINE + (
        "[[step]]\ndo = 'plug-in'\nconnector = 1\n"
        "[[step]]\ndo = 'present-tag'\nid_tag = 'CARD'\n"
        "[[step]]\nwait_for = { message = 'StartTransaction', connector = 1, is_locked = true }\n"
        "[[step]]\nwait_for = { energy_wh = 50 }\nwithin_seconds = 600\n"
        "[[step]]\ndo = 'press-stop'\n"
        "[[step]]\nwait_for = { message = 'StopTransaction', connector = 1, is_locked = false }\n"
        "[[step]]\nwait_for = { message = 'StartTransaction' }\nwithin_seconds = 30\n"
    )
    result, _ = played(story(text))
    assert [step.outcome for step in result.steps[:-1]] == ["done"] * 7
    assert result.steps[-1].outcome is Outcome.TIMED_OUT, "the start was before the last deed"
    assert result.stations[0].messages["StartTransaction"] == 1


def test_the_story_may_let_time_pass() -> None:
    result, _ = played(story("[[step]]\nwait_for = { seconds = 300 }\n"))
    assert result.steps[0].at_seconds == 300 and result.steps[0].step == "wait_for seconds=300.0"


def test_two_messages_of_a_kind() -> None:
    text = "[[step]]\nwait_for = { message = 'StatusNotification', count = 2 }\n"
    assert played(story(text))[0].is_done
    assert not played(story(text.replace("2", "5")))[0].is_done


def test_a_condition_that_waits_for_a_refused_tag_says_so() -> None:
    text = ONLINE + (
        "[[step]]\ndo = 'plug-in'\nconnector = 1\n"
        "[[step]]\ndo = 'present-tag'\nid_tag = 'BAD-CARD'\n"
        "[[step]]\nwait_for = { connector = 1, status = 'Charging' }\nwithin_seconds = 30\n"
    )
    result, _ = played(story(text), Authorize={"idTagInfo": {"status": "Blocked"}})
    assert result.steps[-1].detail == (
        "CW 1: not within 30 s: status should be Charging and is Preparing; tag …CARD was refused: Blocked"
    )
