"""What is odd about a local list that is sent by hand, and where its outcome goes."""

from types import SimpleNamespace
from typing import Any

import pytest

from chargewright.csms.commands import local_auth_list_management as lists
from chargewright.csms.commands.table import NOTES, WARNINGS
from chargewright.csms.outcomes import NotSent
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.protocol.v16.local_auth_list_management import AuthorizationData, SendLocalListRequest, UpdateType

STATION = StationRow(id=1, identity="A1")
ALLOWED = IdTagInfo(status=AuthorizationStatus.ACCEPTED)


def warnings(request: SendLocalListRequest, *, wanted: Any = None, most: int | None = None) -> list[str]:
    service = SimpleNamespace(list_of=lambda station_id: wanted, longest_message=lambda station_id: most)
    services: Any = SimpleNamespace(local_lists=service)
    return list(lists.warn_list(request, STATION, services))


def test_every_function_is_in_its_table() -> None:
    assert lists.warn_list in WARNINGS[SendLocalListRequest]
    assert lists.note_list in NOTES[SendLocalListRequest]
    assert lists.note_abilities in NOTES[GetConfigurationRequest]


@pytest.mark.parametrize(
    ("version", "kind", "entries", "words"),
    [
        (1, UpdateType.FULL, [("A", ALLOWED)], None),
        (1, UpdateType.FULL, [], None),
        (1, UpdateType.DIFFERENTIAL, [("A", UNSET)], None),
        (0, UpdateType.FULL, [], "listVersion 0"),
        (-1, UpdateType.FULL, [], "listVersion -1"),
        (1, UpdateType.FULL, [("A", UNSET)], "'A': it has no idTagInfo"),
        (1, UpdateType.DIFFERENTIAL, [("A", ALLOWED), ("a", UNSET)], "'a': it stands in the list twice"),
    ],
)
def test_each_oddity(version: int, kind: UpdateType, entries: list[Any], words: str | None) -> None:
    listed = [AuthorizationData(id_tag=tag, id_tag_info=information) for tag, information in entries]
    request = SendLocalListRequest(list_version=version, update_type=kind, local_authorization_list=listed)
    told = warnings(request)
    assert (told == []) if words is None else (len(told) == 1 and words in told[0]), told


def test_a_wanted_list_and_a_message_that_is_too_long() -> None:
    entries = [AuthorizationData(id_tag=f"T{number}", id_tag_info=ALLOWED) for number in range(3)]
    request = SendLocalListRequest(list_version=1, update_type=UpdateType.FULL, local_authorization_list=entries)
    told = warnings(request, wanted=SimpleNamespace(entries=9), most=2)
    assert ["9 entries is wanted" in told[0], "3 entries, but A1 takes 2" in told[1]] == [True, True]


async def test_notes_reach_the_service() -> None:
    heard: list[tuple[Any, ...]] = []

    async def hear(*what: Any) -> None:
        heard.append(what)

    services: Any = SimpleNamespace(local_lists=SimpleNamespace(sent=hear, configured=hear))
    request: Any = object()
    outcome = NotSent(reason="offline")
    await lists.note_list(request, outcome, STATION, services)
    await lists.note_abilities(request, outcome, STATION, services)
    assert heard == [(STATION, request, outcome), (STATION, outcome)]
