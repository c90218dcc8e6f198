"""The id tags that an operator keeps (§2.2): written to the database, then into memory, where Authorize finds them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, IdTagRow, Storage
from chargewright.csms.storage.rows.base import Removal

__all__ = ["IdTagsService"]

KIND: Final = "id tag"


class IdTagsService(Service):
    """Reads, writes and removes id tags. One tag is written by one request at a time."""

    def __init__(
        self, directory: Directory, storage: Storage, ledger: Ledger, active: ActiveTransactionsService
    ) -> None:
        self._directory = directory
        self._active = active
        self._storage = storage
        self._ledger = ledger
        self._busy: set[str] = set()  # keys of the tags that are being written

    async def get(self, row_id: int) -> IdTagRow:
        """The tag with that row id; raises `NotFound`."""
        rows = await self._storage.page(IdTagRow, {"id": row_id}, limit=1)
        if not rows:
            raise NotFound(KIND, str(row_id))
        return rows[0]

    def find(self, id_tag: str) -> IdTagRow | None:
        """The tag with that text in whatever case; None where nobody registered it."""
        return self._directory.id_tag(id_tag)

    async def add(self, row: IdTagRow) -> IdTagRow:
        """Register a tag (`id` is ignored); the row as stored. Raises `Conflict` where it is registered."""
        with self._writing(row.id_tag):
            if self._directory.id_tag(row.id_tag) is not None:
                raise Conflict("This id tag is registered already: change that one instead.")
            return await self._put(row)

    async def change(self, row_id: int, changes: Mapping[str, Any]) -> IdTagRow:
        """Change the columns named of the tag with that row id; the row as stored. What others changed before stays.
        Raises `NotFound`, `Conflict`."""
        with self._writing((await self.get(row_id)).id_tag):
            # Read again: what came first may have been written while the name was looked up.
            return await self._put(msgspec.structs.replace(await self.get(row_id), **changes))

    async def remove(self, row_id: int) -> None:
        """Forget a tag: from now on it is one that nobody registered. Raises `NotFound`, `Conflict`."""
        row = await self.get(row_id)
        with self._writing(row.id_tag):
            await self._ledger.write(
                NO_STATION,
                Removal(IdTagRow, {"id_tag_key": row.id_tag.casefold()}),
                make_event("id_tag.removed", {"idTag": row.id_tag}),
            )
            self._directory.remove_id_tag(row.id_tag)

    async def recall(self, id_tag: str) -> None:
        """Read the tag again, which another node may have written. Raises `StorageError`, and `Conflict` while it is
        being written here."""
        known, key = self._directory.id_tag(id_tag), id_tag.casefold()
        rows = await self._storage.page(IdTagRow, {"id_tag_key": key}, limit=1)
        # Not by `_writing`: an operator's request must not be refused because of this.
        if key in self._busy or self._directory.id_tag(id_tag) is not known:
            raise Conflict("This id tag is being written.")
        if rows and rows[0] != known:
            self._directory.put_id_tag(rows[0])
            await self._active.watch(rows[0].id_tag)
        elif not rows and known is not None:
            self._directory.remove_id_tag(id_tag)

    async def _put(self, row: IdTagRow) -> IdTagRow:
        await self._ledger.write(NO_STATION, row, make_event("id_tag.changed", {"idTag": row.id_tag}))
        (stored,) = await self._storage.page(IdTagRow, {"id_tag_key": row.id_tag.casefold()}, limit=1)
        self._directory.put_id_tag(stored)
        await self._active.watch(stored.id_tag)
        return stored

    @contextmanager
    def _writing(self, id_tag: str) -> Iterator[None]:
        key = id_tag.casefold()
        if key in self._busy:
            raise Conflict("This id tag is being written by another request: look, then try again.")
        self._busy.add(key)
        try:
            yield
        finally:
            self._busy.discard(key)
