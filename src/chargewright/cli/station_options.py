"""Options that `station run` and `station fleet` have in common."""

import enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Control", "ControlTokenFile", "HardwareDelay", "Timing", "TimingChoice"]


class TimingChoice(enum.StrEnum):
    """How fast a station answers and acts."""

    FAST = "fast"
    CERTIFICATE = "certificate"


Control = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Serve the control API there (port 0: a free one), for `station do`, `show` and `watch`.",
    ),
]
ControlTokenFile = Annotated[
    Path | None, typer.Option(help="File that holds the token of the control API; without one, a new one is made.")
]
Timing = Annotated[
    TimingChoice, typer.Option(help="Answer and act at once, or as late as measured in the PICS's certificate.")
]
HardwareDelay = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SECONDS",
        help="How long the hardware takes: lock, cable-check, precharge, contactor. May be given several times.",
    ),
]
