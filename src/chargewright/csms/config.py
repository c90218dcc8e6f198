"""The settings of the CSMS: a TOML file, over it the environment (`CHARGEWRIGHT_…`), over that the command line.

# chargewright.toml
db = "postgresql://chargewright@/chargewright"
ocpp = "0.0.0.0:9000"
heartbeat_interval_seconds = 600
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.wording import in_plain_words

__all__ = ["ENVIRONMENT_PREFIX", "HIDDEN", "Settings", "load_settings", "split_address", "unknown_variables"]

ENVIRONMENT_PREFIX = "CHARGEWRIGHT_"
# Of the same prefix, and read by the operator's command line.
OTHER_VARIABLES: Final = frozenset({"CHARGEWRIGHT_URL", "CHARGEWRIGHT_TOKEN"})
# How much alike two names are of which one may be meant for the other (`difflib`).
_NEAR: Final = 0.7
# Stands in error messages where a secret would.
HIDDEN: Final = "(hidden)"


class Settings(BaseSettings):
    """Everything that can be set. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True
    )
    toml_file: ClassVar[Path | None] = None

    data: Path = Path("chargewright-data")
    """Directory of this installation: the embedded database and the lock that keeps a second server out."""

    db: str = ""
    """Database URL: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://…`; empty: `chargewright.sqlite3` in
    `data`."""

    ocpp: str = "127.0.0.1:9000"
    """Address `host:port` on which stations connect without TLS (security profiles 0 and 1); port 0 takes a free one,
    `off` listens nowhere."""

    ocpps: str = "off"
    """Address `host:port` on which stations connect with TLS (security profile 2); port 0 takes a free one, `off`
    listens nowhere."""

    tls_certificates: tuple[Path, ...] = ()
    """PEM files with the server's certificate and the rest of its chain: one for an EC key, one for an RSA key, or
    both. From the environment as a JSON list."""

    tls_keys: tuple[Path, ...] = ()
    """PEM files with the private keys, without a passphrase, in the order of `tls_certificates`."""

    tls_reload_seconds: float = Field(default=60.0, ge=0)
    """How often it is looked whether the certificates have changed; 0: only upon SIGHUP."""

    http: str = "127.0.0.1:8080"
    """Address `host:port` of the REST API; port 0 takes a free one, `off` switches HTTP off."""

    seed: Path | None = None
    """TOML file with stations and id tags, applied at every start."""

    unknown_stations: Literal["reject", "accept"] = "reject"
    """What happens to a station that nobody registered: 404 at the upgrade, or a row of its own."""

    unknown_stations_limit: int = Field(default=1000, ge=0)
    """How many stations that nobody registered one run takes on where they are accepted; beyond it 404."""

    unknown_id_tags: Literal["reject", "accept"] = "reject"
    """What an id tag that nobody registered gets: Invalid or Accepted (§4.2, §7.2)."""

    max_active_transactions: int = Field(default=0, ge=0, le=2**31 - 1)
    """Transactions that an id tag without a limit of its own may have at once (ConcurrentTx, §7.2); 0: any number,
    because one that was never stopped would lock its customer out until somebody closes it."""

    review_power_w: float = Field(default=500_000.0, gt=0)
    """Power of one connector, in W, above which the energy of a transaction is put into review, where the station has
    no `maximum_power_w` of its own."""

    strict: bool = False
    """Refuse what the schemas forbid, for every station, instead of salvaging harmless deviations."""

    insecure: bool = False
    """Allow listeners on addresses other than loopback although stations or the API go without credentials."""

    no_subprotocol_offered: Literal["refuse", "complete-then-close", "assume"] = "refuse"
    """What happens to a station that offers no subprotocol: 400, a WebSocket that is closed at once (OCPP-J 3.2), or
    `ocpp1.6` is taken as meant."""

    no_subprotocol_in_common: Literal["refuse", "complete-then-close"] = "refuse"
    """What happens to a station that offers only subprotocols which we do not speak: 400, or a WebSocket that is closed
    at once (OCPP-J 3.2)."""

    websocket: Literal["picows", "websockets"] = "picows"
    """The library that carries WebSockets: the fast one, or the one in pure Python."""

    bootstrap_token: SecretStr | None = None
    """Bearer key of the REST API; spaces around it do not count, and an empty one is none. Without it every route but
    the probes answers 401."""

    credential_key: SecretStr | None = None
    """Secret of at least 32 hexadecimal digits under which station passwords are hashed; empty: made once and kept in
    `credential.key` in `data`. Several servers on one database need the same one."""

    accept_hex_passwords: bool = True
    """Also accept the hexadecimal text of an AuthorizationKey sent as the password itself, as some stations do."""

    heartbeat_interval_seconds: int = Field(default=300, ge=1, le=2**31 - 1)
    """`interval` in BootNotification.conf when the station is accepted (§4.2)."""

    boot_retry_interval_seconds: int = Field(default=60, ge=1, le=2**31 - 1)
    """`interval` in BootNotification.conf when the station is Pending or Rejected (§4.2)."""

    ping_interval_seconds: float = Field(default=60.0, ge=0)
    """WebSocket pings to stations without a setting of their own; 0: none (OCPP-J 5.3)."""

    ping_timeout_seconds: float = Field(default=20.0, gt=0)
    """How long after a ping a connection may stay silent before it is dropped."""

    message_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Largest message a station may send; beyond it the connection is closed with 1009."""

    unanswered_calls: int = Field(default=8, ge=1)
    """CALLs of one connection that may wait for their answer before its socket is no longer read."""

    command_timeout_seconds: float = Field(default=60.0, gt=0)
    """Time limit of a command that names none, from asking: for its turn, and for the station's answer."""

    commands_per_station: int = Field(default=100, ge=1)
    """Commands of one station that may be under way or wait for their turn; beyond it they are refused."""

    bulk_stations: int = Field(default=1000, ge=1)
    """Stations to which kept commands and those of bulk commands are sent at the same time."""

    settle_seconds: float = Field(default=10.0, ge=0)
    """How long an accepted station must have been silent before anything is sent to it unasked."""

    fight_evictions: int = Field(default=5, ge=2)
    """Evictions of one identity by another address, serial number or node within `fight_window_seconds` that raise the
    alarm."""

    fight_window_seconds: float = Field(default=300.0, gt=0)
    """See `fight_evictions`."""

    fight_backoff_seconds: float = Field(default=60.0, ge=0)
    """How long the holder of a contested identity is left alone: others are closed with 1013 meanwhile."""

    storage_grace_seconds: float = Field(default=10.0, gt=0)
    """How long the database may be away before readiness fails and stations are sent away (1013, then 503)."""

    storage_probe_seconds: float = Field(default=1.0, gt=0)
    """How often a database that is away is tried again."""

    readmission_per_second: float = Field(default=100.0, gt=0)
    """Connections admitted per second in the minute after the database came back."""

    drain_seconds: float = Field(default=8.0, gt=0)
    """Time limit for answering what is in flight and closing connections at the end."""

    event_readers: int = Field(default=100, ge=1)
    """Event streams open at the same time; beyond it 503."""

    events_per_reader: int = Field(default=1000, ge=1)
    """Events that one reader may have in memory."""

    events_poll_seconds: float = Field(default=1.0, gt=0)
    """How often the event log is read when this node committed nothing itself; other nodes may have."""

    keep_meter_values_days: float = Field(default=0, ge=0)
    """Days for which meter values are kept after their receipt; 0: for ever."""

    keep_transactions_days: float = Field(default=0, ge=0)
    """Days for which stopped transactions are kept; 0: for ever. Those waiting for a review stay."""

    keep_connector_statuses_days: float = Field(default=365, ge=0)
    """Days for which the history of connector statuses is kept; 0: for ever."""

    keep_events_days: float = Field(default=365, ge=0)
    """Days for which the event log is kept; 0: for ever."""

    keep_data_transfers_days: float = Field(default=365, ge=0)
    """Days for which DataTransfer messages are kept; 0: for ever."""

    keep_security_events_days: float = Field(default=0, ge=0)
    """Days for which security events and certificate requests are kept; 0: for ever."""

    keep_upkeep_days: float = Field(default=365, ge=0)
    """Days for which finished firmware updates, uploads and their reported statuses are kept; 0: for ever."""

    keep_commands_days: float = Field(default=90, ge=0)
    """Days for which finished commands that were kept or sent in bulk can be looked up; 0: for ever."""

    keep_reservations_days: float = Field(default=365, ge=0)
    """Days for which ended reservations are kept; 0: for ever."""

    keep_charging_profiles_days: float = Field(default=365, ge=0)
    """Days for which charging profiles that a station no longer has are kept; 0: for ever."""

    keep_deviations_days: float = Field(default=90, ge=0)
    """Days for which a deviation that was not seen again stays in the list; 0: for ever."""

    keep_frames_days: float = Field(default=365, ge=0)
    """Days for which frames of mended or quarantined messages are kept; 0: for ever."""

    keep_attempts_days: float = Field(default=90, ge=0)
    """Days for which refused connection attempts are listed; 0: for ever."""

    retention_seconds: float = Field(default=3600.0, gt=0)
    """How often what is too old is removed."""

    node: str = ""
    """Name of this process among several on one database; empty: made from host and process id."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe entry that is written to the log (standard error)."""

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing outlives the process; the data directory is not touched then."""
        return self.db in ("sqlite://", "sqlite:///:memory:")

    def retention_days(self) -> dict[str, float]:
        """For how many days each kind of data is kept; 0: for ever."""
        prefix, suffix = "keep_", "_days"
        names = [name for name in type(self).model_fields if name.startswith(prefix) and name.endswith(suffix)]
        return {name.removeprefix(prefix).removesuffix(suffix): getattr(self, name) for name in names}

    @field_validator("ocpp", "ocpps", "http")
    @classmethod
    def _address(cls, value: str) -> str:
        if value != "off":
            split_address(value)
        return value

    @field_validator("bootstrap_token")
    @classmethod
    def _empty_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        # `CHARGEWRIGHT_BOOTSTRAP_TOKEN=${UNSET}`: an empty key would be everybody's.
        token = "" if value is None else value.get_secret_value().strip()
        return SecretStr(token) if token else None

    @model_validator(mode="after")
    def _keys_fit_certificates(self) -> "Settings":
        if len(self.tls_certificates) != len(self.tls_keys):
            counts = f"{len(self.tls_certificates)} in tls_certificates, {len(self.tls_keys)} in tls_keys"
            raise ValueError(f"as many certificates as keys; there are {counts}")
        if self.ocpps != "off" and not self.tls_certificates:
            raise ValueError("tls_certificates and tls_keys, because ocpps is on")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        if cls.toml_file is None:
            return (init_settings, env_settings)
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_file))


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`; raises `ValueError` saying what would be right."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("HOST:PORT with a port from 0 to 65535, or off")
    return host.removeprefix("[").removesuffix("]"), int(port)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none, with the nearest that
    there is. Values are not told: they may be secrets."""
    settings = [name.upper() for name in Settings.model_fields]
    sentences = []
    for name in sorted(environment):
        setting = name.upper().removeprefix(ENVIRONMENT_PREFIX)
        if setting == name.upper() or setting in settings or name.upper() in OTHER_VARIABLES:
            continue
        nearest = difflib.get_close_matches(setting, settings, n=1, cutoff=_NEAR)
        meant = f"; is {ENVIRONMENT_PREFIX}{nearest[0]} meant?" if nearest else ""
        sentences.append(f"{name} is no setting{meant}")
    return sentences


