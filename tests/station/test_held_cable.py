"""A cable that is held after its transaction: for whom, how long, and over power cuts."""

import pytest
from tests.station.bench import Bench
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.core import Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.context import Authorization
from chargewright.station.hardware.simulated_parts import SimulatedCableLock
from chargewright.station.held_cable import HeldCable

ALICE = Authorization("ALICE", AuthorizationStatus.ACCEPTED, "FAMILY")
BOB = Authorization("BOB", AuthorizationStatus.ACCEPTED, "FAMILY")
EVE = Authorization("EVE", AuthorizationStatus.ACCEPTED)


class Subject:
    """A locked cable; `boot` is a start of the station with the lock as it is."""

    def __init__(self) -> None:
        self.bench = Bench(product())
        self.lock = SimulatedCableLock(self.bench.timers.call_later)
        self.lock.insert()
        self.lock.lock()
        self.cable = HeldCable(self.bench.context, 1, self.lock)

    def boot(self, *, may_be_held: bool = True) -> None:
        self.cable = HeldCable(self.bench.context, 1, self.lock)
        self.cable.restore(may_be_held=may_be_held)


@pytest.mark.parametrize("unlocks", ["true", "false"])
@pytest.mark.parametrize("reason", Reason)
def test_which_ends_hold_it(reason: Reason, unlocks: str) -> None:
    subject = Subject()
    subject.bench.set("UnlockConnectorOnEVSideDisconnect", unlocks)
    subject.cable.use_ends(reason, ALICE)
    assert subject.lock.is_locked, "nothing moves before the commit"
    subject.cable.let_go()
    is_held = reason is Reason.DE_AUTHORIZED or (reason is Reason.EV_DISCONNECTED and unlocks == "false")
    assert subject.lock.is_locked is subject.cable.is_held is is_held


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize(("who", "is_theirs"), [(ALICE, True), (BOB, True), (EVE, False)])
def test_it_is_given_to_its_user_and_their_group_before_and_after_a_boot(
    who: Authorization, is_theirs: bool, is_restarted: bool
) -> None:
    subject = Subject()
    subject.cable.hold_for(ALICE)
    if is_restarted:
        subject.boot()
    assert subject.lock.is_locked
    assert subject.cable.release(who) is is_theirs
    assert subject.lock.is_locked is not is_theirs
    subject.lock.lock()
    subject.boot()
    assert subject.cable.is_held is not is_theirs


def test_a_jammed_lock_keeps_it_for_them() -> None:
    subject = Subject()
    subject.cable.hold_for(ALICE)
    subject.lock.is_jammed = True
    assert subject.cable.release(ALICE) and subject.cable.is_held
    subject.lock.is_jammed = False
    assert subject.cable.release(ALICE) and not subject.lock.is_locked
    assert not subject.cable.release(ALICE)


def test_a_lock_that_has_let_go_by_itself_holds_for_nobody_any_more() -> None:
    subject = Subject()
    subject.cable.hold_for(ALICE)
    subject.lock.unlock()
    assert not subject.cable.release(ALICE)
    subject.boot()
    subject.lock.lock()
    subject.boot()
    assert not subject.cable.is_held and not subject.lock.is_locked


def test_a_use_that_was_cut_off_lets_it_go() -> None:
    subject = Subject()
    subject.cable.hold_for(ALICE)
    subject.boot(may_be_held=False)
    assert not subject.lock.is_locked and subject.bench.store.records("held_cable").count() == 0


def test_a_fixed_cable_is_never_held() -> None:
    bench = Bench(product())
    cable = HeldCable(bench.context, 1, None)
    cable.use_ends(Reason.DE_AUTHORIZED, ALICE)
    cable.let_go()
    assert not cable.is_held and not cable.release(ALICE)
    assert bench.store.records("held_cable").count() == 0


def test_a_power_cut_gives_nobody_the_cable_of_who_was_deauthorized() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.answers["StartTransaction"] = {"idTagInfo": {"status": "Blocked"}, "transactionId": 7}
        world.virtual.plug(1, car())
        world.virtual.show_tag("ALICE")
        assert (await world.csms.expect("StopTransaction"))["reason"] == "DeAuthorized"
        assert world.virtual.is_locked(1)
        await world.cut_power()
        await world.restart()
        await world.csms.expect("StatusNotification", 2)
        assert world.virtual.is_locked(1)
        assert world.csms.statuses(1)[-1] == "Finishing"
        world.virtual.show_tag("alice")
        assert not world.virtual.is_locked(1)
        world.virtual.unplug(1)

    live(main)
