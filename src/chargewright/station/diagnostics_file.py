"""The files that a technician gets: one JSON document each, indented, with a name that tells station and time."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from chargewright.station.diagnostics_log import LogEntry

__all__ = ["Sections", "document", "file_name"]

# Names of parts of the document, and what gives their content as something that JSON can hold.
Sections: TypeAlias = Mapping[str, Callable[[], Any]]

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_STATION_CHARACTERS: Final = 60


def document(
    station_id: str, made_at: datetime, sections: Sections, log: Sequence[LogEntry], log_name: str = "log"
) -> bytes:
    """The whole file. `log` comes last, because it is the longest."""
    content = {
        "station": station_id,
        "madeAt": made_at,
        **{name: section() for name, section in sections.items()},
        log_name: [{"at": entry.at, "event": entry.event, **entry.detail} for entry in log],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def file_name(station_id: str, kind: str, made_at: datetime) -> str:
    """A name that every server takes, at most 100 characters."""
    station = _NOT_IN_NAMES.sub("_", station_id).lstrip(".")[:_STATION_CHARACTERS]
    return f"{station}-{kind}-{made_at:%Y%m%dT%H%M%SZ}.json"
