"""The log: one line of key=value per entry on standard error, secrets and personal data masked."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

from chargewright.csms.locations import mask_locations_in

__all__ = ["configure_log", "mask"]

_SECRETS: Final = frozenset({"authorization", "credential", "credential_hash", "key", "password", "secret", "token"})
# Personal data: who charged, and the SIM card of a station (§6.3).
_PERSONAL: Final = frozenset({"id_tag", "idtag", "parent_id_tag", "parentidtag", "iccid", "imsi"})


def mask(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: hide secrets wholly, also those in URLs, and personal data but for its last four
    characters, at any depth."""
    return _masked(entry)


def _masked(entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in entry.items():
        key = name.lower()
        if key in _SECRETS:
            shown[name] = "(hidden)"
        elif key in _PERSONAL and isinstance(value, str):
            shown[name] = f"…{value[-4:]}" if len(value) > 4 else "…"
        elif isinstance(value, dict):
            shown[name] = _masked(value)
        elif isinstance(value, str):
            shown[name] = mask_locations_in(value)
        else:
            shown[name] = value
    return shown


def configure_log(level: str, stream: TextIO | None = None) -> None:
    """Send our entries, and the warnings of the libraries below, to `stream` (standard error)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
        structlog.processors.format_exc_info,
    ]
    line = structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
    structlog.configure(
        processors=[*shared, line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_without_meta, line])
    handler.setFormatter(formatter)
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def _without_meta(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, entry)
