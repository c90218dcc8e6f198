"""Firmware that is nothing but a version: two places, a boot that changes them, and failures on demand.

An image may be any file that is not empty. If it begins with lines of the form `name=value`, these are understood:
`version`, what the station will run (else the file's name without its last suffix), and `fails`, one of `checking`,
`writing` and `starting`: where the installation of this image goes wrong.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from chargewright.file_transfer.base import CHUNK_BYTES, Source
from chargewright.station.hardware.firmware import InstallationFailed, InstallStep
from chargewright.station.store import Records

__all__ = ["SimulatedFirmware"]

VERSION_CHARACTERS: Final = 50
HEAD_BYTES: Final = 4096
_LINE: Final = re.compile(r"([a-z]+)=([ -~]*)")


class SimulatedFirmware:
    """`records` survive power cuts, `factory_version` runs until something is installed.

    `failing` makes the next installations go wrong at that step, as a technician's hand would; `write_seconds` is how
    long writing takes.
    """

    def __init__(self, records: Records, factory_version: str, *, write_seconds: float = 5.0) -> None:
        self.failing: InstallStep | None = None
        self._records = records
        self._factory_version = factory_version
        self.write_seconds = write_seconds

    @property
    def version(self) -> str:
        """The firmware that runs."""
        running = self._records.get("running")
        return self._factory_version if running is None else running.decode()

    async def check(self, image: Source, name: str) -> str:
        """See `FirmwareInstaller.check`."""
        head = await _head(image)
        self._maybe_fail(InstallStep.CHECKING, head)
        if image.size == 0:
            raise InstallationFailed(InstallStep.CHECKING, "it is empty")
        version = head.get("version", name.rpartition(".")[0] or name)
        if not 0 < len(version) <= VERSION_CHARACTERS or not version.isprintable():
            reason = f"{version[:80]!r} is no version: 1 to {VERSION_CHARACTERS} characters that can be printed"
            raise InstallationFailed(InstallStep.CHECKING, reason)
        return version

    async def write(self, image: Source, version: str) -> None:
        """See `FirmwareInstaller.write`."""
        head = await _head(image)
        offset = 0
        while chunk := await image.read(offset, CHUNK_BYTES):
            offset += len(chunk)
        # As long as a real memory would take to be written; there is nothing to wait for.
        await asyncio.sleep(self.write_seconds)
        self._maybe_fail(InstallStep.WRITING, head)
        does_not_start = InstallStep.STARTING in (self.failing, _failure(head))
        self._records.put_many([("next", version.encode()), ("starts", b"no" if does_not_start else b"yes")])

    def boot(self) -> bool:
        """See `FirmwareInstaller.boot`."""
        version = self._records.get("next")
        if version is None:
            return True
        starts = self._records.get("starts") == b"yes"
        if starts:
            self._records.put("running", version)
        # Only now: a cut in between starts the same image once more.
        self._records.remove("next")
        return starts

    def _maybe_fail(self, step: InstallStep, head: Mapping[str, str]) -> None:
        if step in (self.failing, _failure(head)):
            raise InstallationFailed(step, "it was told to fail here")


def _failure(head: Mapping[str, str]) -> InstallStep | None:
    return next((step for step in InstallStep if step.value == head.get("fails")), None)


async def _head(image: Source) -> dict[str, str]:
    """The `name=value` lines at the beginning."""
    found: dict[str, str] = {}
    for line in (await image.read(0, HEAD_BYTES)).decode("ascii", errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            break
        found[match[1]] = match[2]
    return found
