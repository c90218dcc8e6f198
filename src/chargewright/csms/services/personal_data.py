"""What is known of one id tag, for whoever has a right to see it; and taking the tag out of the past without touching a
bill."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, Storage
from chargewright.csms.storage.records import IdTagRow
from chargewright.csms.storage.rows.base import In, Row
from chargewright.csms.storage.rows.charging import LocalListEntryRow, ReservationRow
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow

__all__ = ["PersonalData", "PersonalDataService", "Pseudonymised"]

PAGE_ROWS: Final = 500
# Reservations that are still to be used.
OPEN_RESERVATIONS: Final = ("requested", "active", "unknown")

RowType = TypeVar("RowType", bound=Row)


class NothingStored(NotFound):
    """Nothing is stored under an id tag; which one is not repeated, since texts of errors may be logged."""

    def __str__(self) -> str:
        return "Nothing is stored of this id tag, in whatever case."


class PersonalData(msgspec.Struct, kw_only=True):
    """Everything that is stored under one id tag; `texts` are the forms in which it was written and sent."""

    texts: list[str]
    registration: IdTagRow | None
    transactions: list[TransactionRow]
    stops: list[TransactionStopRow]
    reservations: list[ReservationRow]
    local_list_entries: list[LocalListEntryRow]


class Pseudonymised(msgspec.Struct, kw_only=True):
    """What stands in the place of the tag now, and how many values changed, by table and column. `remaining` are
    entries that were taken off local lists and are kept until every station has been told."""

    pseudonym: str
    changed: Mapping[str, int]
    remaining: int


class PersonalDataService(Service):
    """`secret` makes pseudonyms: the same tag has the same one, and nobody without the secret can try tags out."""

    def __init__(
        self, directory: Directory, storage: Storage, ledger: Ledger, id_tags: IdTagsService, secret: bytes
    ) -> None:
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._id_tags = id_tags
        self._secret = hmac.digest(secret, b"pseudonyms of id tags", hashlib.sha256)

    async def export(self, id_tag: str) -> PersonalData:
        """All that is stored under the tag; raises `NotFound` where there is nothing."""
        data = await self._found(id_tag)
        found = (data.registration, data.transactions, data.stops, data.reservations, data.local_list_entries)
        if not any(found):
            raise NothingStored("id tag", "")
        return data

    async def _found(self, id_tag: str) -> PersonalData:
        key = {"id_tag_key": id_tag.casefold()}
        return PersonalData(
            texts=await self._storage.texts_of_id_tag(id_tag),
            registration=self._directory.id_tag(id_tag),
            transactions=await self._all(TransactionRow, key),
            stops=await self._all(TransactionStopRow, key),
            reservations=await self._all(ReservationRow, key),
            local_list_entries=await self._all(LocalListEntryRow, key),
        )

    async def pseudonymise(self, id_tag: str) -> Pseudonymised:
        """Remove the tag's registration and put a pseudonym in its place wherever the past tells of it.

        Energy, times and ids stay as they are. Raises `NotFound`, and `Conflict` while the tag is in use: charging,
        reserved or on a wanted local list. What was interrupted is completed by asking again.
        """
        data = await self.export(id_tag)
        self._refuse_in_use(data)
        children = await self._storage.count(IdTagRow, {"parent_id_tag": In(tuple(data.texts))})
        if children[None]:
            raise Conflict(f"{children[None]} id tags have this one as their parent: give them another one first.")
        if data.registration is not None:
            await self._id_tags.remove(data.registration.id)
            # From here on nobody is let charge with it; somebody may have begun a moment ago.
            self._refuse_in_use(await self._found(id_tag))
        pseudonym = self.pseudonym(id_tag)
        changed = await self._storage.rename_id_tag(id_tag, pseudonym)
        body = {"pseudonym": pseudonym, "changed": sum(changed.values())}
        await self._ledger.write(NO_STATION, make_event("id_tag.pseudonymised", body))
        return Pseudonymised(pseudonym=pseudonym, changed=changed, remaining=len(data.local_list_entries))

    def pseudonym(self, id_tag: str) -> str:
        """What stands for the tag: a legal id tag of 18 characters (§7.28)."""
        return "P-" + hmac.digest(self._secret, id_tag.casefold().encode(), hashlib.sha256).hex()[:16]

    def _refuse_in_use(self, data: PersonalData) -> None:
        open_ones = [str(row.transaction_id) for row in data.transactions if row.stop_instant is None]
        if open_ones:
            raise Conflict(f"The tag is charging (transaction {', '.join(open_ones[:5])}): stop or close that first.")
        reserved = [str(row.reservation_id) for row in data.reservations if row.state in OPEN_RESERVATIONS]
        if reserved:
            raise Conflict(f"The tag has a reservation ({', '.join(reserved[:5])}): cancel that first.")
        listed = sorted({row.scope for row in data.local_list_entries if not row.removed})
        if listed:
            raise Conflict(f"The tag is on a wanted local list ({', '.join(listed[:5])}): take it off first.")

    async def _all(self, kind: type[RowType], where: Mapping[str, Any]) -> list[RowType]:
        rows: list[RowType] = []
        while True:
            last = getattr(rows[-1], "id") if rows else 0  # noqa: B009  # every listed row has one
            page = await self._storage.page(kind, where, after=(last, last), limit=PAGE_ROWS)
            rows += page
            if len(page) < PAGE_ROWS:
                return rows
