"""Which URLs a product takes."""

import pytest

from chargewright.file_transfer.errors import FileTransferError, MalformedUrl, UnsupportedScheme
from chargewright.station.schemes import check_scheme


@pytest.mark.parametrize(
    ("location", "protocols", "error"),
    [
        ("ftp://h/a", ("ftp",), None),
        ("HTTPS://h/a", ("ftp", "https"), None),
        ("ftps://h/a", ("ftp",), UnsupportedScheme),
        ("file:///etc/passwd", ("ftp",), MalformedUrl),
        ("memory://h/a", ("http", "https", "ftp", "ftps"), UnsupportedScheme),
        ("http://h/a", (), UnsupportedScheme),
        ("no url", ("http",), MalformedUrl),
    ],
)
def test_only_what_the_product_offers(
    location: str, protocols: tuple[str, ...], error: type[FileTransferError] | None
) -> None:
    if error is None:
        check_scheme(location, protocols)
    else:
        with pytest.raises(error):
            check_scheme(location, protocols)


def test_a_refusal_names_what_is_offered_and_no_password() -> None:
    with pytest.raises(UnsupportedScheme) as caught:
        check_scheme("ftp://fw:secret@h/a", ("http", "https"))
    # Its end: advice to use what is not offered would contradict it.
    assert str(caught.value).endswith("'ftp' is not offered here (offered: http, https)")
    assert "secret" not in str(caught.value)
