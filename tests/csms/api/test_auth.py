"""The bearer key."""

import pytest

from chargewright.csms.api.auth import BearerKey
from chargewright.csms.api.errors import Problem


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "])
def test_the_key_opens(header: str) -> None:
    BearerKey("s3cret").check(header)


@pytest.mark.parametrize("header", [None, "", "s3cret", "Basic s3cret", "Bearer", "Bearer S3CRET", "Bearer é"])
def test_anything_else_does_not(header: str | None) -> None:
    with pytest.raises(Problem) as caught:
        BearerKey("s3cret").check(header)
    assert caught.value.status == 401
    assert caught.value.headers is not None
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "s3cret" not in caught.value.detail


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Bearer None"])
def test_without_a_key_nobody_may_and_is_told_what_to_set(header: str | None, token: str | None) -> None:
    with pytest.raises(Problem) as caught:
        BearerKey(token).check(header)
    assert "CHARGEWRIGHT_BOOTSTRAP_TOKEN" in caught.value.detail
