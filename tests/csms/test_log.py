"""The log: key=value, and nothing in it that must not be there."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from chargewright.csms.log import configure_log, mask


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    handlers, level = logging.root.handlers[:], logging.root.level
    target = io.StringIO()
    configure_log("info", target)
    yield target
    structlog.reset_defaults()
    for handler in logging.root.handlers[:]:
        if handler not in handlers:
            logging.root.removeHandler(handler)
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_secrets_and_personal_data_are_masked_at_any_depth() -> None:
    entry = {
        "password": "p",
        "Authorization": "a",
        "id_tag": "04A2B3C4",
        "error": "cannot reach ftp://u:p@h/x",
        "body": {"idTag": "AB", "token": "t", "iccid": "8943", "imsi": "232011234567", "n": 1},
    }
    assert mask(None, "info", entry) == {
        "password": "(hidden)",
        "Authorization": "(hidden)",
        "id_tag": "…B3C4",
        "error": "cannot reach ftp://u:***@h/x",
        "body": {"idTag": "…", "token": "(hidden)", "iccid": "…", "imsi": "…4567", "n": 1},
    }


def test_an_entry_is_one_line(stream: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.debug("too fine")
    log.warning("something", station="A1", password="p")
    (line,) = stream.getvalue().splitlines()
    assert "event='something'" in line
    assert "station='A1'" in line
    assert "'p'" not in line


def test_an_exception_is_told_with_its_traceback(stream: io.StringIO) -> None:
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        structlog.get_logger("test").exception("failed")
    assert "ZeroDivisionError: why" in stream.getvalue()


def test_warnings_of_libraries_are_written_and_their_chatter_is_not(stream: io.StringIO) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("watch %s", "out")
    (line,) = stream.getvalue().splitlines()
    assert "event='watch out'" in line
