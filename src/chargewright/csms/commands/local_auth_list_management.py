"""Commands of the Local Auth List Management feature profile (§5.10, §5.15)."""

from collections.abc import Iterable

from chargewright.csms.commands.table import notes, warns
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import UNSET, UnsetType
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.local_auth_list_management import SendLocalListRequest, UpdateType

__all__ = ["note_abilities", "note_list", "warn_list"]


@warns(SendLocalListRequest)
def warn_list(request: SendLocalListRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will refuse, or the CSMS will undo."""
    wanted = services.local_lists.list_of(station.id)
    if wanted is not None:
        yield (
            f"SendLocalList: a list with {wanted.entries} entries is wanted of {station.identity}; the next time it is "
            "brought in step, that one replaces this one"
        )
    if request.list_version <= 0:
        yield f"listVersion {request.list_version}: 0 means an empty list and -1 none, so a list has one from 1 on"
    entries = request.local_authorization_list
    entries = [] if isinstance(entries, UnsetType) else entries
    keys: set[str] = set()
    for entry in entries:
        key = entry.id_tag.casefold()
        if key in keys:
            yield f"idTag {entry.id_tag!r}: it stands in the list twice"
            break
        keys.add(key)
    without = next((entry.id_tag for entry in entries if entry.id_tag_info is UNSET), None)
    if request.update_type is UpdateType.FULL and without is not None:
        yield f"idTag {without!r}: it has no idTagInfo, which every entry of a Full needs"
    most = services.local_lists.longest_message(station.id)
    if most is not None and len(entries) > most:
        yield f"localAuthorizationList: {len(entries)} entries, but {station.identity} takes {most} in a message"


@notes(SendLocalListRequest)
async def note_list(request: SendLocalListRequest, outcome: Outcome, station: StationRow, services: Services) -> None:
    """What a station was sent by hand is another list than the wanted one."""
    await services.local_lists.sent(station, request, outcome)


@notes(GetConfigurationRequest)
async def note_abilities(
    request: GetConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """How long a list the station takes."""
    await services.local_lists.configured(station, outcome)
