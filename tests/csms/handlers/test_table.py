"""The table of handlers."""

from typing import Any

import pytest

from chargewright.csms.handlers import core as handlers
from chargewright.csms.handlers.table import HANDLERS, handles
from chargewright.protocol.v16 import core
from chargewright.protocol.v16.actions import ACTIONS, FeatureProfile, Role


def test_every_core_action_of_a_station_has_its_handler() -> None:
    expected = {
        name
        for name, action in ACTIONS.items()
        if Role.STATION in action.sent_by and action.feature_profile is FeatureProfile.CORE
    }
    assert set(HANDLERS) == expected
    assert {handler.__name__ for handler in HANDLERS.values()} == set(handlers.__all__)


def test_an_action_has_one_handler() -> None:
    def second(request: Any, call: Any, services: Any) -> Any:
        raise AssertionError("never called")

    with pytest.raises(LookupError, match="Heartbeat is handled"):
        handles(core.HeartbeatRequest)(second)
