"""The authorization cache: what the CSMS said last of each id tag (§3.5.1, errata v4.0 §3.4)."""

from collections.abc import Iterable

from chargewright.protocol.v16.core import ClearCacheRequest, ClearCacheResponse, ClearCacheStatus
from chargewright.protocol.v16.datatypes import IdTagInfo
from chargewright.station.context import Answer, Context
from chargewright.station.stored_tag import VALID, StoredTag

__all__ = ["AuthorizationCache"]


class AuthorizationCache:
    """Bounded by the product's `max_cached_tags`, and durable: it survives every kind of reset and power cut.

    While AuthorizationCacheEnabled is false nothing is looked up and nothing is added; what is there stays.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records = context.store.records("authorization_cache")
        # The number of the newest entry; counted on from what an earlier start left.
        self._newest: int | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether it exists and is in use."""
        return self._context.configuration.boolean("AuthorizationCacheEnabled")

    def find(self, id_tag: str) -> StoredTag | None:
        """What is known of a tag; None while the cache is not in use."""
        value = self._records.get(id_tag.casefold()) if self.is_enabled else None
        return None if value is None else StoredTag.decode(value)

    def learn(self, id_tag: str, info: IdTagInfo) -> None:
        """Keep what the CSMS just said, good or bad; durable with the caller's commit, or when this returns."""
        if not self.is_enabled:
            return
        name, newest = id_tag.casefold(), self._newest_number()
        known = self._records.get(name)
        if known == StoredTag.of(info, newest).encode():
            return  # said of the newest entry, again
        with self._context.store.atomically():
            if known is None:
                self._make_room()
            self._newest = newest + 1
            self._records.put(name, StoredTag.of(info, self._newest).encode())

    def forget(self, id_tags: Iterable[str]) -> None:
        """Drop tags that are in the local list now, which goes before the cache (§3.5.3)."""
        gone = {id_tag.casefold() for id_tag in id_tags}
        for name, _ in list(self._records.items()):
            if name in gone:
                self._records.remove(name)

    def clear_cache(self, request: ClearCacheRequest) -> Answer:
        """§5.4; a cache that is not in use is not cleared (errata v4.0 §3.23)."""
        if not self.is_enabled:
            return Answer(ClearCacheResponse(status=ClearCacheStatus.REJECTED))
        self._records.clear()
        return Answer(ClearCacheResponse(status=ClearCacheStatus.ACCEPTED))

    def _newest_number(self) -> int:
        if self._newest is None:
            self._newest = max((StoredTag.decode(value).sequence for _, value in self._records.items()), default=0)
        return self._newest

    def _make_room(self) -> None:
        """§3.5.1: one that is not valid goes first, else the oldest of the valid ones."""
        surplus = self._records.count() + 1 - self._context.product.max_cached_tags
        if surplus <= 0:
            return
        now = self._context.clock.now()
        tags = [(name, StoredTag.decode(value)) for name, value in self._records.items()]
        tags.sort(key=lambda item: (item[1].status_at(now) in VALID, item[1].sequence))
        for name, _ in tags[:surplus]:
            self._records.remove(name)
