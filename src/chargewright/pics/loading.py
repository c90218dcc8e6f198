"""From a TOML file to a checked PICS; a wrong file is refused, naming file, row, value and what would be right."""

import datetime
import enum
import math
import tomllib
import typing
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Final

import msgspec

from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.pics.consistency import check
from chargewright.pics.model import CsmsPics
from chargewright.pics.reading import name_odd_characters
from chargewright.pics.rows import ROW_ID
from chargewright.pics.station import StationPics

__all__ = ["Pics", "load", "loads", "names"]

Pics: typing.TypeAlias = StationPics | CsmsPics

PRODUCT_TYPES: Final[dict[str, type[StationPics] | type[CsmsPics]]] = {
    str(kind.__struct_config__.tag): kind for kind in (StationPics, CsmsPics)
}


def names() -> tuple[str, ...]:
    """The names of the built-in PICS, sorted."""
    files = resources.files("chargewright.pics").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load(name_or_path: str | Path) -> Pics:
    """A built-in PICS by its name, or any file by its path. Raises ConfigurationError when it is missing or wrong."""
    if isinstance(name_or_path, str) and name_or_path in names():
        content = resources.files("chargewright.pics").joinpath(f"{name_or_path}.toml").read_bytes()
        return loads(content, f"{name_or_path}.toml")
    where = str(name_or_path)
    try:
        content = Path(name_or_path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        expected = f"a readable file ({error}) or one of {', '.join(names())}"
        raise ConfigurationError(where, "", where, expected) from error
    return loads(content, where)


def loads(content: bytes, where: str) -> Pics:
    """The same from a file's content; `where` names it in errors."""
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationProblem(where, "", f"is no text in UTF-8: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationProblem(where, "", f"is no TOML file: {error}") from error
    product_type = table.pop("product_type", None)
    kind = PRODUCT_TYPES.get(product_type) if isinstance(product_type, str) else None
    if kind is None:
        raise ConfigurationError(where, "product_type", product_type, "one of " + ", ".join(PRODUCT_TYPES))
    pics: Pics = _struct(table, kind, where, "")
    check(pics, where)
    return pics


def _struct(table: object, kind: typing.Any, where: str, name: str) -> typing.Any:
    if not isinstance(table, dict):
        raise ConfigurationError(where, name, table, "a table")
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            known = ", ".join(fields)
            if isinstance(value, dict | list):  # a whole section: too much to show
                raise ConfigurationProblem(where, _row(name, key), f"no such section; known here: {known}")
            raise ConfigurationError(where, _row(name, key), value, f"no such row; known here: {known}")
    values = {}
    for key, field in fields.items():
        if key in table:
            values[field.name] = _convert(table[key], field.type, where, _row(name, key))
        elif field.required:
            raise ConfigurationError(where, _row(name, key), None, _describe(field.type))
    return kind(**values)


def _convert(value: object, wanted: typing.Any, where: str, name: str) -> object:
    wanted = _without_none(wanted)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _struct(value, wanted, where, name)
    if typing.get_origin(wanted) is tuple:
        return _list(value, typing.get_args(wanted)[0], where, name)
    if isinstance(value, float) and not math.isfinite(value):  # TOML has inf and nan
        raise ConfigurationError(where, name, value, f"{_describe(wanted)}, finite")
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        odd = name_odd_characters(value) if isinstance(value, str) else ""
        raise ConfigurationError(where, name, value, _describe(wanted) + odd) from error


def _list(value: object, item: typing.Any, where: str, name: str) -> tuple[object, ...]:
    is_table = isinstance(item, type) and issubclass(item, msgspec.Struct)
    if not isinstance(value, list) or (is_table and not value):
        raise ConfigurationError(where, name, value, f"a list, each item {_describe(item)}")
    items = tuple(_convert(entry, item, where, f"{name}.{number}") for number, entry in enumerate(value, start=1))
    if not is_table and len(set(items)) < len(items):
        raise ConfigurationError(where, name, value, "a list that names nothing twice")
    return items


def _row(section: str, key: str) -> str:
    """A row's id as `rows` calls it: printed ids stand alone."""
    return f"{section}.{key}" if section and not ROW_ID.fullmatch(key) else key


def _without_none(wanted: typing.Any) -> typing.Any:
    choices = typing.get_args(wanted)
    return next(choice for choice in choices if choice is not NoneType) if NoneType in choices else wanted


def _describe(wanted: typing.Any) -> str:
    """What a value of this type looks like, for a person."""
    wanted = _without_none(wanted)
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in wanted)
    if wanted is datetime.date:
        return "a date like 2024-10-22, without quotes"
    info = msgspec.inspect.type_info(wanted)
    match info:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType(ge=lowest):
            return f"a whole number, {lowest} or more"
        case msgspec.inspect.FloatType(gt=None):
            return "a number, 0 or more"
        case msgspec.inspect.FloatType():
            return "a number above 0"
        case msgspec.inspect.StrType(max_length=None):
            return "a text that is not empty"
        case msgspec.inspect.StrType(max_length=longest):
            return f"a text of 1 to {longest} characters"
        case msgspec.inspect.VarTupleType():
            return f"a list, each item {_describe(typing.get_args(wanted)[0])}"
        case msgspec.inspect.DictType():
            key, item = typing.get_args(wanted)
            return f"a table of {_describe(key)} = {_describe(item)}"
    return "a table"
