"""The log of stations."""

import io

import pytest
import structlog

from chargewright.station.log import configure_log


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def test_entries_are_one_line_each_from_the_level_on() -> None:
    stream = io.StringIO()
    configure_log("warning", stream)
    log = structlog.get_logger().bind(station="CW 1")
    log.info("quiet")
    log.warning("loud", attempts=2)
    (line,) = stream.getvalue().splitlines()
    assert "station='CW 1'" in line and "attempts=2" in line and "level='warning'" in line


def test_what_an_entry_does_not_have_is_left_out() -> None:
    stream = io.StringIO()
    configure_log("info", stream)
    structlog.get_logger().info("control API", url="http://127.0.0.1:1")
    (line,) = stream.getvalue().splitlines()
    assert "event='control API' url=" in line and "station" not in line
