"""The table of handlers."""

from typing import Any

import pytest

from chargewright.csms.handlers import core as core_handlers
from chargewright.csms.handlers import firmware_management as firmware_handlers
from chargewright.csms.handlers import security as security_handlers
from chargewright.csms.handlers.table import HANDLERS, handles
from chargewright.protocol.v16 import core
from chargewright.protocol.v16.actions import ACTIONS, Role


def test_every_action_of_a_station_has_its_handler() -> None:
    expected = {name for name, action in ACTIONS.items() if Role.STATION in action.sent_by}
    assert set(HANDLERS) == expected
    assert len(expected) == 14
    modules = (core_handlers, firmware_handlers, security_handlers)
    assert {handler.__name__ for handler in HANDLERS.values()} == {name for each in modules for name in each.__all__}


def test_an_action_has_one_handler() -> None:
    def second(request: Any, call: Any, services: Any) -> Any:
        raise AssertionError("never called")

    with pytest.raises(LookupError, match="Heartbeat is handled"):
        handles(core.HeartbeatRequest)(second)
