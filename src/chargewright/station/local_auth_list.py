"""The local authorization list: who may charge here, as the CSMS wrote it down beforehand (§3.5.2, §5.10, §5.15).

The entries are in the store and nowhere else: lists of half a million tags cost disk, not memory.
"""

from collections.abc import Callable, Collection
from typing import Final

from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.datatypes import IdTagInfo
from chargewright.protocol.v16.local_auth_list_management import (
    AuthorizationData,
    GetLocalListVersionRequest,
    GetLocalListVersionResponse,
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
    UpdateType,
)
from chargewright.station.context import Answer, Context
from chargewright.station.product import LocalList
from chargewright.station.snapshot import masked
from chargewright.station.store import StationStoreError
from chargewright.station.stored_tag import VALID, StoredTag

__all__ = ["LocalAuthList"]

_VERSION: Final = "local_list_version"
# §5.10: what an empty list says of itself, and a list that is not there.
EMPTY_VERSION: Final = 0
NO_LIST_VERSION: Final = -1


class _Refused(ChargewrightError):
    """An update that is not carried out; `reason` is for the log, the wire has the status only."""

    def __init__(self, status: UpdateStatus, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class LocalAuthList:
    """One list with its version. Changed by SendLocalList alone, wholly or not at all.

    `conflict(detail)`: the CSMS says otherwise of a tag than its list does (LocalListConflict). `updated()`: there is
    another list now. `forget(id_tags)`, inside the commit of an update: these tags are in the list from now on.
    """

    def __init__(
        self,
        context: Context,
        bounds: LocalList,
        conflict: Callable[[str], None],
        updated: Callable[[], None],
        forget: Callable[[Collection[str]], None],
    ) -> None:
        self._context = context
        self._bounds = bounds
        self._conflict = conflict
        self._updated = updated
        self._forget = forget
        self._records = context.store.records("local_list")

    @property
    def is_enabled(self) -> bool:
        """Whether it is in use."""
        return self._context.configuration.boolean("LocalAuthListEnabled")

    @property
    def version(self) -> int:
        """That of the last update, 0 for an empty list."""
        return int(self._context.store.meta(_VERSION, str(EMPTY_VERSION)))

    def find(self, id_tag: str) -> StoredTag | None:
        """What the list says of a tag; None while it is not in use."""
        value = self._records.get(id_tag.casefold()) if self.is_enabled else None
        return None if value is None else StoredTag.decode(value)

    def judged(self, id_tag: str, info: IdTagInfo) -> bool:
        """The CSMS has said this of a tag; returns whether the tag is in the list, hence not for the cache (§3.5.3)."""
        entry = self.find(id_tag)
        if entry is None:
            return False
        listed = entry.status_at(self._context.clock.now())
        if (listed in VALID) is not (info.status in VALID):
            self._context.log.warning(
                "the CSMS contradicts its local list",
                id_tag=masked(id_tag),
                listed=listed.value,
                told=info.status.value,
            )
            self._conflict(f"{masked(id_tag)}: list {listed.value}, CSMS {info.status.value}")
        return True

    def get_local_list_version(self, request: GetLocalListVersionRequest) -> Answer:
        """§5.10: a list that is not in use is none."""
        version = self.version if self.is_enabled else NO_LIST_VERSION
        return Answer(GetLocalListVersionResponse(list_version=version))

    def send_local_list(self, request: SendLocalListRequest) -> Answer:
        """§5.15: the update is durable before it is accepted; a refused one changes nothing."""
        try:
            self._update(request)
        except _Refused as refusal:
            self._context.log.warning(
                "a local list was refused",
                status=refusal.status.value,
                reason=refusal.reason,
                version=request.list_version,
                update=request.update_type.value,
            )
            return Answer(SendLocalListResponse(status=refusal.status))
        return Answer(SendLocalListResponse(status=UpdateStatus.ACCEPTED), then=self._updated)

    def _update(self, request: SendLocalListRequest) -> None:
        entries = [] if request.local_authorization_list is UNSET else request.local_authorization_list
        self._check(request, entries)
        try:
            with self._context.store.atomically():
                self._apply(request, entries)
        except StationStoreError as error:
            raise _Refused(UpdateStatus.FAILED, f"it cannot be stored: {error}") from error
        self._context.log.info("local list updated", version=self.version, update=request.update_type.value)

    def _check(self, request: SendLocalListRequest, entries: list[AuthorizationData]) -> None:
        """Raises `_Refused` for what can be seen without touching the list."""
        if not self.is_enabled:
            raise _Refused(UpdateStatus.NOT_SUPPORTED, "LocalAuthListEnabled is false")
        # Errata v4.0 §3.52: 0 and -1 have meanings of their own.
        if request.list_version <= EMPTY_VERSION:
            raise _Refused(UpdateStatus.FAILED, "a version must be above 0")
        is_full = request.update_type is UpdateType.FULL
        if not is_full and request.list_version <= self.version:
            raise _Refused(UpdateStatus.VERSION_MISMATCH, f"the list has version {self.version}")
        if len(entries) > self._bounds.max_entries_per_message:
            most = self._bounds.max_entries_per_message
            raise _Refused(UpdateStatus.FAILED, f"{len(entries)} entries, SendLocalListMaxLength is {most}")
        if len({entry.id_tag.casefold() for entry in entries}) < len(entries):
            raise _Refused(UpdateStatus.FAILED, "an id tag is in it twice")
        if is_full and any(entry.id_tag_info is UNSET for entry in entries):
            raise _Refused(UpdateStatus.FAILED, "an entry of a full list without idTagInfo")

    def _apply(self, request: SendLocalListRequest, entries: list[AuthorizationData]) -> None:
        if request.update_type is UpdateType.FULL:
            self._records.clear()
        added: dict[str, bytes] = {}
        for entry in entries:
            if entry.id_tag_info is UNSET:
                self._records.remove(entry.id_tag.casefold())
            else:
                added[entry.id_tag.casefold()] = StoredTag.of(entry.id_tag_info).encode()
        self._records.put_many(added.items())
        count = self._records.count()
        if count > self._bounds.max_entries:
            # Leaving the commit by an error takes everything back.
            reason = f"{count} entries would be in the list, LocalAuthListMaxLength is {self._bounds.max_entries}"
            raise _Refused(UpdateStatus.FAILED, reason)
        self._context.store.set_meta(_VERSION, str(request.list_version if count else EMPTY_VERSION))
        self._forget(added.keys())
