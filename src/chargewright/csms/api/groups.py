"""Groups of stations. Their id is their name."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from chargewright.csms.api.models import Body, View
from chargewright.csms.api.paging import PageOf, PageQuery, page_of, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.services.groups import NAME_LENGTH
from chargewright.csms.storage.rows.core import StationGroupMemberRow, StationGroupRow

__all__ = ["groups"]


class Group(View):
    """A group of stations."""

    name: str
    stations: int
    """How many are in it."""


class NewGroup(Body):
    """A group to be made."""

    name: str = Field(max_length=NAME_LENGTH)


class Member(View):
    """A station of a group."""

    identity: str


def groups(parts: ApiParts) -> APIRouter:
    """Routes `/groups`."""
    router = APIRouter(prefix="/groups", tags=["groups"])
    service, admin = parts.services.groups, parts.services.station_admin

    def show(row: StationGroupRow) -> Group:
        return Group(name=row.name, stations=len(service.members(row.id)))

    @router.get("", summary="List groups")
    async def list_groups(asked: PageQuery) -> PageOf[Group]:
        """By name."""
        return await read_page("groups", asked, parts.storage, StationGroupRow, {}, show, order="name", is_text=True)

    @router.post("", summary="Make a group", status_code=HTTPStatus.CREATED)
    async def make_group(body: NewGroup, response: Response) -> Group:
        """409 where there is one of that name."""
        row = await service.create(body.name)
        response.headers["Location"] = f"/api/v1/groups/{row.name}" if row.name.isascii() else "/api/v1/groups"
        return show(row)

    @router.get("/{name}", summary="Read a group")
    async def read_group(name: str) -> Group:
        return show(service.named(name))

    @router.delete("/{name}", summary="Remove a group", status_code=HTTPStatus.NO_CONTENT)
    async def remove_group(name: str) -> None:
        """Its stations stay. 409 while a local list or a configuration is wanted of it."""
        await service.remove(name)

    @router.get("/{name}/stations", summary="List the stations of a group")
    async def list_members(name: str, asked: PageQuery) -> PageOf[Member]:
        """In the order in which they became known."""
        group = service.named(name)

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[StationGroupMemberRow]:
            ids = sorted(one for one in service.members(group.id) if after is None or one > after[1])[:limit]
            return [StationGroupMemberRow(id=one, station_id=one, station_group_id=group.id) for one in ids]

        return await page_of(
            f"stations of group {group.id}", asked, read, lambda row: Member(identity=admin.identity(row.station_id))
        )

    @router.put("/{name}/stations/{identity}", summary="Put a station into a group", status_code=HTTPStatus.NO_CONTENT)
    async def add_member(name: str, identity: str) -> None:
        """It may be there already, and in other groups."""
        await service.add(name, admin.known(identity).id)

    @router.delete(
        "/{name}/stations/{identity}", summary="Take a station out of a group", status_code=HTTPStatus.NO_CONTENT
    )
    async def remove_member(name: str, identity: str) -> None:
        """It may have left already."""
        await service.discard(name, admin.known(identity).id)

    return router
