"""`chargewright station do`, `show` and `watch`: your hands at a virtual station that another process runs."""

import enum
import inspect
import json as json_module
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Optional
from urllib.parse import quote

import msgspec
import typer

from chargewright.cli.extras import needs
from chargewright.station.deeds import DEEDS, Deed, bare_type, summary
from chargewright.station.presented_tag import PresentedTag
from chargewright.wording import counted

if TYPE_CHECKING:
    import httpx

__all__ = ["TOKEN_VARIABLE", "URL_VARIABLE", "do_app", "show", "watch"]

URL_VARIABLE: Final = "CHARGEWRIGHT_STATION_URL"
TOKEN_VARIABLE: Final = "CHARGEWRIGHT_STATION_TOKEN"
PREFIX: Final = "/api/v1/stations"
ANSWER_SECONDS: Final = 30.0


class ExitCode(enum.IntEnum):
    """What the process ends with."""

    DONE = 0
    REFUSED = 1  # it cannot be done at the station as it is
    USAGE = 2  # the command or a value is wrong
    UNREACHABLE = 3  # nobody serves there, or the token is refused
    NOT_FOUND = 4  # no such station or connector


_OF_STATUS: Final = {
    400: ExitCode.USAGE,
    401: ExitCode.UNREACHABLE,
    404: ExitCode.NOT_FOUND,
    413: ExitCode.USAGE,
    422: ExitCode.USAGE,
    503: ExitCode.UNREACHABLE,
}
_HOW_TO_SERVE: Final = "chargewright station run (or fleet) … --control 127.0.0.1:0 --data DIR"
# Where a fleet leaves URL and token for all its stations.
FLEET_NOTICE: Final = "fleet.control.json"

do_app = typer.Typer(help="Do something at a virtual station that runs with --control.", no_args_is_help=True)

_Id = Annotated[str, typer.Argument(metavar="ID", help="Identity of the station.")]
_Data = Annotated[
    Path,
    typer.Option(help="Data directory of its `run` or `fleet`, which keeps URL and token of its control API there."),
]
_Url = Annotated[
    str | None, typer.Option(envvar=URL_VARIABLE, help="URL of the control API, instead of what --data says.")
]
_TokenFile = Annotated[
    Path | None, typer.Option(help=f"File with the token for --url; without one, {TOKEN_VARIABLE} is read.")
]
_Json = Annotated[bool, typer.Option("--json", help="Tell the state as JSON.")]


@do_app.callback()
def _do(context: typer.Context, id: _Id) -> None:
    """Do something at a virtual station that runs with --control, and show what it looks like then.

    Exit codes: 0 done, 1 it cannot be done at the station as it is, 2 the command or a value is wrong, 3 nobody serves
    there or the token is refused, 4 no such station or connector.
    """
    context.obj = id


def show(id: _Id, data: _Data = Path(), url: _Url = None, token_file: _TokenFile = None, json: _Json = False) -> None:
    """Show a virtual station that runs with --control: display, plugs, vehicles, power and network.

    Exit codes are those of `station do`.
    """
    with _asking(id, data, url, token_file) as client:
        _tell(_answer(client.get(_path(id))), as_json=json)


def watch(id: _Id, data: _Data = Path(), url: _Url = None, token_file: _TokenFile = None, json: _Json = False) -> None:
    """Follow a virtual station that runs with --control, a line for each change, until Ctrl-C or its end.

    Exit codes are those of `station do`.
    """
    with (
        _asking(id, data, url, token_file) as client,
        client.stream("GET", _path(id, "events")) as response,
    ):
        if response.status_code >= 300:
            response.read()
        _check(response)
        for line in response.iter_lines():
            if line.startswith("data: "):
                state = json_module.loads(line.removeprefix("data: "))
                typer.echo(json_module.dumps(state) if json else _one_line(state))


def _command(word: str, kind: type[Deed]) -> None:
    """A command for one deed, with an option for each field."""

    def do(context: typer.Context, **given: Any) -> None:
        data, url, token_file = given.pop("data"), given.pop("url"), given.pop("token_file")
        as_json = given.pop("json")
        body = {name: value for name, value in given.items() if value is not None}
        station = str(context.obj)
        with _asking(station, data, url, token_file) as client:
            _tell(_answer(client.post(_path(station, word), json=body)), as_json=as_json)

    parameters = [_parameter(field) for field in msgspec.structs.fields(kind)]
    for name, option, default in (
        ("data", _Data, Path()),
        ("url", _Url, None),
        ("token_file", _TokenFile, None),
        ("json", _Json, False),
    ):
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=option, default=default))
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    # What Typer reads of a function: its parameters with their types.
    do.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]  # functions may have it
    do.__annotations__ = {each.name: each.annotation for each in (context, *parameters)}
    do.__doc__ = summary(kind)
    do_app.command(word)(do)


def _parameter(field: msgspec.structs.FieldInfo) -> inspect.Parameter:
    kind = bare_type(field.type)
    description = _description(field.type)
    if not field.required and field.default not in (None, ""):
        description = f"{description.removesuffix('.')} ({field.default:g} unless told)."
    if field.required:
        return inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, typer.Option(help=description)]
        )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[Optional[kind], typer.Option(help=description)],  # noqa: UP045 - `kind` is a value here
        default=None,
    )


