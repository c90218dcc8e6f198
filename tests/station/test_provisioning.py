from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargewright.errors import ConfigurationError
from chargewright.pki.authorities import make_authority
from chargewright.station.provisioning import provisioning_from

AT = datetime.now(UTC)
ROOT = make_authority("Root", AT)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_files_are_read(tmp_path: Path) -> None:
    own = ROOT.client("Acme", "SN", AT)
    given = provisioning_from(
        "ws://csms/",
        secure_url="wss://csms/",
        profile=3,
        ca=written(tmp_path / "ca.pem", ROOT.pem),
        client_certificate=written(tmp_path / "own.pem", own.chain_pem),
        client_key=written(tmp_path / "own.key", own.key_pem),
    )
    assert (given.roots_pem, given.certificate_pem, given.key_pem) == (ROOT.pem, own.chain_pem, own.key_pem)
    assert (given.url, given.secure_url, given.profile, given.password) == ("ws://csms/", "wss://csms/", 3, None)
    assert "PRIVATE" not in repr(given)


def test_what_is_wrong_names_option_and_file(tmp_path: Path) -> None:
    empty = written(tmp_path / "empty.pem", "")
    for options, why in (
        ({"ca": tmp_path / "none.pem"}, r"--ca: .*none\.pem"),
        ({"ca": empty}, r"--ca: .*empty\.pem.*a PEM file"),
        ({"client_certificate": empty}, "both --client-certificate and --client-key"),
        ({"client_key": empty}, "both --client-certificate and --client-key"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            provisioning_from("ws://csms/", **options)
    with pytest.raises(ConfigurationError, match=r"--secure-csms.*wss:// URL"):
        provisioning_from("ws://csms/", secure_url="ws://csms/")


@pytest.mark.parametrize(
    "url",
    ["http://csms", "csms:9000", "ws://", "ws://csms:port", "ws://csms:0", "ws://[::1", "ws://csms#x", "ws://a:b@c"],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_other_options(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--csms: .*; expected ") as caught:
        provisioning_from(url)
    assert "a:b" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"^--secure-csms: "):
        provisioning_from("ws://csms", secure_url=url)
