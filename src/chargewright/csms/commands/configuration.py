"""GetConfiguration and ChangeConfiguration (§5.3, §5.8): what is odd about them, and keeping what they brought."""

from collections.abc import Iterable

from chargewright.csms.commands.table import notes, warns
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.configuration_sync import MAXIMUM_KEYS
from chargewright.csms.services.configuration_values import SECRET_KEYS, value_problem
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import ChangeConfigurationRequest, GetConfigurationRequest

__all__ = ["note_change", "note_read", "warn_of_change", "warn_of_read"]


@warns(GetConfigurationRequest)
def warn_of_read(request: GetConfigurationRequest, station: StationRow, services: Services) -> Iterable[str]:
    """Unknown keys, and more of them than the station takes."""
    names = [] if isinstance(request.key, UnsetType) else list(request.key)
    most = services.abilities.of(station.id, MAXIMUM_KEYS)
    if most is not None and len(names) > most:
        yield f"{len(names)} keys are asked for, and the station takes {most} at a time (GetConfigurationMaxKeys)"
    for name in names:
        if services.configuration.has_key(station.id, name) is False:
            yield f"the station does not list the key {name!r}"


@warns(ChangeConfigurationRequest)
def warn_of_change(request: ChangeConfigurationRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A key that the station did not list, a value that the specification speaks against, a value that is wanted
    otherwise."""
    is_secret = request.key.casefold() in SECRET_KEYS
    if not is_secret and services.configuration.has_key(station.id, request.key) is False:
        yield f"the station does not list the key {request.key!r}"
    problem = value_problem(request.key, request.value)
    if problem is not None:
        yield problem if is_secret else f"value {request.value[:100]!r}: {problem}"
    for key, (value, scope) in services.configuration.wanted(station.id).items():
        if key.casefold() == request.key.casefold() and value != request.value:
            yield f"{key} is wanted to be {value!r} ({scope}): the CSMS would set it back"


@notes(GetConfigurationRequest)
async def note_read(
    request: GetConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Keep what was reported."""
    await services.configuration.noted_read(station, request, outcome)


@notes(ChangeConfigurationRequest)
async def note_change(
    request: ChangeConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Keep what was changed."""
    await services.configuration.noted_change(station, request, outcome)
