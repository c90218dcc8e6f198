"""The log of stations: one line of key=value per entry on standard error. Nothing secret is ever put into it."""

import logging
import sys
from typing import TextIO

import structlog

__all__ = ["configure_log"]


def configure_log(level: str, stream: TextIO | None = None) -> None:
    """Send entries of `level` (debug, info, warning, error) and above to `stream` (standard error)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(
                key_order=["timestamp", "level", "station", "event"], drop_missing=True
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
