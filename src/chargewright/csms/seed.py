"""The seed file: stations and id tags that an operator declares in TOML, applied at every start.

    [[station]]
    identity = "DEPOT-01"
    password = "8f3a51c06be24d7798a1b2c3d4e5f607"   # AuthorizationKey: 32 to 40 hexadecimal digits
    time_zone = "Europe/Vienna"

    [[id_tag]]
    id_tag = "04A2B3C4D5E680"
    expires = 2031-01-01T00:00:00Z

Applying it twice changes nothing; what it does not name stays as it is. The whole file is checked before anything is
applied.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from chargewright.csms.directory import Directory
from chargewright.csms.instants import microseconds
from chargewright.csms.storage.base import IdTagRow, StationRow, Storage
from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.transport.basic_auth import is_authorization_key, password_from_key
from chargewright.transport.identity import is_identity
from chargewright.wording import in_plain_words

__all__ = ["IdTagSeed", "Seed", "SeedMistakes", "StationSeed", "apply_seed", "read_seed", "stations_with"]

# Secrets are not repeated in error messages.
_SECRET_KEYS: Final = frozenset({"password"})
_HIDDEN: Final = "(hidden)"
# As many are told as fit on a screen.
TOLD_MISTAKES: Final = 40


class StationSeed(BaseModel):
    """One `[[station]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    identity: str
    password: str | None = None
    security_profile: int | None = None
    registration: Literal["Accepted", "Pending", "Rejected"] = "Accepted"
    tolerance: Literal["tolerant", "strict"] = "tolerant"
    time_zone: str = "UTC"
    ping_interval_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @field_validator("identity")
    @classmethod
    def _identity(cls, value: str) -> str:
        if not is_identity(value):
            raise ValueError("1 to 48 printable ASCII characters without / \\ ? # %")
        return value

    @field_validator("password")
    @classmethod
    def _password(cls, value: str | None) -> str | None:
        if value is not None and not is_authorization_key(value):
            raise ValueError("32 to 40 hexadecimal digits in pairs (A00.FR.205)")
        return value

    @field_validator("security_profile")
    @classmethod
    def _security_profile(cls, value: int | None) -> int | None:
        if value not in {None, 0, 1, 2}:
            raise ValueError(
                "0 (no password), 1 (Basic authentication) or 2 (the same over TLS); client certificates are not "
                "served yet"
            )
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("an IANA time zone such as Europe/Vienna") from error
        return value

    @model_validator(mode="after")
    def _password_fits_profile(self) -> "StationSeed":
        if self.security_profile in {1, 2} and self.password is None:
            raise ValueError(f"a password, because security_profile is {self.security_profile}")
        if self.security_profile == 0 and self.password is not None:
            raise ValueError("no password, because security_profile is 0")
        return self

    @property
    def profile(self) -> int:
        """The security profile that is meant: with a password alone it is 1."""
        if self.security_profile is not None:
            return self.security_profile
        return 0 if self.password is None else 1


class IdTagSeed(BaseModel):
    """One `[[id_tag]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id_tag: str = Field(min_length=1, max_length=20)
    parent_id_tag: str | None = Field(default=None, min_length=1, max_length=20)
    expires: datetime | None = None
    blocked: bool = False
    max_active_transactions: int | None = Field(default=None, ge=0, le=2**31 - 1)  # None: as it was

    @field_validator("expires")
    @classmethod
    def _expires(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a date and time with a zone, such as 2031-01-01T00:00:00Z")
        return value


class Seed(BaseModel):
    """A whole seed file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    station: tuple[StationSeed, ...] = ()
    id_tag: tuple[IdTagSeed, ...] = ()


class SeedMistakes(ConfigurationError):
    """Everything that is wrong with a seed, one line each; the attributes are those of the first."""

    def __init__(self, mistakes: Sequence[ConfigurationError]) -> None:
        first = mistakes[0]
        super().__init__(first.where, first.key, first.value, first.expected)
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        lines = [str(mistake) for mistake in self.mistakes[:TOLD_MISTAKES]]
        if more := len(self.mistakes) - len(lines):
            lines.append(f"{self.where}: and {more} more")
        return "\n".join(lines)


def read_seed(path: Path) -> Seed:
    """Read and check a seed file; raises `ConfigurationError` naming file, entry, value and what would be right, of all
    mistakes at once (`SeedMistakes`)."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationProblem(str(path), "", f"cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationProblem(str(path), "", f"is no TOML file: {error}") from error
    doubles = [
        *_doubles(path, document, "station", "identity", str),
        *_doubles(path, document, "id_tag", "id_tag", str.casefold),
    ]
    try:
        seed = Seed.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise SeedMistakes([*(_explain(path, document, mistake) for mistake in found), *doubles]) from error
    if doubles:
        raise SeedMistakes(doubles)
    return seed


def _explain(path: Path, document: Mapping[str, Any], mistake: ErrorDetails) -> ConfigurationError:
    location = mistake["loc"]
    table, key, name = str(location[0]), ".".join(str(part) for part in location[2:]), ""
    if len(location) > 1 and isinstance(location[1], int):
        entry = document[table][location[1]]
        label = entry.get("identity", entry.get("id_tag")) if isinstance(entry, dict) else None
        name = f" {label!r}" if label is not None else f" number {location[1] + 1}"
    place, expected = f"[[{table}]]{name}", _expected(mistake)
    if mistake["type"] == "extra_forbidden":
        # What stands there is not told: it may be a password under a misspelt name.
        unknown = f"{place} {key}" if key else place
        return ConfigurationProblem(str(path), unknown, f"there is no such key; expected {expected}")
    if mistake["type"] == "missing":
        return ConfigurationProblem(str(path), place, f"expected {expected}, which is missing")
    if not key and isinstance(mistake["input"], dict):
        return ConfigurationProblem(str(path), place, f"expected {expected}")  # keys that do not go together
    shown = _HIDDEN if key in _SECRET_KEYS else mistake["input"]
    if isinstance(shown, dict):
        shown = {field: _HIDDEN if field in _SECRET_KEYS else content for field, content in shown.items()}
    return ConfigurationError(str(path), f"{place} {key}".strip(), shown, expected)


def _expected(error: ErrorDetails) -> str:
    """What would have been right, in words of the file instead of those of the library that checked it."""
    location, table = error["loc"], str(error["loc"][0])
    tables: dict[str, type[BaseModel]] = {"station": StationSeed, "id_tag": IdTagSeed}
    if error["type"] == "extra_forbidden":
        keys = tables[table].model_fields if table in tables else [f"[[{name}]]" for name in tables]
        return f"one of {', '.join(keys)}"
    if error["type"] == "missing":
        return f"the key {location[-1]}"
    if error["type"] in {"tuple_type", "list_type"}:
        return f"a list of tables: [[{table}]], with two brackets"
    return in_plain_words(str(error["msg"]))


def stations_with(seeds: Iterable[Seed], stations: Iterable[StationRow]) -> list[StationRow]:
    """The stations as they will be once the seeds are applied, as far as security profiles go; nothing is written."""
    rows = {row.identity: row for row in stations}
    for seed in seeds:
        for entry in seed.station:
            rows[entry.identity] = StationRow(id=0, identity=entry.identity, security_profile=entry.profile)
    return list(rows.values())


def _doubles(
    path: Path, document: Mapping[str, Any], table: str, key: str, fold: Callable[[str], str]
) -> Iterator[ConfigurationError]:
    entries = document.get(table)
    seen: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        value = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(value, str):
            continue  # told of as what it is
        if fold(value) in seen:
            yield ConfigurationError(str(path), f"[[{table}]] {key}", value, "each one only once")
        seen.add(fold(value))


async def apply_seed(
    seed: Seed,
    storage: Storage,
    directory: Directory,
    hash_password: Callable[[bytes, str | None], str],
    where: str = "seed",
) -> None:
    """Write what the seed declares into storage and directory; `where` names it in errors.

    `hash_password(key, known)` gives the hash to store for a password; `known` is the hash stored so far, and is
    returned unchanged where it fits, so that applying a seed again changes nothing.

    Raises `ConfigurationError`, before anything is written, for a station with a password that the seed names without
    one: a line lost from a file must not open the door.
    """
    lost = [
        _lost_password(station, where)
        for station in seed.station
        if station.password is None and station.security_profile != 0 and _has_password(directory, station.identity)
    ]
    if lost:
        raise SeedMistakes(lost)
    for station in seed.station:
        known = directory.station(station.identity)
        profile = station.profile
        if known is not None and station.security_profile is None and station.password is not None:
            # Over OCPP a profile only rises (A05.FR.09); a file that does not name it must not lower it.
            profile = max(profile, known.security_profile)
        row = StationRow(
            id=0,
            identity=station.identity,
            security_profile=profile,
            credential_hash=None,
            registration=station.registration,
            tolerance=station.tolerance,
            time_zone=station.time_zone,
            ping_interval_seconds=station.ping_interval_seconds,
        )
        if station.password is not None:
            row.credential_hash = hash_password(
                password_from_key(station.password), known.credential_hash if known is not None else None
            )
        if known is None or _differs(known, row):
            known = directory.put_station(await storage.put_station(row))
        directory.invite(known)
    for tag in seed.id_tag:
        expires_at = None if tag.expires is None else microseconds(tag.expires.astimezone(UTC))
        present = directory.id_tag(tag.id_tag)
        wanted = IdTagRow(
            id=0,
            id_tag=tag.id_tag,
            parent_id_tag=tag.parent_id_tag,
            expires_at=expires_at,
            blocked=tag.blocked,
            max_active_transactions=tag.max_active_transactions,
        )
        if present is not None:
            wanted.note = present.note
            if tag.max_active_transactions is None:
                wanted.max_active_transactions = present.max_active_transactions
        if present is None or present != _with_id(wanted, present.id):
            directory.put_id_tag(await storage.put_id_tag(wanted))


def _has_password(directory: Directory, identity: str) -> bool:
    known = directory.station(identity)
    return known is not None and known.security_profile != 0


def _lost_password(station: StationSeed, where: str) -> ConfigurationError:
    expected = "the password of this station, which has one so far; or security_profile = 0, to let it in without"
    return ConfigurationError(where, f"[[station]] {station.identity!r} password", None, expected)


def _with_id(row: IdTagRow, row_id: int) -> IdTagRow:
    row.id = row_id
    return row


def _differs(known: StationRow, wanted: StationRow) -> bool:
    columns = ("security_profile", "credential_hash", "registration", "tolerance", "time_zone", "ping_interval_seconds")
    return any(getattr(known, column) != getattr(wanted, column) for column in columns)
