"""What is shown of a URL never has its password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.file_transfer.masking import mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://host/a", "ftp://host/a"),
        ("ftp://in:hush@host:21/a", "ftp://in:***@host:21/a"),
        ("ftp://in@host/a", "ftp://in@host/a"),
        ("ftp://in:hu@sh@host/a", "ftp://in:***@host/a"),
        ("https://host/a?token=hush", "https://host/a?***"),
        ("in:hush@host", "in:***@host"),
        ("https://host/a\r\nX: y", "https://host/a��X: y"),
    ],
)
def test_password_and_query_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@given(password=st.text(st.characters(categories=["L", "N"], include_characters="@:%&"), min_size=4, max_size=20))
def test_no_password_is_ever_shown(password: str) -> None:
    shown = mask_url(f"ftp://u:{password}Z9@h/x")
    assert f"{password}Z9" not in shown


def test_a_long_url_is_cut() -> None:
    assert len(mask_url("http://h/" + "a" * 5000)) <= 301
