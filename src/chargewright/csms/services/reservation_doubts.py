"""What is odd about a reservation before anybody is asked for it: from what the station last said of itself."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Final

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.instants import microseconds, moment
from chargewright.csms.outcomes import Answered, Outcome
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.storage.base import StationRow, Storage
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.csms.storage.rows.core import ConnectorRow
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.core import ChargePointStatus, GetConfigurationResponse, StatusNotificationRequest
from chargewright.protocol.v16.reservation import ReserveNowRequest

__all__ = ["ReservationDoubts"]

# The name under which a station's words on reservations are remembered, and the configuration keys that they come from.
ABILITY: Final = "reservation-keys"
PROFILES: Final = "SupportedFeatureProfiles"
CONNECTOR_ZERO: Final = "ReserveConnectorZeroSupported"
# No station has so many; one that counts up must not fill the memory.
CONNECTORS_KEPT: Final = 1_000
_KEYS: Final = (PROFILES.casefold(), CONNECTOR_ZERO.casefold())
_PAGE: Final = 1_000
_FREE: Final = (ChargePointStatus.AVAILABLE.value, ChargePointStatus.RESERVED.value)


class ReservationDoubts:
    """Knows the last status of every connector, and what stations list in their configuration."""

    def __init__(self, storage: Storage, directory: Directory, clock: Clock, abilities: AbilitiesService) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._abilities = abilities
        self._statuses: dict[int, dict[int, str]] = {}  # by station and connector

    async def load(self) -> None:
        """Read the last statuses."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(ConnectorRow, after=after, limit=_PAGE):
            for row in rows:
                self._statuses.setdefault(row.station_id, {})[row.connector_id] = row.status
            after = (rows[-1].id, rows[-1].id)

    def saw(self, station_id: int, request: StatusNotificationRequest) -> None:
        """A status is committed."""
        statuses = self._statuses.setdefault(station_id, {})
        if request.connector_id in statuses or len(statuses) < CONNECTORS_KEPT:
            statuses[request.connector_id] = request.status.value

    def statuses(self, station_id: int) -> Mapping[int, str]:
        """The last status of each connector that the station told of."""
        return self._statuses.get(station_id, {})

    async def configured(self, station: StationRow, outcome: Outcome) -> None:
        """Remember what an answer to GetConfiguration says of reservations."""
        if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetConfigurationResponse):
            return
        reported = outcome.response.configuration_key
        learned = dict(self._keys(station.id))
        for one in () if isinstance(reported, UnsetType) else reported:
            if one.key.casefold() in _KEYS and not isinstance(one.value, UnsetType):
                learned[one.key.casefold()] = one.value
        if learned:
            await self._abilities.learn(station.id, ABILITY, learned)

    def about(self, station: StationRow, request: ReserveNowRequest, live: Iterable[ReservationRow]) -> Iterator[str]:
        """One sentence for each thing that the station will refuse, or nobody can want; `live` is what it has."""
        keys = self._keys(station.id)
        profiles = [name.strip().casefold() for name in keys.get(PROFILES.casefold(), "").split(",") if name.strip()]
        if profiles and "reservation" not in profiles:
            yield f"ReserveNow: {station.identity} does not list Reservation in {PROFILES}"
        connector_id = request.connector_id
        if connector_id == 0 and keys.get(CONNECTOR_ZERO.casefold(), "").casefold() == "false":
            yield f"connectorId 0: {station.identity} says {CONNECTOR_ZERO} false"
        statuses = self._statuses.get(station.id, {})
        status = statuses.get(connector_id)
        if connector_id < 0:
            yield f"connectorId {connector_id}: there are no connectors below 0"
        elif connector_id > 0 and statuses and status is None:
            yield f"connectorId {connector_id}: {station.identity} never reported it"
        elif status is not None and status not in _FREE:
            yield f"connectorId {connector_id}: {station.identity} reported it as {status}"
        for row in live:
            if row.connector_id == connector_id and row.reservation_id != request.reservation_id:
                yield f"connectorId {connector_id}: reserved already, with reservationId {row.reservation_id}"
        yield from self._about_tag(request)

    def _about_tag(self, request: ReserveNowRequest) -> Iterator[str]:
        now = self._clock.now_microseconds()
        expiry = microseconds(request.expiry_date.in_zone(UTC))
        if expiry <= now:
            yield f"expiryDate {request.expiry_date.text}: it is past"
        tag = self._directory.id_tag(request.id_tag)
        if tag is None:
            yield f"idTag {request.id_tag!r}: nobody registered it"
        elif tag.blocked:
            yield f"idTag {request.id_tag!r}: it is blocked"
        elif tag.expires_at is not None and tag.expires_at <= now:
            yield f"idTag {request.id_tag!r}: it expired on {Timestamp.of(moment(tag.expires_at)).text}"

    def _keys(self, station_id: int) -> dict[str, str]:
        return self._abilities.of(station_id, ABILITY) or {}
