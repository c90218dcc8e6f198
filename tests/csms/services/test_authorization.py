"""May this id tag charge?"""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chargewright.clock import ManualClock
from chargewright.csms.directory import Directory
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.storage.base import IdTagRow
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.datatypes import AuthorizationStatus

NOW = 1_000_000_000

TAGS = [
    IdTagRow(id=1, id_tag="GOOD"),
    IdTagRow(id=2, id_tag="BLOCKED", blocked=True),
    IdTagRow(id=3, id_tag="EXPIRED", expires_at=NOW),
    IdTagRow(id=4, id_tag="NOTYET", expires_at=NOW + 1),
    IdTagRow(id=5, id_tag="BOTH", blocked=True, expires_at=NOW - 1),
]


def service(tags: list[IdTagRow], *, accepts_unknown: bool = False) -> AuthorizationService:
    directory = Directory([], tags)
    active = ActiveTransactionsService(
        directory, cast("Any", None), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), default_limit=0
    )
    return AuthorizationService(directory, active, accepts_unknown=accepts_unknown)


@pytest.mark.parametrize(
    ("id_tag", "expected"),
    [
        ("GOOD", "Accepted"),
        ("good", "Accepted"),
        ("BLOCKED", "Blocked"),
        ("EXPIRED", "Expired"),
        ("NOTYET", "Accepted"),
        ("BOTH", "Blocked"),
        ("STRANGER", "Invalid"),
    ],
)
def test_each_status_has_its_reason(id_tag: str, expected: str) -> None:
    assert service(TAGS).check(id_tag, NOW).status == expected


def test_unknown_tags_are_accepted_where_the_operator_says_so() -> None:
    assert service(TAGS, accepts_unknown=True).check("STRANGER", NOW).status is AuthorizationStatus.ACCEPTED
    assert service(TAGS, accepts_unknown=True).check("BLOCKED", NOW).status is AuthorizationStatus.BLOCKED


def test_group_and_end_are_told() -> None:
    tag = IdTagRow(id=1, id_tag="T", parent_id_tag="FLEET", expires_at=1_924_992_000_000_000)
    info = service([tag]).check("T", NOW)
    assert encode(info) == b'{"status":"Accepted","expiryDate":"2031-01-01T00:00:00.000Z","parentIdTag":"FLEET"}'


def test_absent_fields_stay_absent() -> None:
    info = service(TAGS).check("GOOD", NOW)
    assert (info.expiry_date, info.parent_id_tag) == (UNSET, UNSET)
