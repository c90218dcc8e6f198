"""Scenario files: what people do at stations, step by step, and what they wait for in between.

    description = "A driver charges and leaves."
    seed = 1

    [[station]]
    id = "CW-1"
    pics = "minimal"

    [[step]]
    do = "plug-in"
    connector = 1

    [[step]]
    wait_for = { connector = 1, status = "Preparing" }
    within_seconds = 30

A wrong file is refused before anything is played, naming file, step, field, value and what would be right.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.deeds import Deed, WrongField, checked, read_deed
from chargewright.transport.identity import is_identity

__all__ = ["Condition", "Scenario", "StationPlan", "Step", "load_scenario", "names", "read_scenario"]

_DEFAULT_WITHIN_SECONDS: Final = 60.0
# What belongs to a step beside the fields of its deed.
_STEP_KEYS: Final = ("do", "station", "wait_for", "within_seconds")
_TOP_KEYS: Final = ("description", "seed", "station", "step")


class StationPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[station]]`. What is left out comes from the command line."""

    id: Annotated[str, msgspec.Meta(description="Its identity; absent: that of `--id`.")] = ""
    pics: Annotated[str, msgspec.Meta(description="A built-in PICS or a path; absent: that of `--pics`.")] = ""
    password_env: Annotated[
        str,
        msgspec.Meta(description="Environment variable with its AuthorizationKey; absent: that of the command line."),
    ] = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a step waits for; everything that is given has to be true at the same time."""

    connector: Annotated[int, msgspec.Meta(ge=1, description="Which connector the next ones are about.")] | None = None
    status: Annotated[ChargePointStatus, msgspec.Meta(description="Its status (§4.9); needs `connector`.")] | None = (
        None
    )
    has_transaction: (
        Annotated[bool, msgspec.Meta(description="Whether a transaction runs on it; needs `connector`.")] | None
    ) = None
    is_locked: Annotated[bool, msgspec.Meta(description="Whether the cable is held; needs `connector`.")] | None = None
    energy_wh: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1, description="The running transaction has this energy, in Wh; of the station without `connector`."
            ),
        ]
        | None
    ) = None
    message: (
        Annotated[
            str, msgspec.Meta(description="A CALL with this action was sent or received since the last deed there.")
        ]
        | None
    ) = None
    count: Annotated[int, msgspec.Meta(ge=1, description="So many of these; needs `message`. Absent: one.")] | None = (
        None
    )
    online: Annotated[bool, msgspec.Meta(description="Whether it is connected and accepted.")] | None = None
    transactions_completed: (
        Annotated[int, msgspec.Meta(ge=1, description="So many transactions have stopped since the beginning.")] | None
    ) = None
    queue_empty: (
        Annotated[bool, msgspec.Meta(description="Whether the CSMS has answered every transaction message.")] | None
    ) = None
    seconds: Annotated[float, msgspec.Meta(gt=0, description="So many seconds pass; stands alone.")] | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[step]]`: something done, or something waited for, at one station."""

    station: str
    deed: Deed | None = None
    wait_for: Condition | None = None
    within_seconds: float = _DEFAULT_WITHIN_SECONDS


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file. `stations` by identity, in the order of the file."""

    name: str
    description: str
    seed: int
    stations: dict[str, StationPlan]
    steps: tuple[Step, ...]


def names() -> tuple[str, ...]:
    """The scenarios that come with the package, sorted."""
    files = resources.files("chargewright.station").joinpath("scenarios").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_scenario(name_or_path: str, *, station_id: str = "") -> Scenario:
    """A scenario by its name, or from any file by its path; see `read_scenario`."""
    if name_or_path in names():
        file = resources.files("chargewright.station").joinpath("scenarios", f"{name_or_path}.toml")
        return read_scenario(file.read_bytes(), f"{name_or_path}.toml", station_id=station_id)
    try:
        content = Path(name_or_path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        expected = f"a readable file ({error}) or one of {', '.join(names())}"
        raise ConfigurationError("scenario", "", name_or_path, expected) from error
    return read_scenario(content, name_or_path, station_id=station_id)


def read_scenario(content: bytes, where: str, *, station_id: str = "") -> Scenario:
    """A scenario from a file's content; `where` names it in errors, `station_id` the station that the file leaves open.

    Raises `ConfigurationError`.
    """
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationProblem(where, "", f"is no text in UTF-8: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationProblem(where, "", f"is no TOML file: {error}") from error
    for key, value in table.items():
        if key not in _TOP_KEYS:
            raise ConfigurationError(where, key, value, f"no key of this name; known here: {', '.join(_TOP_KEYS)}")
    description, seed = table.get("description", ""), table.get("seed", 0)
    if not isinstance(description, str):
        raise ConfigurationError(where, "description", description, "a text")
    if type(seed) is not int:
        raise ConfigurationError(where, "seed", seed, "a whole number")
    stations = _stations(_tables(table, "station", where), where, station_id)
    steps = _tables(table, "step", where)
    if not steps:
        raise ConfigurationError(where, "step", None, "at least one [[step]]")
    return Scenario(
        name=Path(where).name.removesuffix(".toml"),
        description=description,
        seed=seed,
        stations=stations,
        steps=tuple(_step(step, number, stations, where) for number, step in enumerate(steps, start=1)),
    )


def _tables(table: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ConfigurationError(where, key, value, f"tables, each under [[{key}]]")
    return value


def _stations(tables: list[dict[str, Any]], where: str, station_id: str) -> dict[str, StationPlan]:
    if station_id and len(tables) > 1:
        raise ConfigurationError("--id", "", station_id, f"nothing here: {where} names {len(tables)} stations itself")
    stations: dict[str, StationPlan] = {}
    for number, table in enumerate(tables or [{}], start=1):
        place = f"station {number}"
        try:
            plan: StationPlan = checked(StationPlan, table)
        except WrongField as error:
            raise _configuration_error(where, place, error) from error
        identity = station_id or plan.id
        if not identity:
            raise ConfigurationError(where, f"{place}: id", None, "an identity, here or by --id")
        if not is_identity(identity):
            raise ConfigurationError(
                where, f"{place}: id", identity, "1 to 48 printable ASCII characters but / \\ ? # %"
            )
        if identity in stations:
            raise ConfigurationError(where, f"{place}: id", identity, "an identity that no other station has")
        stations[identity] = plan
    return stations


def _step(table: dict[str, Any], number: int, stations: dict[str, StationPlan], where: str) -> Step:
    place = f"step {number}"
    try:
        return Step(station=_station(table, stations), **_action(table))
    except WrongField as error:
        raise _configuration_error(where, place, error) from error


def _station(table: dict[str, Any], stations: dict[str, StationPlan]) -> str:
    if len(stations) == 1 and "station" not in table:
        return next(iter(stations))
    station = table.get("station")
    plan_ids = {plan.id: identity for identity, plan in stations.items() if plan.id}
    known = {**{identity: identity for identity in stations}, **plan_ids}
    if not isinstance(station, str) or station not in known:
        raise WrongField("station", station, f"one of {', '.join(stations)}")
    return known[station]


def _action(table: dict[str, Any]) -> dict[str, Any]:
    if ("do" in table) == ("wait_for" in table):
        raise WrongField("do", table.get("do"), "either `do` or `wait_for`")
    if "do" in table:
        if "within_seconds" in table:
            raise WrongField("within_seconds", table["within_seconds"], "nothing here; it belongs to wait_for")
        word = table["do"]
        if not isinstance(word, str):
            raise WrongField("do", word, "a text")
        fields = {key: value for key, value in table.items() if key not in _STEP_KEYS}
        return {"deed": read_deed(word, fields)}
    for key, value in table.items():
        if key not in _STEP_KEYS:
            raise WrongField(key, value, "no field of this name beside wait_for; put it inside its braces")
    return {"wait_for": _condition(table["wait_for"]), "within_seconds": _within(table)}


def _condition(table: Any) -> Condition:
    if not isinstance(table, dict) or not table:
        raise WrongField("wait_for", table, 'conditions, such as { connector = 1, status = "Charging" }')
    try:
        condition: Condition = checked(Condition, table)
    except WrongField as error:
        raise WrongField(f"wait_for.{error.field}", error.value, error.expected) from error
    for name in ("status", "has_transaction", "is_locked"):
        if name in table and condition.connector is None:
            raise WrongField("wait_for.connector", None, f"a number; {name} is about a connector")
    if condition.message is not None and condition.message not in ACTIONS:
        raise WrongField("wait_for.message", condition.message, f"an action of OCPP: {', '.join(sorted(ACTIONS))}")
    if condition.count is not None and condition.message is None:
        raise WrongField("wait_for.message", None, "an action; count says how many of them")
    if condition.seconds is not None and len(table) > 1:
        raise WrongField("wait_for.seconds", condition.seconds, "no other condition beside it")
    if set(table) == {"connector"}:
        raise WrongField("wait_for.connector", condition.connector, "a condition beside it, such as status")
    return condition


def _within(table: dict[str, Any]) -> float:
    within = table.get("within_seconds", _DEFAULT_WITHIN_SECONDS)
    if isinstance(within, bool) or not isinstance(within, int | float) or not 0 < within < 1e9:
        raise WrongField("within_seconds", within, "a number of seconds above 0")
    return float(within)


def _configuration_error(where: str, place: str, error: WrongField) -> ConfigurationError:
    return ConfigurationError(where, f"{place}: {error.field}", error.value, error.expected)
