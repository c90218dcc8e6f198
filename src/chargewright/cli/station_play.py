"""`chargewright station play`: a scenario file at virtual stations, over real connections."""

from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.extras import needs
from chargewright.cli.station_options import (
    Ca,
    ClientCertificate,
    ClientKey,
    Dialect,
    HardwareDelay,
    PasswordFile,
    SecureCsms,
    SecurityProfile,
    Timing,
    TimingChoice,
    password_from,
)

__all__ = ["play"]

_Scenario = Annotated[
    str | None, typer.Argument(help="Name of a scenario that comes with Chargewright, or path of a TOML file.")
]
_Csms = Annotated[str, typer.Option(help="ws://host:port/path of the central system; the identity is appended.")]
_Pics = Annotated[str, typer.Option(help="Name or path of a PICS, for stations whose PICS the scenario leaves open.")]
_Id = Annotated[str, typer.Option("--id", help="Identity of the station, where the scenario has one only.")]
_Data = Annotated[
    Path | None, typer.Option(help="Directory of what survives a power cut; without it, one that is thrown away.")
]
_PasswordEnv = Annotated[
    str | None,
    typer.Option(help="Environment variable that holds the AuthorizationKey of stations that name none of their own."),
]
_Seed = Annotated[int | None, typer.Option(help="Seed of all dice; without one, that of the scenario.")]
_Json = Annotated[bool, typer.Option("--json", help="Tell the result as one line of JSON.")]
_List = Annotated[bool, typer.Option("--list", help="List the scenarios that come with Chargewright, and end.")]
_LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
_Transport = Annotated[str, typer.Option(help="picows or websockets.")]


def play(
    scenario: _Scenario = None,
    csms: _Csms = "",
    pics: _Pics = "",
    id: _Id = "",
    data: _Data = None,
    password_env: _PasswordEnv = None,
    password_file: PasswordFile = None,
    secure_csms: SecureCsms = None,
    security_profile: SecurityProfile = None,
    ca: Ca = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    seed: _Seed = None,
    json: _Json = False,
    list_: _List = False,
    log_level: _LogLevel = "warning",
    transport: _Transport = "picows",
    dialect: Dialect = None,
    timing: Timing = TimingChoice.FAST,
    hardware_delay: HardwareDelay = None,
) -> None:
    """Play a scenario: what people do at stations, step by step, and what they wait for in between.

    Each step is told as it ends. At the end, or at a signal, every transaction is stopped and the central system told.

    Exit codes: 0 every step was done, 1 one was not (it was refused, or what it waited for did not come in time, or a
    signal came), 2 a setting or the scenario is wrong, 4 the data directory cannot be used.
    """
    with needs("station", "station"):
        import msgspec

        from chargewright.errors import ConfigurationError
        from chargewright.station.play_running import PlaySettings, run_scenario
        from chargewright.station.scenario import load_scenario, names

    if list_:
        listed = {name: load_scenario(name, station_id="CW").description for name in names()}
        if json:
            typer.echo(msgspec.json.encode([{"name": name, "description": listed[name]} for name in listed]).decode())
        else:
            for name, description in listed.items():
                typer.echo(f"{name}: {description}")
        return
    try:
        if scenario is None:
            raise ConfigurationError("SCENARIO", "", None, f"a file or one of {', '.join(names())}")
        if not csms:
            raise ConfigurationError("--csms", "", None, "the URL of the central system, such as ws://127.0.0.1:9000")
        if log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ConfigurationError("--log-level", "", log_level, "debug, info, warning or error")
        password = password_from(password_env, password_file)
    except ConfigurationError as error:
        typer.echo(f"chargewright station play: {error}", err=True)
        raise typer.Exit(2) from error
    settings = PlaySettings(
        scenario=scenario,
        csms_url=csms,
        pics=pics,
        station_id=id,
        data=data,
        password=password,
        secure_csms_url=secure_csms,
        security_profile=security_profile,
        ca=ca,
        client_certificate=client_certificate,
        client_key=client_key,
        dialects=tuple(dialect or ()),
        timing=timing.value,
        hardware_delays=tuple(hardware_delay or ()),
        seed=seed,
        transport=transport,
        log_level=log_level,
    )
    raise typer.Exit(run_scenario(settings, as_json=json))
