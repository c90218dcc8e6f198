"""The charging profiles of one station: what is installed, and what it limits (§3.13, §5.5, §5.16).

Instants are whole microseconds since 1970, UTC. `charging_since` is the instant at which the transaction of a connector
began to charge; None where no transaction runs: then TxDefaultProfiles count as if one began at the instant asked
about, and TxProfiles do not count. A beginning that lies after the instant asked about, because the clock was set back,
counts as that instant: no limit is lost by it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.recurrence import Timing
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.timeline import Entry, LimitWalk, Timeline, limit_of_entries
from chargewright.charging_profiles.units import UNLIMITED, Limit
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.datatypes import ChargingProfile, ChargingProfilePurposeType
from chargewright.protocol.v16.smart_charging import ClearChargingProfileRequest

__all__ = ["Installation", "ProfileSet"]

_Purpose: Final = ChargingProfilePurposeType
_Place: TypeAlias = tuple[ChargingProfilePurposeType, int]
# How many instants at which nothing changes after all are passed over, before one of them is given as the next change.
_LOOK_AHEAD: Final = 1_000
# Before every instant that a time stamp can name.
_ALWAYS: Final = -(2**62)


class Installation(NamedTuple):
    """A charging profile that was installed, and those that it replaced."""

    installed: InstalledProfile
    removed: tuple[InstalledProfile, ...]


class ProfileSet:
    """Charging profiles by connector; connector 0 is the station.

    Keeps in memory only: what `install` and the methods that remove return is what has to be written down, and
    `installed` what was read back.
    """

    __slots__ = ("_by_id", "_by_place", "_sorted", "switches")

    def __init__(self, switches: Switches | None = None, installed: Iterable[InstalledProfile] = ()) -> None:
        self.switches: Final = Switches() if switches is None else switches
        self._by_id: Final[dict[int, InstalledProfile]] = {}
        # By purpose and connector, then by stack level: there are never two of one (§3.13.2).
        self._by_place: Final[dict[_Place, dict[int, InstalledProfile]]] = {}
        # The same, sorted by what prevails; made when it is asked for.
        self._sorted: Final[dict[_Place, list[InstalledProfile]]] = {}
        for profile in installed:
            self._remove(self._replaced(profile.profile_id, profile.purpose, profile.connector_id, profile.stack_level))
            self._put(profile)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[InstalledProfile]:
        """All profiles, the one that was installed first before the others."""
        return iter(list(self._by_id.values()))

    def get(self, profile_id: int) -> InstalledProfile | None:
        """The profile of that chargingProfileId."""
        return self._by_id.get(profile_id)

    def replaced_by(self, profile: ChargingProfile, connector_id: int) -> tuple[InstalledProfile, ...]:
        """What would be removed if the profile were installed: the one with the same id, wherever it is, and the one
        with the same purpose and stack level on the same connector (§5.16.4)."""
        return self._replaced(
            profile.charging_profile_id, profile.charging_profile_purpose, connector_id, profile.stack_level
        )

    def install(self, profile: ChargingProfile, connector_id: int, at: int) -> Installation:
        """Install a profile at once, also where it is valid later only (§3.13.2).

        Ask `validation.check_installable` before; here only `ValueError` is raised, for periods without any sense.
        """
        installed = InstalledProfile(profile, connector_id, at)
        removed = self.replaced_by(profile, connector_id)
        self._remove(removed)
        self._put(installed)
        return Installation(installed, removed)

    def clear(self, request: ClearChargingProfileRequest) -> tuple[InstalledProfile, ...]:
        """Remove what matches (errata v4.0 §3.25): with an id nothing else counts, else all fields that are given do,
        and without any every profile is removed. The answer is Unknown where nothing was (§7.21)."""
        return self._remove(self.matching(request))

    def matching(self, request: ClearChargingProfileRequest) -> tuple[InstalledProfile, ...]:
        """What `clear` would remove."""
        if not isinstance(request.id, UnsetType):
            found = self._by_id.get(request.id)
            return () if found is None else (found,)
        return tuple(profile for profile in self._by_id.values() if _matches(profile, request))

    def end_transaction(self, connector_id: int) -> tuple[InstalledProfile, ...]:
        """Remove the TxProfiles of a connector, whose transaction has ended (§3.13.1)."""
        return self._remove(list(self._by_place.get((_Purpose.TX_PROFILE, connector_id), {}).values()))

    def remove_expired(self, at: int) -> tuple[InstalledProfile, ...]:
        """Remove what will never be valid again, because its validTo has come."""
        return self._remove([profile for profile in self._by_id.values() if _is_expired(profile, at)])

    def limit_at(self, connector_id: int, at: int, charging_since: int | None = None) -> Limit:
        """What holds for a connector at an instant; for connector 0, what all connectors together may take."""
        backwards = self.switches.recurs_backwards
        if charging_since is not None:
            charging_since = min(charging_since, at)
        maximum = limit_of_entries(self._maximum_entries(at), at, recurs_backwards=backwards)
        own = limit_of_entries(self._transaction_entries(connector_id, charging_since), at, recurs_backwards=backwards)
        if own is None and connector_id != 0:
            entries = self._default_entries(connector_id, at if charging_since is None else charging_since)
            own = limit_of_entries(entries, at, recurs_backwards=backwards)
        return (maximum or UNLIMITED).lowest(own or UNLIMITED)

    def next_change(self, connector_id: int, at: int, charging_since: int | None = None) -> int | None:
        """The first instant after `at` from which `limit_at` may say something else; None when there is none.

        Never too late; too early only where the limit stays the same over a thousand changes of schedule or more, and
        where the clock was set back behind what a schedule counts from: a begin of charging, or an installation.
        """
        walk = self.walk(connector_id, at, charging_since)
        limit, end = walk.at(at)
        for _ in range(_LOOK_AHEAD):
            if end is None:
                return None
            after, later = walk.at(end)
            if after != limit:
                return end
            end = later
        return end

    def walk(self, connector_id: int, at: int, charging_since: int | None = None, *, capped: bool = True) -> LimitWalk:
        """The limits of a connector from `at` on; not `capped`: without ChargePointMaxProfiles."""
        backwards = self.switches.recurs_backwards
        if charging_since is not None:
            charging_since = min(charging_since, at)
        default_start = at if charging_since is None else charging_since
        defaults = self._default_entries(connector_id, default_start) if connector_id else ()
        return LimitWalk(
            Timeline(list(self._maximum_entries(at)) if capped else (), at, recurs_backwards=backwards),
            Timeline(list(self._transaction_entries(connector_id, charging_since)), at, recurs_backwards=backwards),
            Timeline(list(defaults), at, recurs_backwards=backwards),
        )

    def _maximum_entries(self, at: int) -> Iterator[Entry]:
        # Nothing begins at the station that a profile could be relative to, but its own installation.
        return (
            Entry(profile, profile.timing, min(profile.installed_at, at))
            for profile in self._levels(_Purpose.CHARGE_POINT_MAX_PROFILE, 0)
        )

    def _transaction_entries(self, connector_id: int, charging_since: int | None) -> Iterator[Entry]:
        if charging_since is None:
            return
        profiles = self._levels(_Purpose.TX_PROFILE, connector_id)
        for profile in profiles:
            yield Entry(profile, profile.timing, charging_since)
        if self.switches.exhausted_tx_profile == "no-limit":
            for profile in profiles:
                own = profile.timing
                validity = Timing(start=_ALWAYS, valid_from=own.valid_from, valid_to=own.valid_to)
                yield Entry(None, validity, charging_since)

    def _default_entries(self, connector_id: int, charging_start: int) -> Iterator[Entry]:
        """Those of the connector and those of connector 0, which at the same level are replaced for this connector
        until the validTo of what replaces them."""
        special = self._by_place.get((_Purpose.TX_DEFAULT_PROFILE, connector_id), {})
        for profile in self._levels(_Purpose.TX_DEFAULT_PROFILE, connector_id, with_zero=True):
            timing = profile.timing
            replacement = special.get(profile.stack_level) if profile.connector_id == 0 else None
            if replacement is not None:
                valid_to = replacement.timing.valid_to
                if valid_to is None:
                    continue
                valid_from = valid_to if timing.valid_from is None else max(timing.valid_from, valid_to)
                timing = msgspec.structs.replace(timing, valid_from=valid_from)
            yield Entry(profile, timing, charging_start)

    def _levels(
        self, purpose: ChargingProfilePurposeType, connector_id: int, *, with_zero: bool = False
    ) -> list[InstalledProfile]:
        """Highest stack level first; `with_zero`: those of connector 0 among them."""
        place = (purpose, connector_id)
        found = self._sorted.get(place)
        if found is None:
            found = list(self._by_place.get(place, {}).values())
            if with_zero:
                found += self._by_place.get((purpose, 0), {}).values()
            found.sort(key=lambda profile: -profile.stack_level)
            self._sorted[place] = found
        return found

    def _replaced(
        self, profile_id: int, purpose: ChargingProfilePurposeType, connector_id: int, stack_level: int
    ) -> tuple[InstalledProfile, ...]:
        found = (self._by_id.get(profile_id), self._by_place.get((purpose, connector_id), {}).get(stack_level))
        return tuple({old.profile_id: old for old in found if old is not None}.values())

    def _put(self, profile: InstalledProfile) -> None:
        self._by_id[profile.profile_id] = profile
        self._by_place.setdefault((profile.purpose, profile.connector_id), {})[profile.stack_level] = profile
        self._forget_order(profile)

    def _remove(self, profiles: Iterable[InstalledProfile]) -> tuple[InstalledProfile, ...]:
        removed = tuple(profiles)
        for profile in removed:
            del self._by_id[profile.profile_id]
            place = (profile.purpose, profile.connector_id)
            del self._by_place[place][profile.stack_level]
            if not self._by_place[place]:
                del self._by_place[place]
            self._forget_order(profile)
        return removed

    def _forget_order(self, profile: InstalledProfile) -> None:
        if profile.connector_id:
            self._sorted.pop((profile.purpose, profile.connector_id), None)
        else:
            # One for all connectors stands in the order of each.
            self._sorted.clear()


def _matches(profile: InstalledProfile, request: ClearChargingProfileRequest) -> bool:
    purpose = request.charging_profile_purpose
    return (
        (isinstance(request.connector_id, UnsetType) or profile.connector_id == request.connector_id)
        and (isinstance(purpose, UnsetType) or profile.purpose is purpose)
        and (isinstance(request.stack_level, UnsetType) or profile.stack_level == request.stack_level)
    )


def _is_expired(profile: InstalledProfile, at: int) -> bool:
    return profile.timing.valid_to is not None and profile.timing.valid_to <= at
