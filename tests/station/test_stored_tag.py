"""What is kept of an id tag comes back as it was, and runs out when it must."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.station.stored_tag import VALID, StoredTag

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@given(
    status=st.sampled_from(AuthorizationStatus),
    expiry=st.none() | st.integers(1 - 2**35, 2**37).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    parent=st.none() | st.text(max_size=20),
    sequence=st.integers(0, 2**53),
)
def test_what_was_kept_comes_back(
    status: AuthorizationStatus, expiry: datetime | None, parent: str | None, sequence: int
) -> None:
    info = IdTagInfo(
        status=status,
        expiry_date=UNSET if expiry is None else Timestamp.of(expiry),
        parent_id_tag=UNSET if parent is None else parent,
    )
    tag = StoredTag.of(info, sequence)
    assert StoredTag.decode(tag.encode()) == tag
    assert (tag.status, tag.parent_id_tag, tag.sequence) == (status, parent, sequence)
    assert (tag.expires_at is None) is (expiry is None)


@pytest.mark.parametrize("status", list(AuthorizationStatus))
@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_valid_ones_expire_with_their_date_and_bad_ones_stay_what_they_are(
    status: AuthorizationStatus, seconds: int
) -> None:
    tag = StoredTag.of(IdTagInfo(status=status, expiry_date=Timestamp.of(NOON)))
    is_over = seconds >= 0 and status in VALID
    assert tag.status_at(NOON + timedelta(seconds=seconds)) is (AuthorizationStatus.EXPIRED if is_over else status)


@pytest.mark.parametrize("text", ["2026-05-01T12:00:00", "2026-05-01T14:00:00+02:00", "2026-05-01T12:00:00Z"])
def test_an_end_without_zone_is_meant_in_utc(text: str) -> None:
    tag = StoredTag.of(IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_date=Timestamp.parse(text)))
    assert tag.expires_at == NOON.timestamp()
