"""The configuration of stations and groups: what is reported, what is wanted, and how far the two agree."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from chargewright.csms.api.models import Body, Instant, View
from chargewright.csms.api.outcomes import failure
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.configuration import KEY_LENGTH, KEYS_LIMIT, Entry
from chargewright.csms.services.groups import group_scope, scope_of
from chargewright.csms.storage.base import StationRow

__all__ = ["configuration"]

_Force = Annotated[bool, Query(description="Want it although the specification speaks against it")]


class ConfigurationEntry(View):
    """One key."""

    key: str
    value: str | None
    """As the station reported it."""
    readonly: bool | None
    received_at: Instant | None
    """Null where the station did not report it."""
    wanted: str | None
    wanted_by: str | None
    """`station`, or the name of the group whose wish it is."""
    is_drift: bool
    """Whether the station has something else than is wanted."""
    answer: str | None
    """What the station answered to the wanted value, where it did not simply accept it."""


class Configuration(View):
    """The configuration of one station."""

    state: str
    """`unknown`, `as-wanted`, `drifted`, `refused`, `reboot-required` or `unreadable`."""
    read_at: Instant | None
    """When all keys were read last."""
    items: list[ConfigurationEntry]


class WantedConfiguration(View):
    """What is wanted of a station or group itself."""

    values: dict[str, str]


class WantedConfigurationBody(Body):
    """What is wanted instead of all that was wanted before."""

    values: dict[Annotated[str, Field(max_length=KEY_LENGTH)], str] = Field(max_length=KEYS_LIMIT)


def configuration(parts: ApiParts) -> APIRouter:
    """Routes `…/configuration`."""
    router = APIRouter(tags=["configuration"])
    service, sync = parts.services.configuration, parts.services.configuration_sync
    admin, groups = parts.services.station_admin, parts.services.groups

    async def shown(station: StationRow) -> Configuration:
        state = service.state(station.id)
        names = {group_scope(group_id): name for group_id, name in groups.of(station.id)}
        entries = await service.entries(station.id)
        return Configuration(state=state.state, read_at=state.read_at, items=[_show(entry, names) for entry in entries])

    @router.get("/stations/{identity}/configuration", summary="The configuration of a station")
    async def read_configuration(identity: str) -> Configuration:
        """As it was reported last; nothing is sent."""
        return await shown(admin.known(identity))

    @router.post("/stations/{identity}/configuration/read", summary="Ask a station for its configuration")
    async def ask_configuration(identity: str) -> Configuration:
        """All keys, in whatever way the station tells them. 409, 502 or 504 where it does not, as for commands."""
        station = admin.known(identity)
        outcome = await sync.read(station)
        if not isinstance(outcome, Answered):
            raise failure(outcome)
        return await shown(station)

    @router.post("/stations/{identity}/configuration/apply", summary="Give a station what is wanted of it now")
    async def apply_configuration(identity: str) -> Configuration:
        """Read, write what differs, and tell what became of it; by itself the same is done when the station is there
        and has settled."""
        station = admin.known(identity)
        outcome = await sync.bring_in_step(station)
        if outcome is not None and not isinstance(outcome, Answered):
            raise failure(outcome)
        return await shown(station)

    @router.get("/stations/{identity}/configuration/wanted", summary="What is wanted of a station itself")
    async def read_wanted_of_station(identity: str) -> WantedConfiguration:
        return WantedConfiguration(values=dict(service.wanted_of(scope_of(admin.known(identity).id))))

    @router.put("/stations/{identity}/configuration/wanted", summary="Want values of a station")
    async def want_of_station(
        identity: str, body: WantedConfigurationBody, force: _Force = False
    ) -> WantedConfiguration:
        """In the place of all that was wanted of it; what is no longer named is left as it is at the station. A value
        that its groups want too is overridden."""
        scope = scope_of(admin.known(identity).id)
        await sync.want(scope, body.values, force=force)
        return WantedConfiguration(values=dict(service.wanted_of(scope)))

    @router.get("/groups/{name}/configuration/wanted", summary="What is wanted of the stations of a group")
    async def read_wanted_of_group(name: str) -> WantedConfiguration:
        return WantedConfiguration(values=dict(service.wanted_of(group_scope(groups.named(name).id))))

    @router.put("/groups/{name}/configuration/wanted", summary="Want values of the stations of a group")
    async def want_of_group(name: str, body: WantedConfigurationBody, force: _Force = False) -> WantedConfiguration:
        """In the place of all that was wanted of the group."""
        scope = group_scope(groups.named(name).id)
        await sync.want(scope, body.values, force=force)
        return WantedConfiguration(values=dict(service.wanted_of(scope)))

    return router


def _show(entry: Entry, groups: dict[str, str]) -> ConfigurationEntry:
    wanted_by = None if entry.scope is None else groups.get(entry.scope, "station")
    return ConfigurationEntry(
        key=entry.key,
        value=entry.reported,
        readonly=entry.readonly,
        received_at=entry.received_at,
        wanted=entry.wanted,
        wanted_by=wanted_by,
        is_drift=entry.is_drift,
        answer=entry.refused,
    )
