"""Stations and id tags in memory."""

from chargewright.csms.directory import Directory
from chargewright.csms.storage.base import IdTagRow, StationRow


def test_identities_are_case_sensitive_and_id_tags_are_not() -> None:
    directory = Directory([StationRow(id=1, identity="Depot")], [IdTagRow(id=1, id_tag="Straße")])
    assert directory.station("depot") is None
    assert directory.id_tag("STRASSE") is not None
    assert directory.id_tag("strasse2") is None


def test_a_station_keeps_one_row_object_for_life() -> None:
    directory = Directory([StationRow(id=1, identity="A")])
    held = directory.station("A")
    returned = directory.put_station(StationRow(id=1, identity="A", registration="Pending"))
    assert returned is held
    assert held is not None
    assert held.registration == "Pending"
    assert list(directory.stations()) == [held]


def test_an_id_tag_is_replaced() -> None:
    directory = Directory([], [IdTagRow(id=1, id_tag="TAG")])
    directory.put_id_tag(IdTagRow(id=1, id_tag="tag", blocked=True))
    found = directory.id_tag("TAG")
    assert found is not None
    assert found.blocked


def test_who_is_served_before_its_first_boot() -> None:
    directory = Directory()
    registered = directory.put_station(StationRow(id=1, identity="REGISTERED"))
    pending = directory.put_station(StationRow(id=2, identity="PENDING", registration="Pending", booted=True))
    uninvited = directory.put_uninvited(StationRow(id=3, identity="UNINVITED"))
    back_again = directory.put_uninvited(StationRow(id=4, identity="BACK", booted=True))
    assert [directory.is_served(row) for row in (registered, pending, uninvited, back_again)] == [
        True,
        False,
        False,
        True,
    ]
    directory.accepted(uninvited)
    assert directory.is_served(uninvited)


def test_after_a_restart_a_station_that_was_never_accepted_is_not_served_until_it_boots_or_is_named() -> None:
    directory = Directory()
    stored = [
        directory.put_stored(StationRow(id=1, identity="ADOPTED", security_profile=0)),
        directory.put_stored(StationRow(id=2, identity="BOOTED", security_profile=0, booted=True)),
        directory.put_stored(StationRow(id=3, identity="REGISTERED", security_profile=1)),
        directory.put_stored(StationRow(id=4, identity="SEEDED", security_profile=0)),
    ]
    directory.invite(stored[3])
    assert [directory.is_served(row) for row in stored] == [False, True, True, True]
    directory.accepted(stored[0])
    assert directory.is_served(stored[0])
