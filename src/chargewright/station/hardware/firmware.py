"""What the station asks of the part of its board that holds the firmware."""

import enum
from typing import Protocol

from chargewright.errors import ChargewrightError
from chargewright.file_transfer.base import Source

__all__ = ["FirmwareInstaller", "InstallStep", "InstallationFailed"]


class InstallStep(enum.Enum):
    """Where an installation can fail."""

    CHECKING = "checking"
    WRITING = "writing"
    STARTING = "starting"


class InstallationFailed(ChargewrightError):
    """The image was not installed; `step` tells how far it came, `reason` is one clause."""

    def __init__(self, step: InstallStep, reason: str) -> None:
        super().__init__(step, reason)
        self.step = step
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.step.value} the image: {self.reason}"


class FirmwareInstaller(Protocol):
    """Two places for firmware: one runs, the other takes an image, and a boot changes them if the new one starts."""

    @property
    def version(self) -> str:
        """The firmware that runs, 50 characters at most (§6.3)."""

    async def check(self, image: Source, name: str) -> str:
        """Whether the image is one for this board; returns its version. `name` is that of the file.

        Raises `InstallationFailed` when it is not, OSError when it cannot be read.
        """

    async def write(self, image: Source, version: str) -> None:
        """Put the image into the free place, to be started at the next boot; whole or not at all.

        Raises `InstallationFailed`, and OSError when it cannot be read.
        """

    def boot(self) -> bool:
        """The board starts: with a new image if there is one. Called at each start and restart of the station.

        Returns False when a new image did not start, and the old one runs again.
        """
