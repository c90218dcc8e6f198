"""`chargewright ctl stations`."""

import os
from typing import Annotated, Any, Final

import typer

from chargewright.cli.ctl.client import Api, CtlError, ExitCode, asking, path
from chargewright.cli.ctl.meter_values import VALUES
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_done, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Stations: who may connect, and what is known of them.", no_args_is_help=True)

COLUMNS: Columns = {
    "identity": "identity",
    "connected": "connected",
    "registration": "registration",
    "vendor": "vendor",
    "model": "model",
    "firmware": "firmwareVersion",
    "last seen": "lastSeenAt",
    "clock off (s)": lambda station: _rounded(station["clockOffsetSeconds"]),
    "groups": lambda station: ", ".join(station["groups"]),
}
ATTEMPTS: Columns = {
    "id": "id",
    "cause": "cause",
    "identity": "identity",
    "address": "address",
    "path": "path",
    "times": "count",
    "last": "lastAt",
    "detail": "detail",
}
DATA_TRANSFERS: Columns = {
    "received": "receivedAt",
    "vendor": "vendorId",
    "message": "messageId",
    "status": "status",
    "data": "data",
}
DEVIATIONS: Columns = {
    "action": "action",
    "field": "field",
    "kind": "kind",
    "times": "count",
    "last": "lastAt",
    "sample": "sample",
}
# What `--without` takes away.
ERASABLE: Final = {"maximum-power": "maximumPowerW", "ping-interval": "pingIntervalSeconds"}

_Identity = Annotated[str, typer.Argument(help="Identity of the station.")]
_Profile = Annotated[int | None, typer.Option(help="Security profile: 0, 1 or 2.")]
_PasswordEnv = Annotated[
    str | None, typer.Option(help="Environment variable that holds the password, an AuthorizationKey.")
]
_Registration = Annotated[str | None, typer.Option(help="Accepted, Pending or Rejected.")]
_Automatic = Annotated[
    bool | None, typer.Option("--automatic/--not-automatic", help="Whether it may be sent what nobody asked for.")
]
_Tolerance = Annotated[str | None, typer.Option(help="tolerant or strict.")]
_Zone = Annotated[str | None, typer.Option(help="Time zone of times without one: Europe/Vienna.")]
_Power = Annotated[float | None, typer.Option("--maximum-power", help="Of one connector, in watts.")]
_Ping = Annotated[float | None, typer.Option("--ping-interval", help="Seconds between WebSocket pings; 0: none.")]


