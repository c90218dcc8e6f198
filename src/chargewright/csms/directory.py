"""Who may connect and who may charge, in memory: the upgrade and Authorize are decided without a database.

Filled at the start, changed afterwards only by what has been committed. A station keeps one row object for life: what
is put later is copied into it, so that a session holds the row and sees every change.
"""

from collections.abc import Callable, Iterable, Iterator

from chargewright.csms.storage.base import IdTagRow, StationRow

__all__ = ["Directory"]


class Directory:
    """Stations by identity (case-sensitive) and by row id; id tags by their casefolded text (§2.2)."""

    def __init__(self, stations: Iterable[StationRow] = (), id_tags: Iterable[IdTagRow] = ()) -> None:
        self._by_identity: dict[str, StationRow] = {}
        self._by_id: dict[int, StationRow] = {}
        self._id_tags: dict[str, IdTagRow] = {}
        self._uninvited: set[int] = set()
        self.on_id_tag: list[Callable[[str], None]] = []  # called with the text of each tag that changed
        for row in stations:
            self.put_station(row)
        for tag in id_tags:
            self.put_id_tag(tag)

    def station(self, identity: str) -> StationRow | None:
        """The station with that identity, None where nobody registered it."""
        return self._by_identity.get(identity)

    def station_by_id(self, station_id: int) -> StationRow | None:
        """The station with that row id."""
        return self._by_id.get(station_id)

    def stations(self) -> Iterator[StationRow]:
        """Every station, in the order in which they became known."""
        return iter(self._by_identity.values())

    def put_station(self, row: StationRow) -> StationRow:
        """Take over a committed row; returns the object that stands for the station from now on."""
        known = self._by_identity.get(row.identity)
        if known is None:
            self._by_identity[row.identity] = self._by_id[row.id] = row
            return row
        for field in StationRow.__struct_fields__:
            setattr(known, field, getattr(row, field))
        return known

    def put_uninvited(self, row: StationRow) -> StationRow:
        """Take over the committed row of a station that nobody registered: it is served once its boot was accepted."""
        row = self.put_station(row)
        if not row.booted:
            self._uninvited.add(row.id)
        return row

    def put_stored(self, row: StationRow) -> StationRow:
        """Take over a row of an earlier run. One without a password that was never accepted may be of a station that
        nobody registered: it counts as uninvited until `invite`."""
        return self.put_uninvited(row) if row.security_profile == 0 else self.put_station(row)

    def remove_station(self, station: StationRow) -> None:
        """The station was taken out of service, and that is committed."""
        self._by_identity.pop(station.identity, None)
        self._by_id.pop(station.id, None)
        self._uninvited.discard(station.id)

    def is_uninvited(self, station: StationRow) -> bool:
        """Whether nobody registered the station, as far as we know, and it was never accepted."""
        return station.id in self._uninvited

    def invite(self, station: StationRow) -> None:
        """The operator names the station."""
        self._uninvited.discard(station.id)

    def accepted(self, station: StationRow) -> None:
        """The station's BootNotification was accepted, and that is durable."""
        self._uninvited.discard(station.id)

    def is_served(self, station: StationRow) -> bool:
        """Whether the station may send more than BootNotification.

        Acceptance is durable: a registered station need not boot again on each connection. Not served are those that
        their operator keeps Pending or Rejected, and those that nobody registered and that were never accepted (§4.2).
        """
        return station.registration == "Accepted" and station.id not in self._uninvited

    def id_tag(self, id_tag: str) -> IdTagRow | None:
        """The id tag with that text in whatever case, None where nobody registered it."""
        return self._id_tags.get(id_tag.casefold())

    def id_tags(self) -> Iterator[IdTagRow]:
        """Every id tag."""
        return iter(self._id_tags.values())

    def put_id_tag(self, row: IdTagRow) -> None:
        """Take over a committed row."""
        self._id_tags[row.id_tag.casefold()] = row
        for changed in self.on_id_tag:
            changed(row.id_tag)

    def remove_id_tag(self, id_tag: str) -> None:
        """The tag was removed, and that is committed."""
        self._id_tags.pop(id_tag.casefold(), None)
        for changed in self.on_id_tag:
            changed(id_tag)
