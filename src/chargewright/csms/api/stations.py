"""Stations: registered, changed, taken out of service, and what is known of them. Their id is their identity."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, Field

from chargewright.csms.api.models import Body, Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import InvalidValue
from chargewright.csms.services.station_admin import StationFilter
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.core import ConnectorRow, StationDetailRow
from chargewright.transport.basic_auth import is_authorization_key
from chargewright.transport.identity import is_identity

__all__ = [
    "ChangeOfStation",
    "NewStation",
    "Password",
    "RegisteredStation",
    "Station",
    "StationChoices",
    "register",
    "stations",
]

NO_ERROR: Final = "NoError"
# Connectors of one station that are looked at for faults.
CONNECTORS: Final = 500


def _identity(value: str) -> str:
    if not is_identity(value):
        raise ValueError("1 to 48 printable ASCII characters without / \\ ? # %, and not . or ..")
    return value


def _password(value: str) -> str:
    if not is_authorization_key(value):
        raise ValueError("32 to 40 hexadecimal digits in pairs (A00.FR.205)")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("an IANA time zone such as Europe/Vienna") from error
    return value


Registration = Literal["Accepted", "Pending", "Rejected"]
Tolerance = Literal["tolerant", "strict"]
SecurityProfile = Literal[0, 1, 2]
_Password = Annotated[str, AfterValidator(_password)]
_TimeZone = Annotated[str, Field(max_length=100), AfterValidator(_time_zone)]
_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_Watts = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class Fault(View):
    """A connector that last reported an error."""

    connector_id: int
    status: str
    error_code: str
    info: str | None
    vendor_error_code: str | None
    received_at: Instant


class Station(View):
    """A station as its operator wants it, and as it showed itself."""

    identity: str
    security_profile: int
    has_password: bool
    registration: str
    """What BootNotification is answered with (§4.2)."""
    automatic: bool
    """Whether it may be sent what nobody asked for: wanted lists and configuration."""
    tolerance: str
    time_zone: str
    maximum_power_w: float | None
    """Of one connector: energies beyond it are reviewed."""
    ping_interval_seconds: float | None
    groups: list[str]
    connected: bool
    """Whether it has a connection to the server that answers."""
    address: str | None
    node: str | None
    connected_at: Instant | None
    disconnected_at: Instant | None
    close_code: int | None
    close_reason: str | None
    first_seen_at: Instant | None
    last_seen_at: Instant | None
    """When it last sent a message; up to a minute behind once it is away."""
    clock_offset_seconds: float | None
    """How far its clock is off, as far as this connection told; above 0 it is fast."""
    booted: bool
    """Whether a BootNotification was accepted at some time."""
    boot_received_at: Instant | None
    vendor: str | None
    model: str | None
    charge_point_serial_number: str | None
    charge_box_serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None
    meter_serial_number: str | None


class StationWithFaults(Station):
    """A station and its faults."""

    faults: list[Fault]


class RegisteredStation(Station):
    """A station that was just registered."""

    password: str | None
    """The password that was made for it, shown this once; null where one was given or none is needed."""


class Password(View):
    """A password that was made, shown this once."""

    password: str


class StationChoices(Body):
    """What an operator decides about a new station."""

    security_profile: SecurityProfile = 1
    """0: no password, 1: a password, 2: a password and TLS."""
    password: _Password | None = None
    """AuthorizationKey in hexadecimal digits; where the profile needs one and none is given, one is made."""
    registration: Registration = "Accepted"
    automatic: bool = True
    tolerance: Tolerance = "tolerant"
    time_zone: _TimeZone = "UTC"
    maximum_power_w: _Watts | None = None
    ping_interval_seconds: _Seconds | None = None


class NewStation(StationChoices):
    """A station to be registered."""

    identity: Annotated[str, AfterValidator(_identity)]


class ChangeOfStation(Body):
    """What is to be different; what is not named stays."""

    security_profile: SecurityProfile = 1
    password: _Password = ""
    registration: Registration = "Accepted"
    automatic: bool = True
    tolerance: Tolerance = "tolerant"
    time_zone: _TimeZone = "UTC"
    maximum_power_w: _Watts | None = None
    ping_interval_seconds: _Seconds | None = None


def fields(parts: ApiParts, row: StationDetailRow) -> dict[str, Any]:
    """What `Station` shows of a row and of the connection."""
    admin = parts.services.station_admin
    connection = admin.connection(row.id)
    seen = [
        instant
        for instant in (row.connected_at, row.last_seen_at, connection and connection.last_received_at)
        if instant
    ]
    kept = {name: getattr(row, name) for name in Station.model_fields if hasattr(row, name)}
    return kept | {
        "has_password": row.credential_hash is not None,
        "groups": [name for _, name in parts.services.groups.of(row.id)],
        "connected": connection is not None,
        "last_seen_at": max(seen, default=None),
        "clock_offset_seconds": admin.clock_offset_seconds(row.id),
    }


async def register(parts: ApiParts, identity: str, choices: StationChoices) -> RegisteredStation:
    """Register a station, with the password that was given, or else a new one."""
    admin = parts.services.station_admin
    password = choices.password
    if choices.security_profile == 0 and password is not None:
        raise InvalidValue("securityProfile", 0, "1 or 2, because a password is given")
    made = admin.make_password() if choices.security_profile != 0 and password is None else None
    row = StationRow(id=0, identity=identity, **choices.model_dump(exclude={"password", "identity"}))
    detail = await admin.register(row, password or made)
    return RegisteredStation(**fields(parts, detail), password=made)


def stations(parts: ApiParts) -> APIRouter:
    """Routes `/stations`."""
    router = APIRouter(prefix="/stations", tags=["stations"])
    admin = parts.services.station_admin

    @router.get("", summary="List stations")
    async def list_stations(
        asked: PageQuery,
        connected: Annotated[bool | None, Query(description="Only those connected to this server, or not")] = None,
        registration: Annotated[Registration | None, Query()] = None,
        group: Annotated[str | None, Query(max_length=100, description="Name of a group")] = None,
        vendor: Annotated[str | None, Query(max_length=100)] = None,
        model: Annotated[str | None, Query(max_length=100)] = None,
    ) -> PageOf[Station]:
        """In the order in which they became known."""
        members = None if group is None else parts.services.groups.named(group).id
        wanted = StationFilter(
            connected=connected, registration=registration, group=members, vendor=vendor, model=model
        )
        return await page_of(
            "stations",
            asked,
            lambda after, limit: admin.page(wanted, after, limit),
            lambda row: Station(**fields(parts, row)),
        )

    @router.post("", summary="Register a station", status_code=HTTPStatus.CREATED)
    async def register_station(body: NewStation, response: Response) -> RegisteredStation:
        """Where a password is needed and none is given, one is made, and shown in this answer only."""
        response.headers["Location"] = f"/api/v1/stations/{body.identity}"
        return await register(parts, body.identity, body)

    @router.get("/{identity}", summary="Read a station")
    async def read_station(identity: str) -> StationWithFaults:
        row = await admin.detail(identity)
        connectors = await parts.storage.page(
            ConnectorRow, {"station_id": row.id}, order="connector_id", limit=CONNECTORS
        )
        return StationWithFaults(
            **fields(parts, row), faults=[_fault(each) for each in connectors if each.error_code != NO_ERROR]
        )

    @router.patch("/{identity}", summary="Change a station")
    async def change_station(identity: str, body: ChangeOfStation) -> Station:
        """What the body names is changed; a profile without password forgets the password."""
        changes = body.model_dump(exclude_unset=True)
        password = changes.pop("password", None)
        return Station(**fields(parts, await admin.change(identity, changes, password)))

    @router.post("/{identity}/password", summary="Make a new password for a station")
    async def make_password(identity: str) -> Password:
        """Shown in this answer only. The connection that is there stays; the next one needs the new password."""
        made = admin.make_password()
        await admin.change(identity, {}, made)
        return Password(password=made)

    @router.delete("/{identity}", summary="Take a station out of service", status_code=HTTPStatus.NO_CONTENT)
    async def remove_station(identity: str) -> None:
        """Its connection is closed, its next one refused with 404; what it sent stays."""
        await admin.remove(identity)

    return router


def _fault(row: ConnectorRow) -> Fault:
    return Fault(
        connector_id=row.connector_id,
        status=row.status,
        error_code=row.raw_error_code or row.error_code,
        info=row.info,
        vendor_error_code=row.vendor_error_code,
        received_at=row.received_at,
    )