@app.command("list")
def list_(
    context: typer.Context,
    connected: Annotated[
        bool | None, typer.Option("--connected/--not-connected", help="Only those connected now, or not.")
    ] = None,
    registration: _Registration = None,
    group: Annotated[str | None, typer.Option(help="Only those of a group.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only those of a vendor.")] = None,
    model: Annotated[str | None, typer.Option(help="Only those of a model.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List stations."""
    wanted = {
        "connected": connected,
        "registration": registration,
        "group": group,
        "vendor": vendor,
        "model": model,
    }
    with asking(context) as api:
        print_page(api.page("/stations", limit=limit, everything=everything, **wanted), COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, identity: _Identity, json: Json = False) -> None:
    """Show all that is known of a station."""
    with asking(context) as api:
        print_item(api.get(path("stations", identity)), as_json=json)


@app.command()
def register(
    context: typer.Context,
    identity: _Identity,
    security_profile: _Profile = None,
    password_env: _PasswordEnv = None,
    registration: _Registration = None,
    automatic: _Automatic = None,
    tolerance: _Tolerance = None,
    time_zone: _Zone = None,
    maximum_power: _Power = None,
    ping_interval: _Ping = None,
    json: Json = False,
) -> None:
    """Register a station; a password that is made for it is shown this once."""
    with asking(context) as api:
        body = {"identity": identity} | _members(
            security_profile, password_env, registration, automatic, tolerance, time_zone, maximum_power, ping_interval
        )
        _print_password(api.ask("POST", "/stations", body=body), json)


@app.command()
def change(
    context: typer.Context,
    identity: _Identity,
    security_profile: _Profile = None,
    password_env: _PasswordEnv = None,
    registration: _Registration = None,
    automatic: _Automatic = None,
    tolerance: _Tolerance = None,
    time_zone: _Zone = None,
    maximum_power: _Power = None,
    ping_interval: _Ping = None,
    without: Annotated[list[str] | None, typer.Option(help="Take away: maximum-power or ping-interval.")] = None,
    json: Json = False,
) -> None:
    """Change a station; what is not named stays."""
    for word in without or ():
        if word not in ERASABLE:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(ERASABLE)}", param_hint="--without")
    with asking(context) as api:
        body = {ERASABLE[word]: None for word in without or ()} | _members(
            security_profile, password_env, registration, automatic, tolerance, time_zone, maximum_power, ping_interval
        )
        print_item(api.ask("PATCH", path("stations", identity), body=body), as_json=json)


@app.command("make-password")
def make_password(context: typer.Context, identity: _Identity, json: Json = False) -> None:
    """Make a new password for a station, shown this once."""
    with asking(context) as api:
        print_item(api.ask("POST", path("stations", identity, "password")), as_json=json)


@app.command()
def remove(context: typer.Context, identity: _Identity, json: Json = False) -> None:
    """Take a station out of service; what it sent stays."""
    with asking(context) as api:
        api.ask("DELETE", path("stations", identity))
        print_done(f"{identity} is out of service.", as_json=json)


@app.command("list-attempts")
def list_attempts(context: typer.Context, limit: Limit = 100, everything: All = False, json: Json = False) -> None:
    """List attempts to connect that came to nothing, the last first."""
    with asking(context) as api:
        print_page(api.page("/stations/attempts", limit=limit, everything=everything), ATTEMPTS, as_json=json)


@app.command("register-attempt")
def register_attempt(
    context: typer.Context,
    attempt: Annotated[str, typer.Argument(help="Id of the attempt.")],
    security_profile: _Profile = None,
    password_env: _PasswordEnv = None,
    json: Json = False,
) -> None:
    """Register the station of an attempt; a password that is made for it is shown this once."""
    with asking(context) as api:
        body = _members(security_profile, password_env)
        _print_password(api.ask("POST", path("stations", "attempts", attempt, "register"), body=body), json)


@app.command("list-data-transfers")
def list_data_transfers(
    context: typer.Context, identity: _Identity, limit: Limit = 100, everything: All = False, json: Json = False
) -> None:
    """List what a station sent as DataTransfer, the last first."""
    _list(context, identity, "data-transfers", DATA_TRANSFERS, limit, everything, json)


@app.command("list-deviations")
def list_deviations(
    context: typer.Context, identity: _Identity, limit: Limit = 100, everything: All = False, json: Json = False
) -> None:
    """List how a station deviates from the specification."""
    _list(context, identity, "deviations", DEVIATIONS, limit, everything, json)


@app.command("list-meter-values")
def list_meter_values(
    context: typer.Context,
    identity: _Identity,
    connector: Annotated[int | None, typer.Option(help="Only of a connector; 0: the whole station.")] = None,
    without_transaction: Annotated[
        bool, typer.Option("--without-transaction", help="Only those sent outside a transaction.")
    ] = False,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List the meter values of a station, the earliest first."""
    with asking(context) as api:
        page = api.page(
            path("stations", identity, "meter-values"),
            limit=limit,
            everything=everything,
            connector_id=connector,
            without_transaction=without_transaction or None,
        )
        print_page(page, VALUES, as_json=json)


def _list(
    context: typer.Context, identity: str, what: str, columns: Columns, limit: int, everything: bool, as_json: bool
) -> None:
    with asking(context) as api:
        page = _page(api, identity, what, limit, everything)
        print_page(page, columns, as_json=as_json)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2) + 0.0  # not -0.0


def _print_password(station: dict[str, Any], as_json: bool) -> None:
    """A station that is new: what was made for it first, and nothing of what cannot be known yet."""
    if as_json:
        print_item(station, as_json=True)
        return
    first = {name: station[name] for name in ("identity", "password") if station.get(name) is not None}
    rest = {name: value for name, value in station.items() if value is not None and value != [] and name not in first}
    print_item(first | rest, as_json=False)


def _page(api: Api, identity: str, what: str, limit: int, everything: bool) -> dict[str, Any]:
    return api.page(path("stations", identity, what), limit=limit, everything=everything)


def _members(
    security_profile: int | None,
    password_env: str | None,
    registration: str | None = None,
    automatic: bool | None = None,
    tolerance: str | None = None,
    time_zone: str | None = None,
    maximum_power: float | None = None,
    ping_interval: float | None = None,
) -> dict[str, Any]:
    members = {
        "securityProfile": security_profile,
        "password": None if password_env is None else _password(password_env),
        "registration": registration,
        "automatic": automatic,
        "tolerance": tolerance,
        "timeZone": time_zone,
        "maximumPowerW": maximum_power,
        "pingIntervalSeconds": ping_interval,
    }
    return {name: value for name, value in members.items() if value is not None}


def _password(variable: str) -> str:
    password = os.environ.get(variable)
    if not password:
        raise CtlError(ExitCode.USAGE, f"--password-env {variable}: no such environment variable is set.")
    return password.strip()
