from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.station.bench import Bench
from tests.station.world import World, live, product

from chargewright.protocol.v16.security import SecurityEventNotificationRequest
from chargewright.protocol.v16.security_events import CRITICAL_SECURITY_EVENTS, SecurityEvent
from chargewright.station.product import Security
from chargewright.station.security import LOG_ENTRIES, SENT, SecurityEvents

SECURITY = Security(
    profiles=(1, 2, 3),
    cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",),
    max_chain_size=10_000,
    max_certificates=4,
    checks_additional_root=False,
    removes_last_root=True,
    removes_last_station_certificate=True,
)


class Desk:
    """Security events on the bench, and what they queued."""

    def __init__(self, **changes: Any) -> None:
        self.bench = Bench(product(**({"security": SECURITY} | changes)))
        self.queued: list[SecurityEventNotificationRequest] = []
        self.events = SecurityEvents(self.bench.context, self.queued.append)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.events.entries()]


@pytest.mark.parametrize("kind", SecurityEvent)
def test_every_event_is_logged_and_some_are_sent(kind: SecurityEvent) -> None:
    desk = Desk()
    at = desk.bench.clock.now()
    desk.events.note(kind, "why")
    (entry,) = desk.events.entries()
    assert (entry.kind, entry.tech_info, entry.timestamp) == (kind.value, "why", at)
    assert len(desk.queued) == (1 if kind in SENT else 0)
    for request in desk.queued:
        assert (request.type, request.tech_info, request.timestamp) == (kind.value, "why", at)


def test_the_critical_ones_are_among_those_that_are_sent() -> None:
    assert CRITICAL_SECURITY_EVENTS < SENT
    assert len(SENT) == 13


def test_a_long_explanation_is_cut() -> None:
    desk = Desk()
    desk.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED, "x" * 300)
    assert desk.queued[0].tech_info == "x" * 255


def test_an_explanation_with_a_nul_can_be_sent() -> None:
    desk = Desk()
    desk.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED, "A\0B")
    assert desk.queued[0].tech_info == "A\ufffdB"


def test_without_the_extension_nothing_is_kept_or_sent() -> None:
    desk = Desk(security=None)
    desk.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED)
    assert (desk.queued, desk.kinds()) == ([], [])


def test_the_log_rolls_and_survives() -> None:
    desk = Desk()
    for number in range(LOG_ENTRIES + 5):
        desk.events.note(SecurityEvent.FAILED_TO_AUTHENTICATE_AT_CENTRAL_SYSTEM, str(number))
    again = SecurityEvents(desk.bench.context, lambda *message: None)
    again.note(SecurityEvent.FAILED_TO_AUTHENTICATE_AT_CENTRAL_SYSTEM, "last")
    texts = [entry.tech_info for entry in again.entries()]
    assert (len(texts), texts[0], texts[-1]) == (LOG_ENTRIES, "6", "last")


def test_entries_are_chosen_by_time() -> None:
    desk = Desk()
    begin = desk.bench.clock.now()
    for number in range(4):
        desk.events.note(SecurityEvent.RESET_OR_REBOOT, f"a\tb\n{number}")
        desk.bench.timers.pass_time(60.0)
    chosen = list(desk.events.entries(begin + timedelta(seconds=60), begin + timedelta(seconds=120)))
    assert [entry.tech_info[-1] for entry in chosen] == ["1", "2"]
    lines = desk.events.text(oldest=begin + timedelta(seconds=180)).splitlines()
    assert len(lines) == 1 and lines[0].split("\t")[1:] == ["ResetOrReboot", "a b 3"]


def test_nonsense_cannot_flood_the_log() -> None:
    desk = Desk()
    for number in range(50):
        desk.events.note(SecurityEvent.INVALID_MESSAGES, str(number))
    desk.bench.timers.pass_time(61.0)
    desk.events.note(SecurityEvent.INVALID_MESSAGES, "later")
    assert [entry.tech_info for entry in desk.events.entries()] == ["0", "49 more since the last entry; now: later"]
    assert desk.queued == []


def test_an_emptied_log_says_so() -> None:
    desk = Desk()
    desk.events.note(SecurityEvent.SETTING_SYSTEM_TIME)
    desk.events.clear()
    assert desk.kinds() == ["SecurityLogWasCleared"]
    desk.events.note(SecurityEvent.SETTING_SYSTEM_TIME)
    assert desk.kinds() == ["SecurityLogWasCleared", "SettingSystemTime"]
    assert [request.type for request in desk.queued][1] == "SecurityLogWasCleared"


def test_events_go_out_after_acceptance_with_the_time_they_happened() -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = lambda payload: {
            "status": "Pending" if len(world.csms.of("BootNotification")) == 1 else "Accepted",
            "currentTime": world.clock.now().isoformat(),
            "interval": 60,
        }
        begin = world.clock.now()
        world.start()
        told = await world.csms.expect("SecurityEventNotification")
        assert world.csms.names().index("SecurityEventNotification") > 1
        assert world.clock.now() - begin >= timedelta(seconds=60)
        assert told["type"] == "StartupOfTheDevice"
        assert datetime.fromisoformat(told["timestamp"]) - begin < timedelta(seconds=1)

    live(main, product(security=SECURITY))


def test_events_outlive_a_power_cut_while_offline() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.csms.expect("SecurityEventNotification")
        world.csms.cut()
        world.virtual.station._blocks.security.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED, "lid")
        await world.cut_power()
        world.csms.is_reachable = True
        await world.restart()
        await world.csms.expect("SecurityEventNotification", 2)
        types = [item["type"] for item in world.csms.of("SecurityEventNotification")]
        assert types == ["TamperDetectionActivated", "StartupOfTheDevice"]

    live(main, product(security=SECURITY))


def test_a_csms_that_knows_no_events_does_not_hold_bills_up() -> None:
    async def main(world: World) -> None:
        world.csms.answers["SecurityEventNotification"] = "NotSupported"
        await world.boot()
        await world.csms.expect("SecurityEventNotification")
        begin = world.clock.now()
        await world.virtual.station.wait_until_told()
        assert world.clock.now() - begin < timedelta(seconds=5)
        assert world.store.queue() == []

    live(main, product(security=SECURITY))


@pytest.mark.parametrize(
    "message",
    [b"nonsense", b"{}", b'[9,"1","X",{}]', b'[2,"1","Reset",{"type":"Sideways"}]', b'[2,"1","Reset",{}]'],
)
def test_nonsense_of_the_csms_is_logged(message: bytes) -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert world.csms.wire is not None
        world.csms.wire._deliver(message)
        world.csms.wire._deliver(b'[2,"2","NoSuchAction",{}]')
        await world.csms.call("GetConfiguration", key=["SecurityProfile"])
        entries = list(world.virtual.station._blocks.security.events.entries())
        assert [entry.kind for entry in entries] == ["StartupOfTheDevice", "InvalidMessages"]

    live(main, product(security=SECURITY))
