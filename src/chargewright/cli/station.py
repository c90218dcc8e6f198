"""`chargewright station`: run a virtual charging station."""

import enum
import secrets
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.extras import needs
from chargewright.cli.station_do import do_app, show, watch
from chargewright.cli.station_fleet import fleet
from chargewright.cli.station_options import (
    Ca,
    ClientCertificate,
    ClientKey,
    Control,
    ControlTokenFile,
    Dialect,
    HardwareDelay,
    PasswordFile,
    SecureCsms,
    SecurityProfile,
    Timing,
    TimingChoice,
    password_from,
)
from chargewright.cli.station_play import play
from chargewright.errors import ConfigurationError

__all__ = ["station_app"]

station_app = typer.Typer(help="A virtual charging station, shaped by a PICS.", invoke_without_command=True)


class DriverChoice(enum.StrEnum):
    """Who stands before the station."""

    AUTO = "auto"
    REMOTE = "remote"
    NONE = "none"


@station_app.callback()
def _station(context: typer.Context) -> None:
    """A virtual charging station, shaped by a PICS."""
    if context.invoked_subcommand is None:
        with needs("station", "station"):
            import chargewright.station.running  # noqa: F401 - only to see whether its libraries are there
        typer.echo(context.get_help())


_Pics = Annotated[str, typer.Argument(help="Name of a built-in PICS, or path of a TOML file.")]
_Csms = Annotated[str, typer.Option(help="ws://host:port/path of the central system; the identity is appended.")]
_Id = Annotated[str, typer.Option("--id", help="Identity of the station.")]
_Data = Annotated[Path, typer.Option(help="Directory of what survives a power cut.")]
_PasswordEnv = Annotated[str | None, typer.Option(help="Environment variable that holds the AuthorizationKey.")]
_Driver = Annotated[
    DriverChoice | None,
    typer.Option(help="Who comes: drivers with tags, those started from afar, or nobody (with --control, nobody)."),
]
_IdTag = Annotated[
    list[str] | None, typer.Option(help="Id tag of the drivers, 20 characters at most; may be given several times.")
]
_FreeVending = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="No reader: whoever plugs in charges, with this id tag (20 characters at most)."),
]
_Speed = Annotated[float, typer.Option(help="Divides battery sizes and the drivers' waiting times.")]
_Vendor = Annotated[str | None, typer.Option(help="Introduce yourself as this vendor.")]
_Model = Annotated[str | None, typer.Option(help="Introduce yourself as this model.")]
_Seed = Annotated[int | None, typer.Option(help="Seed of all dice; without one, a new one is drawn.")]
_For = Annotated[
    float | None,
    typer.Option(
        "--for",
        help="End after so many seconds, above 0. Drivers stay for hours; to see much in minutes, add --speed.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Tell the result as one line of JSON.")]
_LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
_Transport = Annotated[str, typer.Option(help="picows or websockets.")]

DEFAULT_ID_TAGS = ("CW-DRIVER-1", "CW-DRIVER-2", "CW-DRIVER-3")


@station_app.command()
def run(
    pics: _Pics,
    csms: _Csms,
    id: _Id,
    data: _Data,
    password_env: _PasswordEnv = None,
    password_file: PasswordFile = None,
    secure_csms: SecureCsms = None,
    security_profile: SecurityProfile = None,
    ca: Ca = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    driver: _Driver = None,
    id_tag: _IdTag = None,
    free_vending: _FreeVending = None,
    speed: _Speed = 1.0,
    vendor: _Vendor = None,
    model: _Model = None,
    seed: _Seed = None,
    for_seconds: _For = None,
    json: _Json = False,
    control: Control = None,
    control_token_file: ControlTokenFile = None,
    log_level: _LogLevel = "info",
    transport: _Transport = "picows",
    dialect: Dialect = None,
    timing: Timing = TimingChoice.FAST,
    hardware_delay: HardwareDelay = None,
) -> None:
    """Run one station until SIGTERM, Ctrl-C or the end of --for.

    Drivers come and charge with the tags of --id-tag (CW-DRIVER-1 to -3 without any). With --driver remote the central
    system has it for itself: a vehicle comes for each remote start, and stays until that transaction is stopped. With
    --driver none nobody comes, and nothing can charge, unless --control gives the station to your own hands: URL and
    token of the control API are then in <id>.control.json in the data directory, readable for you alone.

    Exit codes: 0 ended as asked, 2 a setting is wrong, 4 the data directory cannot be used, is in use, or is that of
    another product, 5 the time of --for was over and the central system had never accepted the station.
    """
    with needs("station", "station"):
        from chargewright.station.running import RunSettings
        from chargewright.station.running import run as live

    try:
        if log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ConfigurationError("--log-level", "", log_level, "debug, info, warning or error")
        settings = RunSettings(
            pics=pics,
            csms_url=csms,
            station_id=id,
            data=data,
            password=password_from(password_env, password_file),
            secure_csms_url=secure_csms,
            security_profile=security_profile,
            ca=ca,
            client_certificate=client_certificate,
            client_key=client_key,
            id_tags=tuple(id_tag) if id_tag else DEFAULT_ID_TAGS,
            free_vending=free_vending,
            drivers=driver.value if driver is not None else "auto" if control is None else "none",
            speed=speed,
            seed=secrets.randbits(32) if seed is None else seed,
            vendor=vendor,
            model=model,
            for_seconds=for_seconds,
            transport=transport,
            dialects=tuple(dialect or ()),
            timing=timing.value,
            hardware_delays=tuple(hardware_delay or ()),
            log_level=log_level,
            control=control,
            control_token_file=control_token_file,
        )
    except ConfigurationError as error:
        typer.echo(f"chargewright station: {error}", err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(live(settings, as_json=json))


for _command in (play, fleet, show, watch):
    station_app.command()(_command)
station_app.add_typer(do_app, name="do")


@station_app.command()
def dialects(json: _Json = False) -> None:
    """List the ways in which other stations deviate, and which --dialect puts on."""
    with needs("station", "station"):
        from chargewright.station.dialect import DESCRIPTIONS

    if json:
        typer.echo(dumps({dialect.value: description for dialect, description in DESCRIPTIONS.items()}))
        return
    width = max(len(dialect) for dialect in DESCRIPTIONS)
    for dialect, description in DESCRIPTIONS.items():
        typer.echo(f"{dialect.value:{width}}  {description}")
