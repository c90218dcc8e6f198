"""What may listen where: the whole table."""

from typing import Any

import pytest

from chargewright.csms.config import Settings
from chargewright.csms.exposure import check_exposure, is_loopback
from chargewright.csms.storage.base import StationRow
from chargewright.errors import ConfigurationError

SECURED = StationRow(id=1, identity="SECURED", security_profile=1, credential_hash="x")
CERTIFICATE = {"tls_certificates": ("a.pem",), "tls_keys": ("a.key",)}
OPEN = StationRow(id=2, identity="OPEN", security_profile=0)


@pytest.mark.parametrize(
    ("settings", "stations", "named"),
    [
        ({}, [SECURED, OPEN], None),
        ({"unknown_stations": "accept"}, [], None),
        ({"ocpp": "[::1]:1", "http": "localhost:1"}, [OPEN], None),
        ({"ocpp": "0.0.0.0:1"}, [SECURED], None),
        ({"ocpp": "0.0.0.0:1"}, [SECURED, OPEN], "a password for OPEN"),
        ({"ocpp": "0.0.0.0:1", "unknown_stations": "accept"}, [SECURED], "--unknown-stations reject"),
        ({"ocpps": "0.0.0.0:1", **CERTIFICATE}, [SECURED, OPEN], None),
        ({"ocpps": "0.0.0.0:1", "unknown_stations": "accept", **CERTIFICATE}, [], "--unknown-stations reject"),
        ({"ocpp": "csms.example.com:1"}, [OPEN], "a password for OPEN"),
        ({"ocpp": "0.0.0.0:1", "insecure": True}, [OPEN], None),
        ({"http": "0.0.0.0:1"}, [], "CHARGEWRIGHT_BOOTSTRAP_TOKEN"),
        ({"http": "0.0.0.0:1", "bootstrap_token": "x"}, [], None),
        ({"http": "0.0.0.0:1", "insecure": True}, [], None),
        ({"http": "off", "ocpp": "off"}, [OPEN], None),
    ],
)
def test_strangers_stay_outside(settings: dict[str, Any], stations: list[StationRow], named: str | None) -> None:
    if named is None:
        check_exposure(Settings(**settings), stations)
        return
    with pytest.raises(ConfigurationError) as caught:
        check_exposure(Settings(**settings), stations)
    assert named in str(caught.value)
    assert "--insecure" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
