"""Behaviour files: who comes to the stations of a fleet, when, for how long, and what goes wrong there.

    [arrivals]
    per_hour = [0.0, 0.0, …]          # 24 numbers: vehicles per connector and hour, from midnight UTC on

    [charging]
    stay_minutes = [20, 120]
    capacity_kwh = [40, 90]

    [drivers]
    id_tag_pattern = "CW-DRIVER-####"
    id_tag_count = 2000

    [failures]
    network_drops_per_hour = 0.1      # per station

    [connect]
    stations_per_second = 100

Whatever a file leaves out is as in `Behaviour`. A wrong file is refused with file, field and value.
"""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.station.ev.driver import Habits
from chargewright.station.id_tag import ID_TAG_EXPECTED, IdTag
from chargewright.wording import in_plain_words

__all__ = ["Arrivals", "Behaviour", "Charging", "Connect", "Drivers", "Failures", "behaviours", "load_behaviour"]

NonNegative = Annotated[float, Meta(ge=0.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
# More tags than any test needs, and few enough for memory.
MOST_ID_TAGS: Final = 1_000_000
# A tag is at one connector at a time; more than this only make a central system slow to start.
TAGS_PER_CONNECTOR: Final = 2
HOURS: Final = 24
SECONDS_PER_MINUTE: Final = 60.0
WH_PER_KWH: Final = 1000.0


class Arrivals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`per_hour`: how many vehicles come to each connector in each of the 24 hours of a day, in UTC."""

    per_hour: Annotated[tuple[NonNegative, ...], Meta(min_length=HOURS, max_length=HOURS)] = (0.25,) * HOURS


class Charging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What vehicles are like; ranges are drawn from evenly, lists too. Shares of the battery are 0 to 1."""

    stay_minutes: tuple[Positive, Positive] = (20.0, 120.0)
    capacity_kwh: tuple[Positive, Positive] = (40.0, 90.0)
    arrival_soc: tuple[Share, Share] = (0.1, 0.6)
    target_soc: tuple[Share, Share] = (0.7, 1.0)
    ac_phases: Annotated[tuple[Annotated[int, Meta(ge=1, le=3)], ...], Meta(min_length=1)] = (1, 3, 3)
    ac_current_a: Annotated[tuple[Annotated[float, Meta(ge=6.0)], ...], Meta(min_length=1)] = (16.0, 16.0, 32.0)
    dc_power_kw: tuple[Positive, Positive] = (50.0, 170.0)


class Drivers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tag_first_share` of them show the tag before they plug in. Their tags are `id_tags`, or `id_tag_count` made of
    `id_tag_pattern`, whose `#` stand for the digits of a number; no more than two for each connector are used."""

    tag_first_share: Share = 0.3
    id_tags: tuple[IdTag, ...] = ()
    id_tag_pattern: IdTag = "CW-DRIVER-#####"
    id_tag_count: Annotated[int, Meta(ge=0, le=MOST_ID_TAGS)] = 10_000


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong at each station, on average; `fault_share` of the visits meet a fault of the connector."""

    network_drops_per_hour: NonNegative = 0.0
    power_cuts_per_day: NonNegative = 0.0
    power_cut_seconds: tuple[Positive, Positive] = (5.0, 60.0)
    fault_share: Share = 0.0
    fault_seconds: tuple[Positive, Positive] = (30.0, 300.0)


class Connect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast stations are switched on at the beginning."""

    stations_per_second: Positive = 100.0


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole behaviour file."""

    arrivals: Arrivals = Arrivals()
    charging: Charging = Charging()
    drivers: Drivers = Drivers()
    failures: Failures = Failures()
    connect: Connect = Connect()

    def id_tags(self, connectors: int) -> tuple[str, ...]:
        """The tags of all drivers of a fleet with so many connectors."""
        drivers = self.drivers
        if drivers.id_tags:
            return drivers.id_tags
        match = re.search("#+", drivers.id_tag_pattern)
        if match is None:
            return ()
        before, after = drivers.id_tag_pattern[: match.start()], drivers.id_tag_pattern[match.end() :]
        width = match.end() - match.start()
        count = min(drivers.id_tag_count, TAGS_PER_CONNECTOR * connectors)
        return tuple(f"{before}{number:0{width}d}{after}" for number in range(1, count + 1))

    def habits(self, connectors: int) -> Habits:
        """The same as a `Driver` of a fleet with so many connectors wants it."""
        charging = self.charging
        low, high = charging.stay_minutes
        return Habits(
            id_tags=self.id_tags(connectors),
            stay_seconds=(low * SECONDS_PER_MINUTE, high * SECONDS_PER_MINUTE),
            capacity_wh=_times(charging.capacity_kwh, WH_PER_KWH),
            arrival_soc=charging.arrival_soc,
            target_soc=charging.target_soc,
            ac_phases=charging.ac_phases,
            ac_current_a=charging.ac_current_a,
            dc_power_w=_times(charging.dc_power_kw, WH_PER_KWH),
            tag_first_share=self.drivers.tag_first_share,
        )


# Ranges: the second of the two numbers may not be below the first.
_RANGES: Final = (
    ("charging", "stay_minutes"),
    ("charging", "capacity_kwh"),
    ("charging", "arrival_soc"),
    ("charging", "target_soc"),
    ("charging", "dc_power_kw"),
    ("failures", "power_cut_seconds"),
    ("failures", "fault_seconds"),
)


def behaviours() -> tuple[str, ...]:
    """The names of those that are shipped, sorted."""
    files = resources.files("chargewright.station").joinpath("behaviours").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_behaviour(name_or_path: str) -> Behaviour:
    """A shipped one by its name, or any file by its path.

    Raises `ConfigurationError` naming file, field, value and what would be right.
    """
    if name_or_path in behaviours():
        shipped = resources.files("chargewright.station").joinpath("behaviours", f"{name_or_path}.toml")
        return _parse(shipped.read_bytes(), f"{name_or_path}.toml")
    try:
        content = Path(name_or_path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        expected = f"a readable file ({error}) or one of {', '.join(behaviours())}"
        raise ConfigurationError("--behaviour", "", name_or_path, expected) from error
    return _parse(content, name_or_path)


def _parse(content: bytes, where: str) -> Behaviour:
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationProblem(where, "", f"is no text in UTF-8: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationProblem(where, "", f"is no TOML file: {error}") from error
    try:
        behaviour = msgspec.convert(table, Behaviour)
    except msgspec.ValidationError as error:
        raise _explained(where, table, str(error)) from error
    for section, field in _RANGES:
        low, high = getattr(getattr(behaviour, section), field)
        if high < low:
            raise ConfigurationError(where, f"{section}.{field}", [low, high], "two numbers, the smaller one first")
    _check_tags(where, behaviour.drivers)
    return behaviour


def _check_tags(where: str, drivers: Drivers) -> None:
    if drivers.id_tags:
        folded = [id_tag.casefold() for id_tag in drivers.id_tags]
        double = next((tag for number, tag in enumerate(folded) if tag in folded[:number]), None)
        if double is not None:
            raise ConfigurationError(where, "drivers.id_tags", double, "each tag once; letter case does not count")
        return
    runs = re.findall("#+", drivers.id_tag_pattern)
    if len(runs) != 1:
        expected = 'a pattern with one run of "#" for the number, such as "CW-DRIVER-#####"'
        raise ConfigurationError(where, "drivers.id_tag_pattern", drivers.id_tag_pattern, expected)
    most = 10 ** len(runs[0]) - 1
    if drivers.id_tag_count > most:
        expected = f"at most {most}: the pattern {drivers.id_tag_pattern} has {len(runs[0])} digits"
        raise ConfigurationError(where, "drivers.id_tag_count", drivers.id_tag_count, expected)


def _explained(where: str, table: dict[str, Any], message: str) -> ConfigurationError:
    """From the words of the library that checked it to file, field, value and what would be right."""
    expected, _, path = message.partition(" - at `$")
    field = path.removesuffix("`").removeprefix(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", expected)
    if unknown is not None:
        field = f"{field}.{unknown[1]}".removeprefix(".")
        known = _known_fields(field)
        return ConfigurationError(where, field, _value_at(table, field), f"one of {', '.join(known)}")
    expected = ID_TAG_EXPECTED if "matching regex" in expected else in_plain_words(expected)
    return ConfigurationError(where, field, _value_at(table, field), expected)


def _known_fields(field: str) -> tuple[str, ...]:
    section, dot, _ = field.partition(".")
    return tuple(getattr(Behaviour(), section).__struct_fields__) if dot else Behaviour.__struct_fields__


def _value_at(table: dict[str, Any], field: str) -> object:
    value: Any = table
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        value = value[int(index)] if index else value.get(name)
    return value


def _times(bounds: tuple[float, float], factor: float) -> tuple[float, float]:
    return bounds[0] * factor, bounds[1] * factor
