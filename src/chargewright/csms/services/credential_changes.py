"""A new password or security profile on its way to a station (A01, A05): until it is known which one the station uses,
each is good.

What is on its way is written down before the command is sent, so that not even the end of the server between command
and answer locks a station out. A password is final when the station said Accepted, or came with it; after answers
that did not come, the one that the station comes with first, be it the old one or any of those sent. A refusal ends
only what was refused. A profile is final when the station came with it: with one that does not work it goes back to
the old one (A05.FR.08).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
import structlog

from chargewright.csms.errors import Conflict
from chargewright.csms.outcomes import Answered, Malformed, Outcome, Unanswered
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import Range, Removal
from chargewright.csms.storage.rows.core import SettingRow, StationChange
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
)

__all__ = ["CredentialChange", "CredentialChangesService", "PendingPassword", "is_password", "profile_of"]

AUTHORIZATION_KEY: Final = "authorizationkey"
SECURITY_PROFILE: Final = "securityprofile"
# Passwords of one station that it may have taken or not.
PASSWORDS_LIMIT: Final = 5
# Of the rows of `setting`; the row id of the station follows.
_PREFIX: Final = "credential-change:"
_AFTER_PREFIX: Final = "credential-change;"
_PAGE: Final = 1000

_log = structlog.get_logger(__name__)


class PendingPassword(msgspec.Struct, kw_only=True):
    """A password that was sent, or is about to be."""

    credential_hash: str
    is_undecided: bool = False  # no answer came: whichever password is used first is the one


class CredentialChange(msgspec.Struct, kw_only=True):
    """What is on its way: at most `PASSWORDS_LIMIT` passwords, and the profile; None where that stays as it is."""

    passwords: tuple[PendingPassword, ...] = ()
    asked: str | None = None  # the hash of the one whose command has not ended
    security_profile: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of it."""
        return not self.passwords and self.security_profile is None

    def find(self, credential_hash: str | None) -> PendingPassword | None:
        """The password with that hash."""
        return next((one for one in self.passwords if one.credential_hash == credential_hash), None)


def is_password(request: ChangeConfigurationRequest) -> bool:
    """Whether the command sets the station's password."""
    return request.key.casefold() == AUTHORIZATION_KEY


def profile_of(request: ChangeConfigurationRequest) -> int | None:
    """The security profile that the command sets; None where it sets another key, or no number from 0 to 3."""
    if request.key.casefold() != SECURITY_PROFILE or request.value.strip() not in ("0", "1", "2", "3"):
        return None
    return int(request.value)


