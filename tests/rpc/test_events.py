"""Events: which of them the garbage collector must see."""

import gc
import typing
import weakref

import pytest

from chargewright.protocol.v16.actions import ACTIONS
from chargewright.rpc.errors import GenericFault, RpcError
from chargewright.rpc.events import CallLost, ErrorReceived, Event, IgnoredReason


class WeaklyKnownFault(GenericFault):
    """An error that a weak reference can watch."""


def test_an_error_event_in_a_cycle_with_its_traceback_is_collected() -> None:
    def raise_it() -> weakref.ref[RpcError]:
        event = ErrorReceived("19", ACTIONS["Heartbeat"], WeaklyKnownFault("no"))
        try:
            raise event.error
        except RpcError as error:
            return weakref.ref(error)

    watched = raise_it()
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize("kind", [kind for kind in typing.get_args(Event) if kind is not ErrorReceived])
def test_leaves_are_no_work_for_the_collector(kind: type) -> None:
    assert kind.__struct_config__.gc is False


def test_events_cannot_be_changed_after_the_fact() -> None:
    event = CallLost("19", ACTIONS["Heartbeat"])
    with pytest.raises(AttributeError):
        event.call_id = "20"  # type: ignore[misc]


def test_each_reason_is_a_sentence_of_its_own() -> None:
    assert len({reason.value for reason in IgnoredReason}) == len(IgnoredReason)
