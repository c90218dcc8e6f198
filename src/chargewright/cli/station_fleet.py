"""`chargewright station fleet`: thousands of virtual charging stations in one process."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.extras import needs
from chargewright.cli.station_options import (
    Ca,
    Control,
    ControlTokenFile,
    Dialect,
    HardwareDelay,
    SecureCsms,
    SecurityProfile,
    Timing,
    TimingChoice,
)
from chargewright.errors import ConfigurationError

__all__ = ["fleet"]

_Count = Annotated[int, typer.Option(help="How many stations.")]
_Pics = Annotated[str, typer.Option(help="Name or path of a PICS; several with commas between, and they take turns.")]
_Csms = Annotated[str | None, typer.Option(help="ws://host:port/path of the central system; identities are appended.")]
_Behaviour = Annotated[str, typer.Option(help="depot, public, storm or nobody, or the path of a behaviour file.")]
_For = Annotated[
    float | None,
    typer.Option(
        "--for",
        help="End after so many seconds, above 0. Drivers stay for hours; to see much in minutes, add --speed.",
    ),
]
_Drain = Annotated[float, typer.Option(help="Most seconds at the end for drivers to leave and queues to empty.")]
_Data = Annotated[
    Path | None, typer.Option(help="Directory of what survives a power cut; without one, it is thrown away at the end.")
]
_Prefix = Annotated[str, typer.Option(help="What identities begin with; five digits follow.")]
_PasswordEnv = Annotated[str | None, typer.Option(help="Environment variable with one AuthorizationKey for all.")]
_PasswordFile = Annotated[Path | None, typer.Option(help="File with one AuthorizationKey for all.")]
_MasterEnv = Annotated[
    str | None, typer.Option(help="Environment variable with a key from which each station gets a key of its own.")
]
_MasterFile = Annotated[Path | None, typer.Option(help="File with such a key.")]
_WriteSeed = Annotated[
    Path | None, typer.Option(help="Write stations and id tags as a seed file for `chargewright serve`, and end.")
]
_Seed = Annotated[int | None, typer.Option(help="Seed of all dice; without one, a new one is drawn.")]
_Speed = Annotated[float, typer.Option(help="Divides battery sizes and all waiting times.")]
_Json = Annotated[bool, typer.Option("--json", help="Tell the result as one line of JSON.")]
_LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
_Transport = Annotated[str, typer.Option(help="picows or websockets.")]

# HMAC keys shorter than this could be guessed.
LEAST_MASTER_KEY = 16


def fleet(
    count: _Count,
    pics: _Pics = "minimal",
    csms: _Csms = None,
    behaviour: _Behaviour = "depot",
    for_seconds: _For = None,
    drain: _Drain = 60.0,
    data: _Data = None,
    prefix: _Prefix = "CW-F-",
    password_env: _PasswordEnv = None,
    password_file: _PasswordFile = None,
    master_key_env: _MasterEnv = None,
    master_key_file: _MasterFile = None,
    secure_csms: SecureCsms = None,
    security_profile: SecurityProfile = None,
    ca: Ca = None,
    write_seed: _WriteSeed = None,
    seed: _Seed = None,
    speed: _Speed = 1.0,
    json: _Json = False,
    log_level: _LogLevel = "error",
    transport: _Transport = "picows",
    dialect: Dialect = None,
    timing: Timing = TimingChoice.FAST,
    hardware_delay: HardwareDelay = None,
    control: Control = None,
    control_token_file: ControlTokenFile = None,
) -> None:
    """Run thousands of stations until SIGTERM, Ctrl-C or the end of --for, and account for every transaction message.

    One line a second tells on standard error how they are doing. At the end every driver leaves, every transaction is
    ended, and the stations wait until the central system has answered, for --drain seconds at most. With --control you
    have hands at every station beside the drivers: URL and token are in fleet.control.json in the data directory.

    Exit codes: 0 nothing was lost, 1 something was, 2 a setting or the behaviour file is wrong, 4 the data directory
    cannot be used or is in use, 5 the central system accepted no station.
    """
    with needs("station", "station"):
        import msgspec
        from rich.console import Console

        from chargewright.cli.fleet_view import FleetView, summary
        from chargewright.station.fleet import FleetResult
        from chargewright.station.fleet_running import FleetSettings, run_fleet
        from chargewright.station.fleet_running import write_seed as write
        from chargewright.transport.basic_auth import is_authorization_key

    try:
        if log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ConfigurationError("--log-level", "", log_level, "debug, info, warning or error")
        master = _secret("--master-key", master_key_env, master_key_file)
        if master is not None and len(master) < LEAST_MASTER_KEY:
            raise ConfigurationError("--master-key", "", "(hidden)", f"{LEAST_MASTER_KEY} characters or more")
        key = _secret("--password", password_env, password_file)
        if key is not None and master is not None:
            raise ConfigurationError("--master-key", "", "(hidden)", "only one of --password-… and --master-key-…")
        if key is not None and not is_authorization_key(key):
            expected = "an AuthorizationKey: 32 to 40 hexadecimal digits in pairs"
            raise ConfigurationError("--password", "", "(hidden)", expected)
        settings = FleetSettings(
            count=count,
            pics=tuple(name.strip() for name in pics.split(",") if name.strip()),
            csms_url=csms or "",
            behaviour=behaviour,
            data=data,
            prefix=prefix,
            authorization_key=key,
            master_key=None if master is None else master.encode(),
            seed=secrets.randbits(32) if seed is None else seed,
            speed=speed,
            for_seconds=for_seconds,
            drain_seconds=drain,
            transport=transport,
            secure_csms_url=secure_csms,
            security_profile=security_profile,
            ca=ca,
            dialects=tuple(dialect or ()),
            timing=timing.value,
            hardware_delays=tuple(hardware_delay or ()),
            control=control,
            control_token_file=control_token_file,
            log_level=log_level,
        )
        if write_seed is not None:
            write(settings, write_seed)
            typer.echo(f"{write_seed}: {count} stations; chargewright serve --seed {write_seed}", err=True)
            raise typer.Exit(0)
        if csms is None:
            raise ConfigurationError("--csms", "", None, "the URL of a central system, such as ws://127.0.0.1:9000")
    except ConfigurationError as error:
        typer.echo(f"chargewright station: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"chargewright station: {error}", err=True)
        raise typer.Exit(4) from error
    with FleetView(Console(stderr=True)) as view:
        results: list[FleetResult] = []
        code = run_fleet(settings, view.show, results.append)
    for result in results:
        sys.stdout.write((msgspec.json.encode(result).decode() if json else summary(result)) + "\n")
    raise typer.Exit(code)


def _secret(option: str, variable: str | None, file: Path | None) -> str | None:
    """From an environment variable or a file; never an argument, where other users could see it."""
    if variable is not None and file is not None:
        raise ConfigurationError(f"{option}-file", "", str(file), f"only one of {option}-env and {option}-file")
    if variable is not None:
        text = os.environ.get(variable)
        if text is None:
            raise ConfigurationError(f"{option}-env", "", variable, "the name of an environment variable that is set")
        return text.strip()
    if file is not None:
        try:
            return file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{option}-file", "", str(file), f"a readable text file ({error})") from error
    return None
