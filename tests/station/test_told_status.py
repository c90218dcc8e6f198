"""What was told of a connector: changes only, and no way to Reserved that §4.9 does not have."""

import itertools

import pytest

from chargewright.protocol.v16.connector_status import transition
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus
from chargewright.station.context import StatusReport
from chargewright.station.told_status import ToldStatus


def test_the_same_is_not_told_twice_and_another_error_code_is_not_the_same() -> None:
    reports: list[StatusReport] = []
    first = StatusReport(1, ChargePointStatus.AVAILABLE)
    warned = StatusReport(1, ChargePointStatus.AVAILABLE, ChargePointErrorCode.WEAK_SIGNAL)
    told = ToldStatus(first, reports.append)
    for report in (first, warned, warned, first):
        told.tell(report)
    assert reports == [warned, first]


@pytest.mark.parametrize("before", [item for item in ChargePointStatus if item is not ChargePointStatus.RESERVED])
def test_reserved_comes_after_what_it_may_follow(before: ChargePointStatus) -> None:
    reports = [StatusReport(1, before)]
    told = ToldStatus(reports[0], reports.append)
    told.tell(StatusReport(1, ChargePointStatus.RESERVED))
    assert told.status is ChargePointStatus.RESERVED
    for one, other in itertools.pairwise(reports):
        assert transition(1, one.status, other.status), (one, other)
