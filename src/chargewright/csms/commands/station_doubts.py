"""What is odd about a command in view of what is known of the station: connectors, feature profiles, size."""

from collections.abc import Iterable
from typing import Final

from chargewright.csms.outcomes import Answered, Outcome, Unanswered
from chargewright.csms.services.abilities import LARGEST_FRAME
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.core import ChargePointStatus

__all__ = ["BUSY", "connector_doubts", "frame_bytes", "learn_size", "profile_doubts", "size_doubts"]

# Statuses of a connector on which nothing can be started from afar (§4.9).
BUSY: Final = frozenset(
    {
        ChargePointStatus.CHARGING.value,
        ChargePointStatus.SUSPENDED_EV.value,
        ChargePointStatus.SUSPENDED_EVSE.value,
        ChargePointStatus.FINISHING.value,
        ChargePointStatus.UNAVAILABLE.value,
        ChargePointStatus.FAULTED.value,
    }
)
# Around the payload: type number, an id of 36 characters, the name of the action.
_FRAME_BYTES: Final = 80
# WebSocket's code for a message that is too big (RFC 6455 §7.4.1).
_TOO_BIG: Final = 1009
# A connection that is lost with a shorter message out was not lost for its length.
_SUSPECT_BYTES: Final = 16 * 1024
# The name under which the reservations service remembers SupportedFeatureProfiles, and the key in it.
_KEYS: Final = "reservation-keys"
_PROFILES: Final = "supportedfeatureprofiles"


def connector_doubts(connector_id: int, station: StationRow, services: Services, *, lowest: int) -> Iterable[str]:
    """A number below `lowest` (0 where the station as a whole may be meant), or of a connector never heard of."""
    if connector_id < lowest:
        yield f"connectorId {connector_id}: this command is for connectors from {lowest}"
        return
    statuses = services.reservations.doubts.statuses(station.id)
    if connector_id > 0 and statuses and connector_id not in statuses:
        known = ", ".join(str(number) for number in sorted(statuses))
        yield f"connectorId {connector_id}: {station.identity} has told of {known} only"


def profile_doubts(profile: FeatureProfile, station: StationRow, services: Services) -> Iterable[str]:
    """A feature profile that the station does not list."""
    told = services.abilities.of(station.id, _KEYS)
    listed = told.get(_PROFILES, "") if isinstance(told, dict) else ""
    names = {name.strip().casefold() for name in listed.split(",") if name.strip()}
    if names and profile.value.casefold() not in names:
        yield f"{station.identity} does not list {profile.value} in SupportedFeatureProfiles ({listed})"


def frame_bytes(request: Message) -> int:
    """How long the message with this request is."""
    return len(encode(request)) + _FRAME_BYTES


def size_doubts(request: Message, station: StationRow, services: Services) -> Iterable[str]:
    """A message longer than one with which the station ended the connection before."""
    limit = services.abilities.of(station.id, LARGEST_FRAME)
    if limit is not None and (size := frame_bytes(request)) > limit:
        yield f"the message has {size} bytes; {station.identity} is known to bear {limit}: it may drop the connection"


async def learn_size(request: Message, outcome: Outcome, station: StationRow, services: Services) -> None:
    """Remember that the station closed the connection with 1009, or dropped it, with a long message out: half of that
    it is taken to bear. Forget it when it answers a longer one after all."""
    limit = services.abilities.of(station.id, LARGEST_FRAME)
    if isinstance(outcome, Unanswered) and outcome.is_lost:
        size = frame_bytes(request)
        is_told = outcome.close_code == _TOO_BIG
        is_dropped = outcome.close_code is not None and size >= _SUSPECT_BYTES
        if (is_told or is_dropped) and (limit is None or size // 2 < limit):
            await services.abilities.learn(station.id, LARGEST_FRAME, size // 2)
    elif limit is not None and isinstance(outcome, Answered) and frame_bytes(request) > limit:
        await services.abilities.forget(station.id, LARGEST_FRAME)
