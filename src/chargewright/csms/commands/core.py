"""Commands of the Core feature profile (§5.2 to §5.18): what is odd about them, and what follows from their answers.

What concerns configuration keys in general is in `configuration`.
"""

from collections.abc import Iterable

from chargewright.csms.commands.commander import NOT_WHILE_PENDING
from chargewright.csms.commands.station_doubts import BUSY, connector_doubts
from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.credential_changes import is_password, profile_of
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message, UnsetType
from chargewright.protocol.v16.core import (
    ChangeAvailabilityRequest,
    ChangeConfigurationRequest,
    RemoteStartTransactionRequest,
    RemoteStopTransactionRequest,
    UnlockConnectorRequest,
)
from chargewright.protocol.v16.datatypes import AuthorizationStatus, ChargingProfilePurposeType

__all__ = [
    "note_credentials",
    "prepare_credentials",
    "warn_availability",
    "warn_remote_start",
    "warn_remote_stop",
    "warn_security_profile",
    "warn_unlock",
]


@warns(ChangeAvailabilityRequest)
def warn_availability(request: ChangeAvailabilityRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A connector that there is not."""
    return connector_doubts(request.connector_id, station, services, lowest=0)


@warns(UnlockConnectorRequest)
def warn_unlock(request: UnlockConnectorRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A connector that there is not; the station as a whole has no lock."""
    return connector_doubts(request.connector_id, station, services, lowest=1)


@warns(RemoteStartTransactionRequest)
async def warn_remote_start(
    request: RemoteStartTransactionRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """A connector that there is not or that is busy, an id tag that may not charge, a profile that is none of a
    transaction (§5.16.2)."""
    found = list(_pending_doubts(request, station))
    if not isinstance(request.connector_id, UnsetType):
        connector_id = request.connector_id
        found += connector_doubts(connector_id, station, services, lowest=1)
        status = services.reservations.doubts.statuses(station.id).get(connector_id)
        running = [row for row in await services.known_transactions.open_at(station.id)]
        numbers = [row.transaction_id for row in running if row.connector_id == connector_id]
        if numbers:
            found.append(f"connectorId {connector_id}: transaction {numbers[0]} is open there")
        elif status in BUSY:
            found.append(f"connectorId {connector_id}: {station.identity} reported it as {status}")
    told = services.authorization.check(request.id_tag, services.firmware.now()).status
    if told is not AuthorizationStatus.ACCEPTED:
        found.append(f"idTag: it would be answered {told.value} at the start")
    profile = request.charging_profile
    if not isinstance(profile, UnsetType):
        purpose = profile.charging_profile_purpose
        if purpose is not ChargingProfilePurposeType.TX_PROFILE:
            found.append(f"chargingProfilePurpose {purpose.value}: only TxProfile may be sent with a start (§5.16.2)")
        if not isinstance(profile.transaction_id, UnsetType):
            found.append(f"transactionId {profile.transaction_id}: there is no transaction yet (errata v4.0 §3.41)")
    return found


@warns(RemoteStopTransactionRequest)
async def warn_remote_stop(
    request: RemoteStopTransactionRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """A transaction that is not open at this station."""
    found = list(_pending_doubts(request, station))
    numbers = [row.transaction_id for row in await services.known_transactions.open_at(station.id)]
    if request.transaction_id not in numbers:
        shown = ", ".join(str(number) for number in numbers) or "none"
        found.append(f"transactionId {request.transaction_id}: not open at {station.identity} (open: {shown})")
    return found


@warns(ChangeConfigurationRequest)
def warn_security_profile(
    request: ChangeConfigurationRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """A security profile that is no upgrade (A05.FR.01), or has no password yet."""
    profile = profile_of(request)
    if profile is None:
        return
    if profile <= station.security_profile:
        yield f"value {profile}: {station.identity} has security profile {station.security_profile} (A05.FR.01)"
    elif profile in (1, 2) and station.credential_hash is None:
        yield f"value {profile}: {station.identity} has no password yet; set AuthorizationKey first (A05.FR.02)"


@prepares(ChangeConfigurationRequest)
async def prepare_credentials(request: ChangeConfigurationRequest, station: StationRow, services: Services) -> None:
    """From now on the station may come with the new password or profile, whether or not its answer gets here."""
    if is_password(request) or profile_of(request) is not None:
        await services.credential_changes.asking(station, request)


@notes(ChangeConfigurationRequest)
async def note_credentials(
    request: ChangeConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """The new password is the only one, or there will be none."""
    if is_password(request) or profile_of(request) is not None:
        await services.credential_changes.asked(station, request, outcome)


def _pending_doubts(request: Message, station: StationRow) -> Iterable[str]:
    if station.registration == "Pending" and isinstance(request, NOT_WHILE_PENDING):
        yield f"{ACTION_OF_REQUEST[type(request)].name}: registration of {station.identity} is Pending (§4.2)"
