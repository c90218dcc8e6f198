"""What belongs to commands is entered by their requests, once for whoever sends them."""

import pytest

from chargewright.csms.commands import table
from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.protocol.v16.core import ClearCacheRequest, HeartbeatRequest


@pytest.mark.parametrize("enter", [warns, prepares, notes])
def test_what_is_not_sent_to_stations_has_no_entry(enter: object) -> None:
    with pytest.raises(LookupError, match="Heartbeat is not sent to stations"):
        enter(HeartbeatRequest)  # type: ignore[operator]


def test_several_functions_are_kept_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: dict[object, list[object]] = {}
    monkeypatch.setattr(table, "WARNINGS", entered)
    first = warns(ClearCacheRequest)(lambda request, station, services: ["first"])
    second = warns(ClearCacheRequest)(lambda request, station, services: ["second"])
    assert entered == {ClearCacheRequest: [first, second]}
