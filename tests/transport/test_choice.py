"""The switch between the libraries."""

import subprocess
import sys

import pytest

from chargewright.errors import ConfigurationError
from chargewright.transport import picows_client, picows_server, websockets_adapter
from chargewright.transport.choice import implementation


def test_names_lead_to_functions() -> None:
    assert implementation() == (picows_server.listen, picows_client.connect)
    assert implementation("picows") == implementation()
    assert implementation("websockets") == (websockets_adapter.listen, websockets_adapter.connect)
    with pytest.raises(ConfigurationError, match="'aiohttp'"):
        implementation("aiohttp")


@pytest.mark.parametrize(("name", "other"), [("picows", "websockets"), ("websockets", "picows")])
def test_the_other_library_is_not_imported(name: str, other: str) -> None:
    program = (
        f"import sys; from chargewright.transport.choice import implementation; implementation({name!r});"
        f"sys.exit({other!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
