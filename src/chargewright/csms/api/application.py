"""The REST API as one ASGI application."""

from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request

from chargewright.csms.api import errors
from chargewright.csms.api.attempts import attempts
from chargewright.csms.api.auth import SCHEME, bearer_key
from chargewright.csms.api.bulk_commands import bulk_commands
from chargewright.csms.api.charging_profiles import charging_profiles
from chargewright.csms.api.commands import commands
from chargewright.csms.api.configuration import configuration
from chargewright.csms.api.connectors import connectors
from chargewright.csms.api.diagnostics import diagnostics
from chargewright.csms.api.errors import Problem
from chargewright.csms.api.events import events
from chargewright.csms.api.firmware_updates import firmware_updates
from chargewright.csms.api.groups import groups
from chargewright.csms.api.id_tags import id_tags
from chargewright.csms.api.limits import BodyLimit
from chargewright.csms.api.local_lists import local_lists
from chargewright.csms.api.meter_values import meter_values
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.personal_data import personal_data
from chargewright.csms.api.probes import probes
from chargewright.csms.api.reservations import reservations
from chargewright.csms.api.retention import retention
from chargewright.csms.api.security_events import security_events
from chargewright.csms.api.station_records import station_records
from chargewright.csms.api.stations import stations
from chargewright.csms.api.transaction_stops import transaction_stops
from chargewright.csms.api.transactions import transactions

__all__ = ["PREFIX", "RESOURCES", "create_api"]

PREFIX: Final = "/api/v1"
# Every resource under the prefix, each in a module of its own.
RESOURCES: Final[tuple[Callable[[ApiParts], APIRouter], ...]] = (
    configuration,
    events,
    id_tags,
    personal_data,
    retention,
    attempts,  # before `stations`, whose paths would take theirs
    stations,
    connectors,
    station_records,
    transactions,
    transaction_stops,
    meter_values,
    commands,
    charging_profiles,
    firmware_updates,
    diagnostics,
    security_events,
    bulk_commands,
    groups,
    local_lists,
    reservations,
)


def create_api(parts: ApiParts) -> FastAPI:
    """The application; the bearer key of every route under `/api/v1` is `bootstrap_token` of the settings."""
    api = FastAPI(
        title="Chargewright CSMS", version=version("chargewright"), docs_url=None, redoc_url=None, openapi_url=None
    )
    errors.install(api)
    api.add_middleware(BodyLimit)
    api.include_router(probes(parts.not_ready))
    token = parts.settings.bootstrap_token
    key = Depends(bearer_key(None if token is None else token.get_secret_value()))
    for resource in RESOURCES:
        api.include_router(
            resource(parts),
            prefix=PREFIX,
            dependencies=[key, Depends(SCHEME), Depends(_without_nul)],
            responses=dict(errors.RESPONSES),
        )
    return api


def _without_nul(request: Request) -> None:
    """No database can look for it, and nothing is named so."""
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise Problem(HTTPStatus.BAD_REQUEST, "The character U+0000 has no place in a URL.")
