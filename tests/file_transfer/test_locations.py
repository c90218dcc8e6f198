"""URLs taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.file_transfer.errors import FileTransferError, MalformedUrl
from chargewright.file_transfer.locations import Location, checked_file_name, parse_location


def test_all_parts() -> None:
    location = parse_location("FTPS://%C3%A4:p%40s%3As@Files.Example:990/a%20b/ü?x=1")
    assert location == Location("ftps", "files.example", 990, "/a%20b/%C3%BC", "x=1", "ä", "p@s:s")
    assert location.address == "ftps://files.example:990/a%20b/%C3%BC?x=1"
    assert location.decoded_path() == "a b/ü"
    assert location.shown == "ftps://%C3%A4:***@files.example:990/a%20b/%C3%BC?***"
    assert "p@s" not in repr(location) + str(location)


@pytest.mark.parametrize("directory", ["http://h/in", "http://h/in/", "http://h/in//"])
def test_a_file_in_a_directory(directory: str) -> None:
    assert parse_location(directory).inside("größe/1?.zip").path == "/in/gr%C3%B6%C3%9Fe%2F1%3F.zip"


def test_an_ipv6_address_keeps_its_brackets() -> None:
    assert parse_location("http://[::1]:8080/x").address == "http://[::1]:8080/x"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "http:///x",
        "/path",
        "http://h:99999/x",
        "http://h:x/",
        "http://h/a b",
        "ftp://u:hush@h/a\r\nDELE b",
        "http://[::1/x",
        "ftp://u:%ff@h/x",
        "ftp://u:hush%0d%0aDELE@h/x",
        "http://h/" + "x" * 5000,
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(MalformedUrl) as raised:
        parse_location(url)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("path", ["/a%0d%0aDELE", "/a%00b", "/%ff"])
def test_what_no_file_name_can_hold(path: str) -> None:
    with pytest.raises(MalformedUrl):
        parse_location(f"ftp://h{path}").decoded_path()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "ü" * 101])
def test_file_names_that_no_server_takes(name: str) -> None:
    with pytest.raises(MalformedUrl):
        checked_file_name("ftp://h/", name)


def test_a_good_file_name_is_taken() -> None:
    assert checked_file_name("ftp://h/", "größe 1.zip") == "größe 1.zip"


@given(st.text(max_size=60))
def test_anything_is_a_location_or_an_error_of_ours(text: str) -> None:
    try:
        location = parse_location(text)
    except FileTransferError:
        return
    assert location.host
