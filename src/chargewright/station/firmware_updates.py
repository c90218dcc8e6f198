"""The engine of firmware updates: fetch, check, wait for users, install, boot, with every step on disk (§5.19, L01).

What an order looks like and how its progress is told is the business of `firmware` and `signed_firmware`.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from chargewright.errors import ChargewrightError
from chargewright.file_transfer.base import CHUNK_BYTES, Source
from chargewright.file_transfer.errors import FileTransferError
from chargewright.file_transfer.locations import parse_location
from chargewright.file_transfer.masking import mask_url
from chargewright.file_transfer.transfers import Retries
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.context import ConnectorPort, Context
from chargewright.station.diagnostics_log import Note
from chargewright.station.errand import Errand
from chargewright.station.firmware_stages import ENDED, Cue, Stage, next_stage
from chargewright.station.flag import Flag
from chargewright.station.hardware.firmware import InstallationFailed, InstallStep
from chargewright.station.schemes import check_scheme
from chargewright.station.upkeep import Upkeep

__all__ = ["FirmwareJob", "FirmwareUpdates"]

# An installation that was cut off so often by power is not begun again.
INSTALLATIONS: Final = 3
# How long the last notification before the reboot may take; it is kept in any case.
FAREWELL_SECONDS: Final = 10.0
# Waiting is cut into pieces, so that a clock that is set meanwhile counts.
LONGEST_WAIT_SECONDS: Final = 600.0


class FirmwareJob(msgspec.Struct, frozen=True, kw_only=True):
    """One update, as it is kept. `request_id`, `certificate` (PEM) and `signature` (base64) are those of L01.

    When it has ended, `location` is only what may be shown. `version` is what the image brings, once it is known.
    """

    stage: Stage = Stage.ORDERED
    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None
    request_id: int | None = None
    certificate: str = ""
    signature: str = ""
    sha256: str = ""
    version: str = ""
    installations: int = 0
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self.stage in ENDED


class FirmwareUpdates:
    """At most one update at a time.

    `restart` boots the station anew, `settled` returns when notifications are told, `note` writes into the diagnostics
    log. Whoever knows the messages sets
    `moved`, called with each new stage inside the commit that keeps it, and `trouble_with_signature`, which says why a
    downloaded image must not be installed ("": it may); None where images need no signature.
    """

    def __init__(
        self,
        context: Context,
        upkeep: Upkeep,
        connectors: Sequence[ConnectorPort],
        restart: Callable[[], None],
        settled: Callable[[], Awaitable[None]],
        note: Note,
    ) -> None:
        self.moved: Callable[[FirmwareJob], None] = _nobody_is_told
        self.trouble_with_signature: Callable[[FirmwareJob], str] | None = None
        self._context = context
        self._upkeep = upkeep
        self._connectors = connectors
        self._restart = restart
        self._settled = settled
        self._note = note
        self._records = context.store.records("firmware_update")
        self._errand = Errand(context.spawn)
        self._connectors_moved = Flag()
        kept = self._records.get("job")
        self._job = None if kept is None else msgspec.json.decode(kept, type=FirmwareJob)

    @property
    def job(self) -> FirmwareJob | None:
        """The update that is under way, or was the last one."""
        return self._job

    @property
    def can_be_replaced(self) -> bool:
        """Whether a new order may take the place of what is under way: not while the image is being written."""
        return self._job is None or self._job.stage not in (Stage.INSTALLING, Stage.REBOOTING)

    @property
    def version(self) -> str:
        """The firmware that runs."""
        return self._upkeep.installer.version

    # Life.

    def wake_up(self) -> None:
        """The station has booted, for whatever reason: see what runs now, and go on where the update stood."""
        starts = self._upkeep.installer.boot()
        self._hold(False)
        job = self._job
        if job is None or job.has_ended:
            return
        if job.stage is Stage.REBOOTING:
            runs_new = starts and self.version == job.version
            why = "" if runs_new else f"the new firmware did not start; {self.version} runs"
            self._move(Cue.NEW_RUNS if runs_new else Cue.OLD_RUNS, reason=why)
            return
        self.go_on()

    def stop(self) -> None:
        """Do nothing more; what is on disk stays."""
        self._errand.stop()

    def connectors_changed(self) -> None:
        """A connector may have become idle."""
        self._connectors_moved.set()

    # Orders.

    def order(self, job: FirmwareJob) -> bool:
        """Keep a new order, in place of what is under way; returns whether something was. `go_on` begins it."""
        old = self._job
        is_replacing = old is not None and not old.has_ended
        self._errand.stop()
        self._hold(False)
        if old is None or old.location != job.location or old.has_ended:
            self._clear_shelf()
        self._keep(job)
        return is_replacing

    def go_on(self) -> None:
        """Work on the present order."""
        self._errand.begin(self._run)

    async def _run(self) -> None:
        try:
            while (job := self._job) is not None and (step := _STEPS.get(job.stage)) is not None:
                await step(self, job)
        except (FileTransferError, InstallationFailed, OSError) as error:
            self._move(Cue.FAILED, reason=str(error))
        except Exception as error:  # whatever it is, the connectors must not stay out of service
            self._context.log.exception("a firmware update failed")
            if self._job is not None and self._job.stage in _STEPS:
                self._move(Cue.FAILED, reason=repr(error))

    # Steps, by stage; each one ends with a move.

    async def _prepare_download(self, job: FirmwareJob) -> None:
        check_scheme(job.location, self._context.product.file_transfer_protocols)
        may_charge = _downloads_during_transaction(self._context)
        if job.stage is Stage.ORDERED and (self._is_early(job.retrieve_at) or not (may_charge or self._are_idle())):
            self._move(Cue.MUST_WAIT)
        await self._wait_until(job.retrieve_at)
        if not may_charge:
            await self._wait_for_users()
        self._move(Cue.MAY_DOWNLOAD)

    async def _download(self, job: FirmwareJob) -> None:
        if not _downloads_during_transaction(self._context):
            await self._wait_for_users()
        self._upkeep.look_at_roots()
        received = await self._upkeep.transfers.download(
            job.location,
            self._upkeep.shelf.target(),
            size_bound=self._upkeep.shelf.size_bound,
            retries=Retries.asked_for(job.retries, job.retry_interval),
        )
        self._move(Cue.FETCHED, sha256=received.sha256)

    async def _check_signature(self, job: FirmwareJob) -> None:
        if self.trouble_with_signature is None:
            await self._prepare_installation(job)
            return
        trouble = self.trouble_with_signature(job)
        self._move(Cue.SIGNATURE_FAILS if trouble else Cue.SIGNATURE_HOLDS, reason=trouble)

    async def _prepare_installation(self, job: FirmwareJob) -> None:
        if job.install_at is not None and self._is_early(job.install_at):
            self._hold(False)
            self._move(Cue.MUST_WAIT)
            return
        self._move(Cue.MAY_INSTALL if self._are_idle() else Cue.MUST_WAIT)

    async def _await_installation(self, job: FirmwareJob) -> None:
        if job.install_at is not None:
            await self._wait_until(job.install_at)
        await self._wait_for_users()
        self._move(Cue.MAY_INSTALL)

    async def _install(self, job: FirmwareJob) -> None:
        await self._wait_for_users()
        if job.installations >= INSTALLATIONS:
            raise InstallationFailed(InstallStep.WRITING, f"it was cut off {job.installations} times")
        self._keep(msgspec.structs.replace(job, installations=job.installations + 1))
        image = self._open_image()
        if image is None:
            self._move(Cue.IMAGE_GONE)
            return
        try:
            # What was checked, hours ago perhaps, must be what is installed.
            if await _sha256(image) != job.sha256:
                self._move(Cue.IMAGE_GONE)
                return
            version = await self._upkeep.installer.check(image, _file_name(job.location))
            await self._upkeep.installer.write(image, version)
        except InstallationFailed as error:
            is_refused = error.step is InstallStep.CHECKING
            self._move(Cue.IMAGE_REFUSED if is_refused else Cue.FAILED, reason=str(error))
            return
        finally:
            await image.close()
        self._move(Cue.WRITTEN, version=version)

    async def _reboot(self, job: FirmwareJob) -> None:
        try:
            await asyncio.wait_for(self._settled(), FAREWELL_SECONDS)
        except TimeoutError:
            self._context.log.info("firmware update: notifications stay queued")
        # Not from here: the restart calls this errand off.
        self._context.call_later(0.0, self._restart)
        await asyncio.Event().wait()

    # Inside.

    def _move(self, cue: Cue, *, reason: str = "", sha256: str = "", version: str = "") -> None:
        job = self._job
        if job is None:
            raise AssertionError("there is no firmware update that could move")
        stage = next_stage(job.stage, cue)
        job = msgspec.structs.replace(
            job, stage=stage, reason=reason, sha256=sha256 or job.sha256, version=version or job.version
        )
        if job.has_ended:
            job = msgspec.structs.replace(job, location=mask_url(job.location), certificate="", signature="")
        with self._context.store.atomically():
            self._keep(job)
            self.moved(job)
        tell = self._context.log.warning if reason else self._context.log.info
        tell("firmware update", stage=stage.value, location=mask_url(job.location), reason=reason)
        self._note("firmware update", stage=stage.value, **({"reason": reason} if reason else {}))
        if job.has_ended:
            self._clear_shelf()
            self._hold(False)
        if stage is Stage.INSTALLED:
            self._context.note_security_event(SecurityEvent.FIRMWARE_UPDATED, f"version {job.version}")

    def _keep(self, job: FirmwareJob) -> None:
        self._records.put("job", msgspec.json.encode(job))
        self._job = job

    def _clear_shelf(self) -> None:
        try:
            self._upkeep.shelf.clear()
        except OSError as error:
            self._context.log.warning("a firmware image could not be removed", reason=str(error))

    def _open_image(self) -> Source | None:
        try:
            return self._upkeep.shelf.open()
        except FileNotFoundError:
            return None

    def _hold(self, is_held: bool) -> None:
        for connector in self._connectors:
            connector.hold_out_of_service(is_held)

    def _are_idle(self) -> bool:
        """Take what is idle out of service, and tell whether that is everything (L01.FR.07)."""
        self._hold(True)
        return all(connector.is_held_out_of_service for connector in self._connectors)

    async def _wait_for_users(self) -> None:
        while not self._are_idle():
            self._connectors_moved.clear()
            await self._connectors_moved.wait()

    def _is_early(self, moment: datetime) -> bool:
        return self._context.clock.now() < moment

    async def _wait_until(self, moment: datetime) -> None:
        while (seconds := (moment - self._context.clock.now()).total_seconds()) > 0:
            is_over = asyncio.Event()
            timer = self._context.call_later(min(seconds, LONGEST_WAIT_SECONDS), is_over.set)
            try:
                await is_over.wait()
            finally:
                timer.cancel()


_STEPS: Final[Mapping[Stage, Callable[[FirmwareUpdates, FirmwareJob], Awaitable[None]]]] = {
    Stage.ORDERED: FirmwareUpdates._prepare_download,
    Stage.SCHEDULED: FirmwareUpdates._prepare_download,
    Stage.DOWNLOADING: FirmwareUpdates._download,
    Stage.DOWNLOADED: FirmwareUpdates._check_signature,
    Stage.VERIFIED: FirmwareUpdates._prepare_installation,
    Stage.INSTALL_SCHEDULED: FirmwareUpdates._await_installation,
    Stage.INSTALLING: FirmwareUpdates._install,
    Stage.REBOOTING: FirmwareUpdates._reboot,
}


def _downloads_during_transaction(context: Context) -> bool:
    management = context.product.firmware_management
    return management is not None and management.downloads_during_transaction


def _file_name(location: str) -> str:
    try:
        return parse_location(location).decoded_path().rpartition("/")[2]
    except ChargewrightError:
        return ""


async def _sha256(image: Source) -> str:
    digest = hashlib.sha256()
    offset = 0
    while chunk := await image.read(offset, CHUNK_BYTES):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def _nobody_is_told(job: FirmwareJob) -> None:
    """Until the block with the messages has set `moved`."""
