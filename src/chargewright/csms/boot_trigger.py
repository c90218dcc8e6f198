"""Asks a registered station that never booted here to do so, once it speaks of other things.

A station that was moved here from elsewhere keeps its connection settings and does not boot for that (OCPP-J 5.4), so
its maker, model and firmware stay unknown.
"""

from typing import Final

from chargewright.csms.automation import Automation, Unfinished
from chargewright.csms.outcomes import NotSent
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.abilities import AbilitiesService, refused_trigger
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.remote_trigger import MessageTrigger, TriggerMessageRequest

__all__ = ["BootTrigger"]

CHORE: Final = "boot-notification"
# How often a station that does not do it is asked, between two starts of the server.
ATTEMPTS: Final = 3


class BootTrigger:
    """The chore; `spoke` wakes it."""

    def __init__(self, automation: Automation, abilities: AbilitiesService) -> None:
        self._automation = automation
        self._abilities = abilities
        self._asked: dict[int, int] = {}
        automation.register(CHORE, self._ask, is_before_boot=True)

    def spoke(self, station: StationRow) -> None:
        """A station that was never accepted sent something else than a BootNotification."""
        if self._asked.get(station.id, 0) < ATTEMPTS:
            self._automation.wake(station.id, CHORE)

    async def _ask(self, station: StationRow, sender: CommandSender) -> None:
        name = refused_trigger(MessageTrigger.BOOT_NOTIFICATION.value)
        if not station.booted and self._abilities.of(station.id, name) is None:
            request = TriggerMessageRequest(requested_message=MessageTrigger.BOOT_NOTIFICATION)
            outcome = await sender.send(station.id, request)
            if isinstance(outcome, NotSent):
                raise Unfinished(outcome.reason)
            self._asked[station.id] = self._asked.get(station.id, 0) + 1
