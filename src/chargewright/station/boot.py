"""Registration: BootNotification until the CSMS accepts (§4.2)."""

import enum
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import BootNotificationRequest, BootNotificationResponse, RegistrationStatus
from chargewright.station.context import Caller, CallFailed, Context
from chargewright.station.hardware.interface import Timer

__all__ = ["MAY_SEND", "TRANSITIONS", "Boot", "BootCue", "Permission", "Registration"]

# §4.2: with interval 0 the station picks its own wait and must avoid flooding the CSMS.
OWN_INTERVAL_SECONDS: Final = 60.0


class Registration(enum.Enum):
    """Where the station stands with the CSMS."""

    UNREGISTERED = "not answered yet"
    PENDING = "pending"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


class BootCue(enum.Enum):
    """What moves the registration."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"
    UNANSWERED = "no answer, or a CALLERROR"
    RESTARTED = "the station restarts"


class Permission(enum.Enum):
    """What the station may say of its own accord, and whether it answers (§4.2)."""

    ONLY_BOOT = "nothing but BootNotification; answers"
    WHEN_ASKED = "BootNotification, and what TriggerMessage asks for; answers"
    SILENCE = "nothing, not even answers, until the wait is over"
    EVERYTHING = "everything"


_NOT_ACCEPTED: Final = {
    BootCue.ACCEPTED: Registration.ACCEPTED,
    BootCue.PENDING: Registration.PENDING,
    BootCue.REJECTED: Registration.REJECTED,
    BootCue.RESTARTED: Registration.UNREGISTERED,
}

TRANSITIONS: Final[Mapping[Registration, Mapping[BootCue, Registration]]] = {
    Registration.UNREGISTERED: {**_NOT_ACCEPTED, BootCue.UNANSWERED: Registration.UNREGISTERED},
    Registration.PENDING: {**_NOT_ACCEPTED, BootCue.UNANSWERED: Registration.PENDING},
    Registration.REJECTED: {**_NOT_ACCEPTED, BootCue.UNANSWERED: Registration.REJECTED},
    Registration.ACCEPTED: {BootCue.RESTARTED: Registration.UNREGISTERED},
}

MAY_SEND: Final[Mapping[Registration, Permission]] = {
    Registration.UNREGISTERED: Permission.ONLY_BOOT,
    Registration.PENDING: Permission.WHEN_ASKED,
    Registration.REJECTED: Permission.SILENCE,
    Registration.ACCEPTED: Permission.EVERYTHING,
}

_CUE_OF_STATUS: Final[Mapping[RegistrationStatus, BootCue]] = {
    RegistrationStatus.ACCEPTED: BootCue.ACCEPTED,
    RegistrationStatus.PENDING: BootCue.PENDING,
    RegistrationStatus.REJECTED: BootCue.REJECTED,
}


class Boot:
    """Asks for registration at each start, and again after the wait that the CSMS names.

    `send` reaches the CSMS before acceptance; `told_time` gets the time of each answer, `accepted` the interval of each
    acceptance. `firmware_version` tells what runs now, None: what the product came with. After a mere reconnect nothing
    is sent (OCPP-J 5.4).
    """

    def __init__(
        self,
        context: Context,
        send: Caller,
        is_connected: Callable[[], bool],
        told_time: Callable[[datetime], None],
        accepted: Callable[[int], None],
        firmware_version: Callable[[], str] | None = None,
    ) -> None:
        self.registration = Registration.UNREGISTERED
        self.was_accepted = False
        self._context = context
        self._send = send
        self._is_connected = is_connected
        self._told_time = told_time
        self._accepted = accepted
        self._firmware_version = firmware_version or (lambda: context.product.firmware_version)
        self._wait: Timer | None = None
        self._is_sending = False
        # What was asked before a restart is nobody's answer after it.
        self._restarts = 0

    @property
    def permission(self) -> Permission:
        """What may be sent now."""
        return MAY_SEND[self.registration]

    def may_send(self) -> bool:
        """Whether anything but BootNotification may be sent now, at least where it was asked for."""
        return self.permission not in (Permission.ONLY_BOOT, Permission.SILENCE)

    def connected(self) -> None:
        """A connection is open: ask now, unless accepted already or told to wait."""
        if self.registration is not Registration.ACCEPTED and self._wait is None:
            self.ask()

    def ask(self) -> None:
        """Send BootNotification now; an answer under way is awaited instead of asking twice."""
        if not self._is_sending:
            self._is_sending = True
            self._context.spawn(self._ask(self._restarts))

    def restart(self) -> None:
        """The station restarts: it is registered no more, and the CSMS's waits are forgotten."""
        self._move(BootCue.RESTARTED)
        self._restarts += 1
        self._is_sending = False
        self.stop()

    def stop(self) -> None:
        """Ask no more. Idempotent."""
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    async def _ask(self, restarts: int) -> None:
        if restarts != self._restarts:
            return
        product = self._context.product
        request = BootNotificationRequest(
            charge_point_vendor=product.vendor,
            charge_point_model=product.model,
            charge_point_serial_number=product.serial_number or UNSET,
            firmware_version=self._firmware_version() or UNSET,
            meter_type=product.meter_type or UNSET,
            meter_serial_number=product.meter_serial_number or UNSET,
        )
        self.stop()
        try:
            response = await self._send(request, BootNotificationResponse)
        except CallFailed as failure:
            if restarts != self._restarts:
                return
            self._is_sending = False
            self._context.log.warning("boot notification failed", reason=str(failure))
            self._move(BootCue.UNANSWERED)
            if self._is_connected():
                self._ask_later(OWN_INTERVAL_SECONDS)
            return
        if restarts != self._restarts:
            self._context.log.info("an answer from before the restart", status=response.status.value)
            return
        self._is_sending = False
        self._move(_CUE_OF_STATUS[response.status])
        try:
            # Time stamps are UTC where they name no zone (§3.14 recommends UTC).
            self._told_time(response.current_time.in_zone(UTC))
        finally:
            self._answered(response)

    def _answered(self, response: BootNotificationResponse) -> None:
        is_accepted = self.registration is Registration.ACCEPTED
        tell = self._context.log.info if is_accepted else self._context.log.warning
        tell("boot notification answered", status=response.status.value, interval=response.interval)
        if is_accepted:
            self.was_accepted = True
            self._accepted(response.interval)
        else:
            self._ask_later(response.interval if response.interval > 0 else OWN_INTERVAL_SECONDS)

    def _ask_later(self, seconds: float) -> None:
        self._wait = self._context.call_later(seconds, self._wait_is_over)

    def _wait_is_over(self) -> None:
        self._wait = None
        if self._is_connected():
            self.ask()

    def _move(self, cue: BootCue) -> None:
        try:
            self.registration = TRANSITIONS[self.registration][cue]
        except KeyError:
            raise LocalProtocolError(f"registration is {self.registration.value}: {cue.value} cannot happen") from None
