"""What may be shown of a URL that a station gets."""

import pytest

from chargewright.csms.locations import mask_location, mask_locations_in, scheme_of


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("ftp://user:pass@host:21/dir/file.bin", "ftp://user:***@host:21/dir/file.bin"),
        ("ftps://user@host/", "ftps://user@host/"),
        ("http://host:8080/fw.bin", "http://host:8080/fw.bin"),
        ("https://bucket/fw?X-Signature=abc&Expires=9#part", "https://bucket/fw?X-Signature=***&Expires=***#***"),
        ("https://host/fw?0123secret", "https://host/fw?***"),
        ("ftp://user:p@ss@host/x", "ftp://user:***@host/x"),
        ("ftp://user:p/a?s#s@host/x", "ftp://user:***@host/x"),
        ("https://host/a@b/c", "https://host/a@b/c"),
        ("user:secret@host/x", "user:***@host/x"),
        ("//user:secret@host", "//user:***@host"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_no_secret_is_shown(location: str, shown: str) -> None:
    assert mask_location(location) == shown
    assert mask_location(shown) == shown  # masking twice changes nothing: rows are compared by it


@pytest.mark.parametrize(
    ("location", "scheme"), [("FTP://h/x", "ftp"), ("https://h", "https"), ("h/x", None), ("", None), ("1a://h", None)]
)
def test_the_scheme(location: str, scheme: str | None) -> None:
    assert scheme_of(location) == scheme


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no URL: a=b?c=d@e", "no URL: a=b?c=d@e"),
        ("from ftp://u:p@h/x to https://h/y?k=v now", "from ftp://u:***@h/x to https://h/y?k=*** now"),
        ('{"a":"s3://b/k?sig=x","b":1}', '{"a":"s3://b/k?sig=***","b":1}'),
        ("://", "://"),
    ],
)
def test_urls_in_a_text_are_masked(text: str, shown: str) -> None:
    assert mask_locations_in(text) == shown


def test_a_long_word_is_searched_once() -> None:
    text = "a" * 500_000
    assert mask_locations_in(f"{text}://u:p@h") == f"{text}://u:***@h"