class CredentialChangesService(Service):
    """`hash_password(password, known)` makes the text to store of a password's bytes; of that which `known` is the hash
    of, `known`."""

    def __init__(self, storage: Storage, ledger: Ledger, hash_password: Callable[[bytes, str | None], str]) -> None:
        self._storage = storage
        self._ledger = ledger
        self._hash = hash_password
        self._changes: dict[int, CredentialChange] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def load(self) -> None:
        """Read what is on its way. Of an answer that an earlier run waited for, nobody will hear."""
        where = {"name": Range(_PREFIX, _AFTER_PREFIX)}
        after: tuple[Any, int] | None = None
        while rows := await self._storage.page(SettingRow, where, after=after, limit=_PAGE):
            for row in rows:
                change = msgspec.json.decode(row.value, type=CredentialChange)
                _unanswered(change)
                self._changes[int(row.name.removeprefix(_PREFIX))] = change
            after = (rows[-1].id, rows[-1].id)

    def of(self, station_id: int) -> CredentialChange | None:
        """What is on its way to the station."""
        return self._changes.get(station_id)

    def writing(self, station_id: int) -> asyncio.Lock:
        """Held by whoever reads what an operator decides of a station, to write it: passwords and profiles end at any
        time, and neither must undo the other."""
        return self._locks.setdefault(station_id, asyncio.Lock())

    async def recall(self, station_id: int) -> None:
        """Read again what is on its way, which another node may have sent; the caller holds `writing`. Raises
        `StorageError`."""
        rows = await self._storage.page(SettingRow, {"name": f"{_PREFIX}{station_id}"}, limit=1)
        if rows:
            self._changes[station_id] = msgspec.json.decode(rows[0].value, type=CredentialChange)
        else:
            self._changes.pop(station_id, None)

    # Told by commands.

    async def asking(self, station: StationRow, request: ChangeConfigurationRequest) -> None:
        """The command is about to be sent. Raises `StorageUnavailable`, `StorageError`, and `Conflict` where too many
        passwords are undecided: then it must not be."""
        async with self.writing(station.id):
            change = self._copy(station)
            if is_password(request):
                self._ask(change, _password(request.value))
            else:
                profile = profile_of(request)
                if profile is None or profile <= station.security_profile:
                    return
                change.security_profile = profile
            await self._put(station, change)

    def _ask(self, change: CredentialChange, password: bytes) -> None:
        for known in change.passwords:
            if self._hash(password, known.credential_hash) == known.credential_hash:
                change.asked = known.credential_hash
                return
        if len(change.passwords) >= PASSWORDS_LIMIT:
            raise Conflict(
                f"{PASSWORDS_LIMIT} passwords were sent without an answer, and it may have any of them: "
                "let it connect first, or set its password anew"
            )
        change.asked = self._hash(password, None)
        change.passwords += (PendingPassword(credential_hash=change.asked),)

    async def asked(self, station: StationRow, request: ChangeConfigurationRequest, outcome: Outcome) -> None:
        """The command ended."""
        status = None
        if isinstance(outcome, Answered) and isinstance(outcome.response, ChangeConfigurationResponse):
            status = outcome.response.status
        is_open = isinstance(outcome, Unanswered | Malformed)
        async with self.writing(station.id):
            change = self._copy(station)
            if not is_password(request):
                if not is_open and status not in (ConfigurationStatus.ACCEPTED, ConfigurationStatus.REBOOT_REQUIRED):
                    change.security_profile = None
                    await self._put(station, change)
                return
            password = change.find(change.asked)
            if password is None:
                return  # the station came with it meanwhile, or the operator gave another
            if status is ConfigurationStatus.ACCEPTED:
                change.asked, change.passwords = None, ()
                await self._decide(station, change, credential_hash=password.credential_hash)
                return
            if is_open:
                _unanswered(change)
            elif status is ConfigurationStatus.REBOOT_REQUIRED:
                change.asked, password.is_undecided = None, False
            else:
                change.asked = None
                # One that was sent before, and is undecided since, may be what the station has.
                change.passwords = tuple(one for one in change.passwords if one is not password or one.is_undecided)
            await self._put(station, change)

    # Told by the door.

    def used(self, station: StationRow, *, credential_hash: str | None, security_profile: int) -> None:
        """The station was let in with the password of that hash (None: it was not asked for one), under that
        profile."""
        change = self._copy(station)
        if _is_decided(change, credential_hash) or security_profile == change.security_profile:
            self._begin(self._noted(station, credential_hash, security_profile))

    async def _noted(self, station: StationRow, credential_hash: str | None, security_profile: int) -> None:
        try:
            async with self.writing(station.id):
                change = self._copy(station)
                used = None
                if _is_decided(change, credential_hash):
                    used = credential_hash
                    # What it will only take after a reboot, or is being told just now, may still come.
                    change.passwords = tuple(
                        PendingPassword(credential_hash=one.credential_hash)
                        for one in change.passwords
                        if one.credential_hash != used and (one.credential_hash == change.asked or not one.is_undecided)
                    )
                    if change.find(change.asked) is None:
                        change.asked = None
                elif security_profile != change.security_profile:
                    return  # it has ended meanwhile
                profile = security_profile if security_profile == change.security_profile else None
                await self._decide(station, change, credential_hash=used, profile=profile)
        except StorageError as error:
            # All stay good, and the next connection tells it again.
            _log.warning("which password is in use was not written", station=station.identity, error=str(error))

    async def _decide(
        self, station: StationRow, change: CredentialChange, *, credential_hash: str | None, profile: int | None = None
    ) -> None:
        """Write which password (None: it is not known) and profile it is, and what is left of the change."""
        records: list[Record] = []
        if credential_hash is None:
            credential_hash = station.credential_hash
        elif credential_hash != station.credential_hash:
            records.append(make_event("station.password_changed", {}))
        security_profile = station.security_profile
        if profile is not None:
            records.append(make_event("station.security_profile_changed", {"before": security_profile, "now": profile}))
            security_profile = profile
            change.security_profile = None
        if records:
            records.append(
                StationChange(
                    id=station.id,
                    security_profile=security_profile,
                    credential_hash=credential_hash,
                    registration=station.registration,
                    automatic=station.automatic,
                    maximum_power_w=station.maximum_power_w,
                    tolerance=station.tolerance,
                    time_zone=station.time_zone,
                    ping_interval_seconds=station.ping_interval_seconds,
                    removed_at=None,
                )
            )
        await self._put(station, change, *records)
        station.credential_hash, station.security_profile = credential_hash, security_profile

    # Told by the operator, who holds `writing`.

    def without(self, station_id: int, *, passwords: bool, profile: bool) -> tuple[list[Record], Callable[[], None]]:
        """What to write together with an operator's decision about the password, the profile or both, which ends what
        was on its way; and what to call when that is written."""
        known = self._changes.get(station_id)
        if known is None or not (passwords or profile):
            return [], lambda: None
        change = msgspec.structs.replace(known)
        if passwords:
            change.passwords, change.asked = (), None
        if profile:
            change.security_profile = None

        def settle() -> None:
            if change.is_empty:
                self._changes.pop(station_id, None)
            else:
                self._changes[station_id] = change

        return [_row(station_id, change)], settle

    async def _put(self, station: StationRow, change: CredentialChange, *others: Record) -> None:
        if not change.is_empty:
            await self._ledger.write(station.id, _row(station.id, change), *others)
            self._changes[station.id] = change
            return
        if station.id in self._changes or others:
            await self._ledger.write(station.id, _row(station.id, change), *others)
        self._changes.pop(station.id, None)

    def _copy(self, station: StationRow) -> CredentialChange:
        known = self._changes.get(station.id)
        if known is None:
            return CredentialChange()
        passwords = tuple(msgspec.structs.replace(one) for one in known.passwords)
        return msgspec.structs.replace(known, passwords=passwords)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _row(station_id: int, change: CredentialChange) -> Record:
    name = f"{_PREFIX}{station_id}"
    if change.is_empty:
        return Removal(SettingRow, {"name": name})
    return SettingRow(name=name, value=msgspec.json.encode(change).decode())


def _is_decided(change: CredentialChange, credential_hash: str | None) -> bool:
    """Whether the use of that password says which one it is."""
    if credential_hash is None:
        return False
    return change.find(credential_hash) is not None or any(one.is_undecided for one in change.passwords)


def _unanswered(change: CredentialChange) -> None:
    """No answer came to the command that was under way."""
    password = change.find(change.asked)
    change.asked = None
    if password is not None:
        password.is_undecided = True


def _password(value: str) -> bytes:
    """What the station will send: the bytes that the hexadecimal digits stand for; of another text, that itself."""
    try:
        return bytes.fromhex(value)
    except ValueError:
        return value.encode()
