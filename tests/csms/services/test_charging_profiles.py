"""Charging profiles: what the CSMS believes of a station is what the station has, whatever is sent and answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.csms.services.profile_station import ProfileOffice, profile, set_request
from tests.databases import TestDatabase

from chargewright.csms.errors import NotFound
from chargewright.csms.outcomes import Answered
from chargewright.csms.services import charging_profiles
from chargewright.csms.storage.rows.charging import CompositeScheduleRow
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.smart_charging import GetCompositeScheduleRequest, GetCompositeScheduleResponse


@pytest.fixture
async def office() -> AsyncIterator[ProfileOffice]:
    """On a database in memory."""
    one = await ProfileOffice("sqlite://").start()
    yield one
    await one.storage.close()


@pytest.fixture
async def office_on_each(database: TestDatabase) -> AsyncIterator[ProfileOffice]:
    """On each database in turn."""
    one = await ProfileOffice(database.url).start()
    yield one
    await one.storage.close()


@pytest.mark.parametrize(
    ("mood", "state", "answer"),
    [
        ("obeys", "installed", None),
        ("rejects", "refused", "Rejected"),
        ("unsupported", "not-supported", "NotSupported"),
        ("error", "refused", "CALLERROR InternalError"),
        ("lost", "unknown", "no answer in 30 s"),
        ("nonsense", "unknown", "status: nonsense"),
    ],
)
async def test_what_became_of_a_profile_is_kept(
    mood: str, state: str, answer: str | None, office_on_each: ProfileOffice
) -> None:
    office = office_on_each
    row = await office.set(1, profile(7, level=2), mood)
    assert row is not None
    assert (row.state, row.answer, row.connector_id, row.stack_level) == (state, answer, 1, 2)
    assert (row.purpose, row.transaction_id, row.with_start) == ("TxDefaultProfile", None, False)
    assert msgspec.json.decode(row.profile)["chargingProfileId"] == 7
    assert await office.events() == [state.replace("-", "_")]
    assert row == await office.profiles.newest(office.station.id, 7)
    assert row == await office.profiles.get(row.installation_id)


async def test_what_was_not_sent_leaves_nothing(office: ProfileOffice) -> None:
    assert await office.set(1, profile(7), "offline") is None
    assert office.profiles.live(office.station.id) == []
    with pytest.raises(NotFound):
        await office.profiles.newest(office.station.id, 7)
    with pytest.raises(NotFound):
        await office.profiles.get("id1")


async def test_it_is_written_before_it_is_sent_and_in_doubt_after_a_restart(office_on_each: ProfileOffice) -> None:
    office = office_on_each
    await office.set(0, profile(6))
    request = set_request(0, profile(7))
    await office.profiles.asking(office.station, request)
    assert await office.states() == [(6, "installed"), (7, "sent")]
    await office.reload()
    assert await office.states() == [(6, "unknown"), (7, "unknown")], "it may have replaced the other one"
    await office.set(0, profile(7))
    assert await office.states() == [(6, "replaced"), (7, "replaced"), (7, "installed")]


async def test_a_profile_replaces_its_id_anywhere_and_its_level_on_its_connector(office: ProfileOffice) -> None:
    await office.set(0, profile(1))
    await office.set(1, profile(2))
    assert await office.states() == [(1, "installed"), (2, "installed")], "one for all, and one for connector 1"
    await office.set(1, profile(3))
    await office.set(2, profile(1, level=1))
    assert await office.states() == [(1, "replaced"), (2, "replaced"), (3, "installed"), (1, "installed")]
    await office.set(1, profile(3), "rejects")
    assert (await office.states())[-2:] == [(1, "installed"), (3, "refused")]
    assert [row.charging_profile_id for row in office.profiles.live(office.station.id)] == [3, 1]


@pytest.mark.parametrize(
    ("fields", "cleared"),
    [
        ({"id": 2, "stackLevel": 0, "connectorId": 0}, {2}),
        ({}, {1, 2, 3, 4}),
        ({"connectorId": 0}, {1, 4}),
        ({"stackLevel": 1}, {3}),
        ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}, {1, 2}),
        ({"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile"}, {4}),
    ],
)
async def test_clearing_takes_what_matches(fields: dict[str, Any], cleared: set[int], office: ProfileOffice) -> None:
    await office.set(0, profile(1))
    await office.set(1, profile(2))
    await office.set(1, profile(3, level=1))
    await office.set(0, profile(4, "ChargePointMaxProfile"))
    await office.clear(**fields)
    assert {number for number, state in await office.states() if state == "cleared"} == cleared
    assert set(office.device.installed) == {1, 2, 3, 4} - cleared
    assert len(office.profiles.live(office.station.id)) == 4 - len(cleared)


async def test_without_an_answer_nobody_knows_until_somebody_asks_again(office: ProfileOffice) -> None:
    await office.set(0, profile(1))
    await office.clear("lost", id=1)
    assert await office.states() == [(1, "unknown")]
    await office.clear("error", id=1)
    await office.clear("offline", id=1)
    assert await office.states() == [(1, "unknown")], "it was not done"
    await office.clear("deaf", id=1)
    await office.clear(id=1)
    assert await office.states() == [(1, "absent")], "it was gone already"


async def test_what_may_have_been_replaced_is_in_doubt_too(office: ProfileOffice) -> None:
    await office.set(1, profile(1))
    await office.set(2, profile(2))
    await office.set(1, profile(3), "deaf")
    assert await office.states() == [(1, "unknown"), (2, "installed"), (3, "unknown")]
    await office.set(1, profile(3))
    assert await office.states() == [(1, "replaced"), (2, "installed"), (3, "replaced"), (3, "installed")]


async def test_profiles_of_a_transaction_end_with_it(office_on_each: ProfileOffice) -> None:
    office = office_on_each
    number = await office.begin(1)
    other = await office.begin(2)
    await office.set(1, profile(1, "TxProfile", transactionId=number))
    await office.set(1, profile(2, "TxProfile", level=1))
    await office.set(2, profile(3, "TxProfile", transactionId=other))
    await office.set(1, profile(4))
    assert [row.transaction_id for row in await office.rows()] == [number, number, other, None], "told by the connector"
    await office.reload()
    await office.end(1)
    assert await office.states() == [(1, "ended"), (2, "ended"), (3, "installed"), (4, "installed")]
    assert {row.charging_profile_id for row in office.profiles.live(office.station.id)} == {3, 4}


async def test_a_stop_may_overtake_the_answer(office: ProfileOffice) -> None:
    number = await office.begin(1)
    request = set_request(1, profile(1, "TxProfile", transactionId=number))
    await office.profiles.asking(office.station, request)
    outcome = office.device.set(request)
    call = office._call("StopTransaction")
    stop = office.stop_record(number)
    call.add(stop)
    office.profiles.stopped(call, stop)
    # The stop is on its way into the database; the answer is noted first.
    await office.profiles.asked(office.station, request, outcome)
    assert await office.states() == [(1, "sent")]
    await office._settle(call)
    assert await office.states() == [(1, "ended")]
    assert office.profiles.live(office.station.id) == []
    await office.profiles.asked(office.station, request, outcome)
    assert (await office.states())[0] == (1, "ended")


async def meet(office: ProfileOffice) -> None:
    """Let the service write what it learned from starts."""
    ((_, work),) = office.profiles.work().items()
    task = asyncio.ensure_future(work())
    await office.profiles._met.join()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_profile_sent_with_a_start_belongs_to_the_transaction_that_follows(
    office_on_each: ProfileOffice,
) -> None:
    office = office_on_each
    await office.remote_start(profile(1, "TxProfile"))
    await office.remote_start(profile(2, "TxProfile"), connector_id=2, is_accepted=False)
    assert await office.states() == [(1, "awaiting-start"), (2, "refused")]
    await office.begin(2, "ANOTHER")
    await meet(office)
    assert (await office.states())[0] == (1, "awaiting-start"), "somebody else's"
    number = await office.begin(1)
    await meet(office)
    row = await office.profiles.newest(office.station.id, 1)
    assert (row.state, row.transaction_id, row.connector_id) == ("installed", number, 1)
    await office.end(1)
    assert (await office.states())[0] == (1, "ended")
    assert await office.events() == ["awaiting_start", "refused", "installed", "ended"]


async def test_a_start_that_was_committed_before_a_restart_is_found_again(office_on_each: ProfileOffice) -> None:
    office = office_on_each
    await office.remote_start(profile(1, "TxProfile"), connector_id=1)
    number = await office.begin(1)
    await office.reload()
    await meet(office)
    row = await office.profiles.newest(office.station.id, 1)
    assert (row.state, row.transaction_id) == ("installed", number)


async def test_the_next_transaction_of_a_connector_ends_what_the_last_one_left(office: ProfileOffice) -> None:
    number = await office.begin(1)
    await office.set(1, profile(1, "TxProfile", transactionId=number))
    await office.begin(1, seconds_ago=3600)
    await meet(office)
    assert await office.states() == [(1, "installed")], "an old start, told late"
    office.clock.advance(60)
    await office.begin(1)
    await meet(office)
    assert await office.states() == [(1, "ended")], "its stop never came"
    assert office.profiles.live(office.station.id) == []


async def test_a_transaction_that_the_station_tells_late_gets_its_profile(office: ProfileOffice) -> None:
    office.device.running[1] = 0  # the station began, and has not told us
    await office.set(1, profile(1, "TxProfile"))
    number = await office.begin(1, seconds_ago=600)
    await meet(office)
    row = await office.profiles.newest(office.station.id, 1)
    assert (row.state, row.transaction_id) == ("installed", number)


async def test_composite_schedules_are_kept_as_reported(office_on_each: ProfileOffice) -> None:
    office = office_on_each
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}]}
    answer = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}
    response = decode(GetCompositeScheduleResponse, msgspec.json.encode(answer))
    for duration in (300, 600):
        request = GetCompositeScheduleRequest(connector_id=1, duration=duration)
        outcome = Answered(response=response, elapsed_seconds=0.1)
        await office.profiles.reported(office.station, request, outcome)
    (row,) = await office.storage.page(CompositeScheduleRow, {"station_id": office.station.id})
    assert (row.connector_id, row.unit, row.duration) == (1, "", 600)
    assert msgspec.json.decode(row.schedule) == answer


async def test_no_station_fills_the_memory(office: ProfileOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging_profiles, "LIVE_PER_STATION", 3)
    await office.set(1, profile(1, level=1))
    for number in range(2, 7):
        await office.set(1, profile(number, level=number), "lost")
    live = office.profiles.live(office.station.id)
    assert [row.charging_profile_id for row in live] == [1, 5, 6], "what is certain stays"
    assert (await office.states())[1] == (2, "absent")


NUMBERS = st.integers(1, 3)
CONNECTORS = st.integers(0, 2)
LEVELS = st.integers(0, 1)
PURPOSES = st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])
SURE = [*["obeys"] * 8, "rejects", "unsupported", "error", "offline"]
ALL = [*["obeys"] * 4, *["deaf"] * 3, "lost", "nonsense", "error", "rejects", "offline"]


def steps(moods: list[str]) -> Any:
    """Sequences of commands and transactions."""
    mood = st.sampled_from(moods)
    sets = st.tuples(st.just("set"), mood, CONNECTORS, NUMBERS, PURPOSES, LEVELS)
    fields = st.fixed_dictionaries(
        {},
        optional={
            "id": NUMBERS,
            "connectorId": CONNECTORS,
            "chargingProfilePurpose": PURPOSES,
            "stackLevel": LEVELS,
        },
    )
    clears = st.tuples(st.just("clear"), mood, fields)
    transactions = st.tuples(st.sampled_from(["begin", "end"]), st.integers(1, 2))
    return st.lists(st.one_of(sets, sets, clears, transactions, st.just(("reload",))), min_size=3, max_size=25)


async def walk(office: ProfileOffice, sequence: list[Any]) -> None:
    """With a station that was never heard of: opening a database for each would take most of the time."""
    await office.another_station()
    for kind, *rest in sequence:
        if kind == "set":
            mood, connector_id, number, purpose, level = rest
            connector_id = 0 if purpose == "ChargePointMaxProfile" else connector_id
            connector_id = max(connector_id, 1) if purpose == "TxProfile" else connector_id
            await office.set(connector_id, profile(number, purpose, level), mood)
        elif kind == "clear":
            await office.clear(rest[0], **rest[1])
        elif kind == "reload":
            await office.reload()
        elif kind == "begin" and rest[0] not in office.device.running:
            await office.begin(rest[0])
            await meet(office)
        elif kind == "end" and rest[0] in office.device.running:
            await office.end(rest[0])
        check(office, await office.rows())


def check(office: ProfileOffice, rows: Any) -> None:
    """What is certain is there; what is there is certain or in doubt; memory and database agree."""
    live = office.profiles.live(office.station.id)
    kept = [row for row in rows if row.state in ("sent", "installed", "unknown", "awaiting-start")]
    assert [(row.installation_id, row.state) for row in live] == [(row.installation_id, row.state) for row in kept]
    places = {(row.charging_profile_id, row.connector_id, row.purpose, row.stack_level): row.state for row in live}
    there = {(number, *place[:3]) for number, place in office.device.installed.items()}
    certain = {place for place, state in places.items() if state == "installed"}
    assert certain <= there <= places.keys()
    if all(state == "installed" for state in places.values()):
        assert certain == there


@given(sequence=steps(SURE))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_with_answers_the_same_profiles_are_installed_on_both_sides(
    office: ProfileOffice, sequence: list[Any]
) -> None:
    await walk(office, sequence)


@given(sequence=steps(ALL))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_without_answers_what_is_certain_is_there_and_what_is_there_is_known(
    office: ProfileOffice, sequence: list[Any]
) -> None:
    await walk(office, sequence)