def _description(kind: Any) -> str:
    for meta in getattr(kind, "__metadata__", ()):
        if getattr(meta, "description", None):
            return str(meta.description)
    inner = [_description(each) for each in (*getattr(kind, "__args__", ()), getattr(kind, "__origin__", None)) if each]
    return next((text for text in inner if text), "")


for _word, _kind in DEEDS.items():
    _command(_word, _kind)


# Over HTTP.


def _path(station: str, last: str = "") -> str:
    return f"{PREFIX}/{quote(station, safe='')}" + (f"/{last}" if last else "")


@contextmanager
def _asking(station: str, data: Path, url: str | None, token_file: Path | None) -> Iterator["httpx.Client"]:
    """A client for the API of that station; what goes wrong ends the command with its exit code."""
    with needs("station", "station"):
        import httpx
    url, token = _target(station, data, url, token_file)
    try:
        with httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_SECONDS,
            trust_env=False,  # no proxy stands between two processes of one machine
        ) as client:
            yield client
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
        raise _ended(ExitCode.USAGE, f"{url!r} is no URL: {error}; give --url http://HOST:PORT") from error
    except httpx.HTTPError as error:
        what_now = f"does it still run? Start it with {_HOW_TO_SERVE}"
        raise _ended(ExitCode.UNREACHABLE, f"{station}: nobody answers at {url} ({error}); {what_now}") from error
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.DONE) from None


def _target(station: str, data: Path, url: str | None, token_file: Path | None) -> tuple[str, str]:
    if url is not None:
        try:
            token = os.environ.get(TOKEN_VARIABLE, "") if token_file is None else token_file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _ended(ExitCode.USAGE, f"--token-file {token_file} cannot be read: {error}") from error
        if not token or not (token.isascii() and token.isprintable()):
            raise _ended(ExitCode.USAGE, f"no token for {url}: give --token-file, or set {TOKEN_VARIABLE}")
        return url, token
    own, fleet = data / f"{quote(station, safe='')}.control.json", data / FLEET_NOTICE
    file = fleet if fleet.exists() and not own.exists() else own
    try:
        told = json_module.loads(file.read_bytes())
        return str(told["url"]), str(told["token"])
    except FileNotFoundError as error:
        raise _ended(
            ExitCode.UNREACHABLE,
            f"{station}: there is no {file}; start it with {_HOW_TO_SERVE}, and name DIR with --data, or give --url",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _ended(ExitCode.UNREACHABLE, f"{file} cannot be read: {error}; start the station again") from error


def _answer(response: "httpx.Response") -> Any:
    _check(response)
    return response.json()


def _check(response: "httpx.Response") -> None:
    if response.status_code < 300:
        return
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {response.status_code}; is that a control API?"
    raise _ended(_OF_STATUS.get(response.status_code, ExitCode.REFUSED), detail)


def _ended(code: ExitCode, sentence: str) -> typer.Exit:
    typer.echo(f"chargewright station: {sentence}", err=True)
    return typer.Exit(code)


# For people.


def _tell(state: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json_module.dumps(state))
        return
    typer.echo(_headline(state))
    for connector in state["connectors"]:
        typer.echo(f"  {_connector_line(connector)}")


def _one_line(state: dict[str, Any]) -> str:
    return "; ".join([_headline(state), *map(_connector_line, state["connectors"])])


def _headline(state: dict[str, Any]) -> str:
    words = [
        "no power"
        if not state["has_power"]
        else "online"
        if state["is_accepted"] and state["is_connected"]
        else "offline"
    ]
    if not state["has_network"]:
        words.append("network down")
    elif state["network_delay_seconds"]:
        words.append(f"network slow by {state['network_delay_seconds']:g} s")
    if state["is_emergency_stopped"]:
        words.append("emergency button pressed")
    if state["messages_queued"]:
        verb = "waits" if state["messages_queued"] == 1 else "wait"
        words.append(f"{counted(state['messages_queued'], 'message')} {verb}")
    if state.get("last_tag") is not None:
        words.append(msgspec.convert(state["last_tag"], PresentedTag).told())
    return f"{state['station_id']}: {', '.join(words)}"


def _connector_line(connector: dict[str, Any]) -> str:
    words = [connector["status"] or "dark"]
    if connector["error_code"] != "NoError":
        words.append(connector["error_code"])
    if connector["vehicle"] is not None:
        words.append(f"vehicle at {connector['vehicle']['soc_percent']:.1f} %")
    elif connector["is_plugged"]:
        words.append("cable without vehicle")
    if connector["is_locked"]:
        words.append("locked")
    if connector["is_lock_jammed"]:
        words.append("lock jammed")
    if connector["has_transaction"]:
        number = connector["transaction_id"]
        words.append("transaction without id yet" if number is None else f"transaction {number}")
        words.append(f"{connector['transaction_energy_wh'] / 1000:.3f} kWh")
    if connector["power_w"]:
        words.append(f"{connector['power_w'] / 1000:.2f} kW")
    return f"connector {connector['connector_id']}: {', '.join(words)}"