def load_settings(arguments: Mapping[str, Any], config: Path | None = None) -> Settings:
    """Settings from the command line's `arguments` (None: not given), the environment and the file `config`.

    Raises `ConfigurationError` that names where the wrong value stands.
    """
    given = {key: value for key, value in arguments.items() if value is not None}

    class Source(Settings):
        toml_file: ClassVar[Path | None] = config

    if config is not None and not config.is_file():
        raise ConfigurationError("--config", "", str(config), "a TOML file that exists")
    try:
        return Source(**given)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationProblem(str(config), "", f"is no TOML file: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:
            # Several settings that do not go together.
            raise ConfigurationProblem(str(config or "settings"), "", f"expected {_expected(first)}") from error
        key = ".".join(str(part) for part in first["loc"])
        where = f"--{key.replace('_', '-')}" if key in given else f"{config or ''} or {ENVIRONMENT_PREFIX}{key.upper()}"
        where = where.removeprefix(" or ")
        if first["type"] == "extra_forbidden":  # possibly a secret under a misspelt name: its value is not told
            raise ConfigurationProblem(str(config or "settings"), key, _no_setting(key)) from error
        raise ConfigurationError(where, "", _shown(first), _expected(first)) from error


def _no_setting(key: str) -> str:
    nearest = difflib.get_close_matches(key, Settings.model_fields, n=1, cutoff=_NEAR)
    return "there is no such setting" + (f"; is {nearest[0]} meant?" if nearest else "")


def _expected(error: ErrorDetails) -> str:
    return in_plain_words(error["msg"])


def _shown(error: ErrorDetails) -> object:
    """The wrong value, unless it is a secret or may be one: what stands under a name that there is not."""
    field = Settings.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    if field is None or SecretStr in (field.annotation, *get_args(field.annotation)):
        return HIDDEN
    return error["input"]
