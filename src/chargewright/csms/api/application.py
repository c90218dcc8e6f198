"""The REST API as one ASGI application."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Depends, FastAPI

from chargewright.csms.api import errors
from chargewright.csms.api.attempts import attempts
from chargewright.csms.api.auth import BearerKey, KeyFirst
from chargewright.csms.api.bulk_commands import bulk_commands
from chargewright.csms.api.charging_profiles import charging_profiles
from chargewright.csms.api.commands import commands
from chargewright.csms.api.configuration import configuration
from chargewright.csms.api.connectors import connectors
from chargewright.csms.api.diagnostics import diagnostics
from chargewright.csms.api.events import events
from chargewright.csms.api.firmware_updates import firmware_updates
from chargewright.csms.api.groups import groups
from chargewright.csms.api.id_tags import id_tags
from chargewright.csms.api.limits import BodyLimit, UrlLimit
from chargewright.csms.api.local_lists import local_lists
from chargewright.csms.api.meter_values import meter_values
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.personal_data import personal_data
from chargewright.csms.api.probes import probes
from chargewright.csms.api.queries import known_queries
from chargewright.csms.api.reservations import reservations
from chargewright.csms.api.retention import retention
from chargewright.csms.api.security_events import security_events
from chargewright.csms.api.station_records import station_records
from chargewright.csms.api.stations import stations
from chargewright.csms.api.transaction_stops import transaction_stops
from chargewright.csms.api.transactions import transactions
from chargewright.csms.api.upgrades import StationsElsewhere

__all__ = ["PREFIX", "RESOURCES", "create_api"]

PREFIX: Final = "/api/v1"
# Every resource under the prefix, each in a module of its own. They are asked in this order whether a path is theirs,
# which takes 10 µs each: what is asked most often comes first.
RESOURCES: Final[tuple[Callable[[ApiParts], APIRouter], ...]] = (
    commands,
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
    token = parts.settings.bootstrap_token
    key = BearerKey(None if token is None else token.get_secret_value())
    # The last one added is asked first.
    api.add_middleware(BodyLimit)
    api.add_middleware(KeyFirst, key=key, prefix=PREFIX)
    api.add_middleware(UrlLimit)
    listening = {"ws": parts.settings.ocpp, "wss": parts.settings.ocpps}
    addresses = {scheme: address for scheme, address in listening.items() if address != "off"}
    api.add_middleware(StationsElsewhere, addresses=addresses)
    api.include_router(probes(parts.not_ready))
    for resource in RESOURCES:
        api.include_router(
            resource(parts),
            prefix=PREFIX,
            # The key a second time, and for the OpenAPI document.
            dependencies=[Depends(key), Depends(known_queries)],
            responses=dict(errors.RESPONSES),
        )
    return api
