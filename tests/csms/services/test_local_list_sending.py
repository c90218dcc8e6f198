"""One attempt: what a station is asked and sent."""

from collections.abc import AsyncIterator

import pytest
from tests.csms.services.list_station import ListStation, Office

from chargewright.clock import SystemClock
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Outcome, Refused
from chargewright.csms.services.abilities import LARGEST_FRAME
from chargewright.csms.services.groups import scope_of
from chargewright.csms.services.local_list_sending import ENTRY_BYTES, FRAME_BYTES, length_of
from chargewright.csms.services.wanted_lists import WantedEntry
from chargewright.csms.storage.base import StartRecord
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.local_auth_list_management import GetLocalListVersionRequest

OWN = scope_of(1)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """Services on a database in memory with one station, of row id 1."""
    one = await Office.open()
    yield one
    await one.close()


def station_of(office: Office) -> ListStation:
    return office.sender.stations[1]


def kinds(station: ListStation) -> list[tuple[str, int]]:
    """What was sent: kind and number of entries."""
    return [
        (request.update_type.value, len(request.local_authorization_list or ()))  # type: ignore[arg-type]
        for request in station.requests
    ]


async def test_the_first_list_is_a_full_one_with_id_tag_info_for_every_entry(office: Office) -> None:
    await office.put(OWN, "AA", WantedEntry("BB", "Blocked"), WantedEntry("CC", parent_id_tag="PP"))
    await office.idle()
    station = station_of(office)
    assert kinds(station) == [("Full", 3)]
    assert station.entries == {
        "aa": ("AA", "Accepted", None),
        "bb": ("BB", "Blocked", None),
        "cc": ("CC", "Accepted", "PP"),
    }
    row = office.lists.state_of(1)
    assert (row.state, row.version, row.entries, row.partial) == ("in-step", 1, 3, False)


async def test_what_changed_is_sent_as_a_difference(office: Office) -> None:
    await office.put(OWN, "AA", "BB", "CC", "DD")
    await office.idle()
    station = station_of(office)
    station.requests.clear()
    await office.put(OWN, "EE", "AA", WantedEntry("CC", "Blocked"), "DD")
    await office.idle()
    assert kinds(station) == [("Differential", 3)], "BB goes, CC is blocked, EE comes"
    assert set(station.entries) == {"aa", "cc", "dd", "ee"}
    station.requests.clear()
    await office.put(OWN, "DD", "EE", "AA", WantedEntry("CC", "Blocked"))
    await office.idle()
    assert kinds(station) == [("Differential", 0)], "another order is no news; the version is taken over"


async def test_a_long_list_is_split_and_the_versions_rise(office: Office) -> None:
    await office.put(OWN, *(f"TAG{number}" for number in range(8)))
    await office.idle()
    station = station_of(office)
    assert kinds(station) == [("Full", 3), ("Differential", 3), ("Differential", 2)]
    assert [request.list_version for request in station.requests] == [1, 2, 3]
    assert len(station.entries) == 8


async def test_an_empty_list_empties_the_station(office: Office) -> None:
    await office.put(OWN, "AA")
    await office.idle()
    await office.put(OWN)
    await office.idle()
    station = station_of(office)
    assert station.entries == {}
    assert office.lists.state_of(1).state == "in-step"
    asked = len(station.requests)
    office.lists.booted(office.directory.station("A1"))  # type: ignore[arg-type]
    await office.idle()
    assert len(station.requests) == asked, "version 0 of an empty list is what was to be expected"


@pytest.mark.parametrize("mood", ["failed", "mismatch", "error"])
async def test_after_a_difference_that_was_declined_comes_a_full_list(mood: str, office: Office) -> None:
    await office.put(OWN, "AA", "BB", "CC")
    await office.idle()
    station = station_of(office)
    station.moods.append(mood)
    await office.put(OWN, "AA", "BB", "CC", "DD")
    await office.idle()
    assert [kind for kind, _ in kinds(station)][-2:] == ["Full", "Differential"]
    assert set(station.entries) == {"aa", "bb", "cc", "dd"}


async def test_where_the_station_holds_less_the_first_are_chosen(office: Office) -> None:
    station_of(office).most = 2
    await office.put(OWN, "AA", "BB", "CC")
    await office.idle()
    assert list(station_of(office).entries) == ["aa", "bb"]
    row = office.lists.state_of(1)
    assert (row.state, row.entries, row.partial) == ("in-step", 2, True)
    await office.put(OWN, "CC", "AA", "BB")
    await office.idle()
    assert set(station_of(office).entries) == {"cc", "aa"}


async def test_where_the_station_holds_less_the_tags_used_last_are_chosen(office: Office) -> None:
    station_of(office).most = 2
    ledger = JournalLedger(office.storage.journal, SystemClock())
    for number, tag in enumerate(("cc", "dd", "CC", "zz"), 1):
        start = StartRecord(
            connector_id=1, id_tag=tag, instant=number, station_time="", meter_start=0, id_tag_status="Accepted"
        )
        await ledger.write(1, start)
    await office.put(OWN, "AA", "BB", "CC", "DD", selection="recently-used")
    await office.idle()
    assert set(station_of(office).entries) == {"cc", "dd"}


async def test_a_version_that_nothing_comes_after_begins_anew_with_a_full_list(office: Office) -> None:
    station = station_of(office)
    station.version, station.entries = 2**31 - 1, {"xx": ("XX", "Accepted", None)}
    await office.put(OWN, "AA")
    await office.idle()
    assert (station.version, set(station.entries)) == (1, {"aa"})


async def test_a_station_that_bears_small_messages_only_gets_small_ones(office: Office) -> None:
    station = station_of(office)
    station.most_per_message = 100
    await office.abilities.learn(1, LARGEST_FRAME, FRAME_BYTES + 4 * ENTRY_BYTES)
    await office.put(OWN, *(f"TAG{number}" for number in range(9)))
    await office.idle()
    assert [number for _, number in kinds(station)] == [4, 4, 1]


class Stubborn:
    """Refuses to tell its configuration in one go, or its version at all."""

    def __init__(self, office: Office, code: str | None) -> None:
        self.office = office
        self.code = code
        self.asked: list[int] = []
        self.ordinary = office.sender.send

    async def send(self, station_id: int, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        if isinstance(request, GetConfigurationRequest):
            keys = request.key if isinstance(request.key, list) else []
            self.asked.append(len(keys))
            if len(keys) > 1:
                return Refused(code="OccurenceConstraintViolation")
        if isinstance(request, GetLocalListVersionRequest) and self.code is not None:
            return Refused(code=self.code)
        return await self.ordinary(station_id, request)


@pytest.mark.parametrize(
    ("code", "state"), [(None, "in-step"), ("NotSupported", "unsupported"), ("InternalError", "failed")]
)
async def test_callerrors_are_understood(
    code: str | None, state: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = Stubborn(office, code)
    monkeypatch.setattr(office.sender, "send", stubborn.send)
    await office.put(OWN, "AA")
    await office.idle()
    assert stubborn.asked == [3, 1, 1, 1], "one by one where not all at once"
    assert office.lists.state_of(1).state == state


@pytest.mark.parametrize(("value", "length"), [("20", 20), ("0", None), ("many", None), ("9" * 12, None), ("-3", None)])
def test_only_a_positive_number_is_a_length(value: str, length: int | None) -> None:
    assert length_of({"sendlocallistmaxlength": value}, "SendLocalListMaxLength") == length
    assert length_of(None, "SendLocalListMaxLength") is None
