"""The seed file: what it says is applied once, and what is wrong is named."""

from pathlib import Path

import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import PASSWORD

from chargewright.csms.credentials import CredentialKeeper
from chargewright.csms.seed import SeedMistakes, apply_seed, read_seed
from chargewright.errors import ConfigurationError

GOOD = f"""
[[station]]
identity = "DEPOT-01"
password = "{PASSWORD}"
security_profile = 1
time_zone = "Europe/Vienna"
tolerance = "strict"
registration = "Pending"
ping_interval_seconds = 30

[[station]]
identity = "DEPOT 02"

[[id_tag]]
id_tag = "04A2B3C4D5E680"
parent_id_tag = "FLEET"
expires = 2031-01-01T01:00:00+01:00
blocked = true
"""


async def test_all_of_it_is_applied(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(GOOD)
    keeper = CredentialKeeper(b"k" * 32, lambda count: b"s" * count)
    directory = bench.csms._directory
    await apply_seed(read_seed(path), bench.storage, directory, keeper.hash)
    station = directory.station("DEPOT-01")
    assert station is not None
    assert (station.security_profile, station.registration, station.tolerance) == (1, "Pending", "strict")
    assert (station.time_zone, station.ping_interval_seconds) == ("Europe/Vienna", 30)
    assert station.credential_hash is not None
    assert PASSWORD not in station.credential_hash
    other = directory.station("DEPOT 02")
    assert other is not None
    assert (other.security_profile, other.credential_hash) == (0, None)
    tag = directory.id_tag("04a2b3c4d5e680")
    assert tag is not None
    assert (tag.parent_id_tag, tag.blocked, tag.expires_at) == ("FLEET", True, 1_924_992_000_000_000)
    stored = {row.identity: row for row in await bench.storage.stations()}
    assert stored["DEPOT-01"].credential_hash == station.credential_hash


async def test_applying_it_again_changes_nothing(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(GOOD)
    salts = iter(range(100))
    keeper = CredentialKeeper(b"k" * 32, lambda count: bytes([next(salts)]) * count)
    directory = bench.csms._directory
    for _ in range(2):
        await apply_seed(read_seed(path), bench.storage, directory, keeper.hash)
        rows = await bench.rows("SELECT * FROM station"), await bench.rows("SELECT * FROM id_tag")
    assert next(salts) == 1  # the password was hashed once
    await apply_seed(read_seed(path), bench.storage, directory, keeper.hash)
    assert rows == (await bench.rows("SELECT * FROM station"), await bench.rows("SELECT * FROM id_tag"))


async def test_a_changed_entry_is_applied(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    keeper = CredentialKeeper(b"k" * 32, lambda count: b"s" * count)
    for text in (GOOD, GOOD.replace('"Pending"', '"Accepted"').replace("blocked = true", "blocked = false")):
        path.write_text(text)
        await apply_seed(read_seed(path), bench.storage, bench.csms._directory, keeper.hash)
    station, tag = bench.csms._directory.station("DEPOT-01"), bench.csms._directory.id_tag("04A2B3C4D5E680")
    assert station is not None
    assert tag is not None
    assert (station.registration, tag.blocked) == ("Accepted", False)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not toml", ["seed.toml", "is no TOML file: "]),
        ("[[station]]\n", ["[[station]] number 1: expected the key identity, which is missing"]),
        ('[[station]]\nidentity = "a/b"', ["[[station]] 'a/b' identity", "'a/b'", "1 to 48 printable ASCII"]),
        (f'[[station]]\nidentity = "{"x" * 49}"', ["1 to 48 printable ASCII"]),
        ('[[station]]\nidentity = "A"\npassword = "abc"', ["'A' password", "(hidden)", "32 to 40 hexadecimal digits"]),
        ('[[station]]\nidentity = "A"\nsecurity_profile = 1', ["'A'", "a password, because security_profile is 1"]),
        (f'[[station]]\nidentity = "A"\nsecurity_profile = 0\npassword = "{PASSWORD}"', ["'A': expected no password"]),
        ('[[station]]\nidentity = "A"\nsecurity_profile = 2', ["'A'", "a password, because security_profile is 2"]),
        ('[[station]]\nidentity = "A"\nsecurity_profile = 3', ["security_profile", "3", "2 (the same over TLS)"]),
        ('[[station]]\nidentity = "A"\ntime_zone = "Mars/Olympus"', ["'Mars/Olympus'", "an IANA time zone"]),
        ('[[station]]\nidentity = "A"\nregistration = "accepted"', ["registration", "'accepted'", "one of Accepted, "]),
        (f'[[station]]\nidentity = "A"\npasword = "{PASSWORD}"', ["[[station]] 'A' pasword: there is no such key"]),
        ('[[station]]\nidentity = "A"\n[[station]]\nidentity = "A"', ["[[station]] identity", "each one only once"]),
        ('[[id_tag]]\nid_tag = "a"\n[[id_tag]]\nid_tag = "A"', ["[[id_tag]] id_tag", "each one only once"]),
        ('[[id_tag]]\nid_tag = "012345678901234567890"', ["id_tag", "expected at most 20 characters"]),
        ('[[id_tag]]\nid_tag = "A"\nexpires = 2031-01-01T00:00:00', ["expires", "with a zone"]),
        ("[[charger]]\n", ["charger"]),
    ],
)
def test_what_is_wrong_is_named(text: str, named: list[str], tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_seed(path)
    for part in named:
        assert part in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read: No such file"):
        read_seed(tmp_path / "nowhere.toml")


async def test_a_lost_password_line_opens_no_door(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    keeper = CredentialKeeper(b"k" * 32, lambda count: b"s" * count)
    directory = bench.csms._directory

    async def apply(text: str) -> None:
        path.write_text(text)
        await apply_seed(read_seed(path), bench.storage, directory, keeper.hash, str(path))

    await apply(GOOD)
    without = GOOD.replace(f'password = "{PASSWORD}"\nsecurity_profile = 1\n', "")
    with pytest.raises(ConfigurationError) as caught:
        await apply(without.replace("DEPOT 02", "DEPOT 03"))
    for part in (str(path), "[[station]] 'DEPOT-01' password", "security_profile = 0"):
        assert part in str(caught.value)
    station = directory.station("DEPOT-01")
    assert station is not None
    assert station.credential_hash is not None
    assert directory.station("DEPOT 03") is None, "nothing was applied"
    await apply(without.replace('time_zone = "Europe/Vienna"', "security_profile = 0"))
    rows = {row.identity: row for row in await bench.storage.stations()}
    assert (rows["DEPOT-01"].security_profile, rows["DEPOT-01"].credential_hash) == (0, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[station]]\nidentiti = "A"\n', "the key identity"),
        ('[[station]]\nidentity = "A"\nprofile = 1\n', "one of identity, password, security_profile"),
        ('[[stations]]\nidentity = "A"\n', "one of [[station]], [[id_tag]]"),
        ('[station]\nidentity = "A"\n', "a list of tables: [[station]], with two brackets"),
    ],
)
def test_what_would_be_right_is_said_in_words_of_the_file(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_seed(path)
    assert any(f"expected {expected}" in line for line in str(refused.value).splitlines())
    assert "Input should" not in str(refused.value)


async def test_a_profile_that_rose_stays_unless_the_file_names_another(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    keeper = CredentialKeeper(b"k" * 32, lambda count: b"s" * count)
    directory = bench.csms._directory
    entry = f'[[station]]\nidentity = "DEPOT-01"\npassword = "{PASSWORD}"\n'
    for named, expected in ((None, 1), (2, 2), (None, 2), (1, 1)):
        path.write_text(entry if named is None else f"{entry}security_profile = {named}\n")
        await apply_seed(read_seed(path), bench.storage, directory, keeper.hash)
        station = directory.station("DEPOT-01")
        assert station is not None
        assert station.security_profile == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(
        '[[station]]\nidentity = "A"\npassword = "short"\ntime_zone = "Mars"\n'
        '[[station]]\nidentity = "A"\nregistration = "maybe"\n'
        '[[id_tag]]\nid_tag = "T"\n[[id_tag]]\nid_tag = "t"\nblocked = "no"\n'
    )
    with pytest.raises(SeedMistakes) as refused:
        read_seed(path)
    lines = str(refused.value).splitlines()
    named = ["'A' password", "'Mars'", "'maybe'", "'t' blocked", "[[station]] identity: 'A'", "[[id_tag]] id_tag: 't'"]
    assert len(lines) == len(named) == len(refused.value.mistakes)
    for line, part in zip(lines, named, strict=True):
        assert line.startswith(str(path)) and part in line
    assert "short" not in str(refused.value)


def test_of_very_many_mistakes_the_number_is_told(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text("[[station]]\n" * 100)
    with pytest.raises(SeedMistakes) as refused:
        read_seed(path)
    assert len(str(refused.value).splitlines()) == 41
    assert str(refused.value).endswith("and 60 more")


async def test_every_lost_password_is_told(bench: Workbench, tmp_path: Path) -> None:
    keeper = CredentialKeeper(b"k" * 32, lambda count: b"s" * count)
    path = tmp_path / "seed.toml"
    for line, is_fine in ((f'password = "{PASSWORD}"\n', True), ("", False)):
        path.write_text("".join(f'[[station]]\nidentity = "{name}"\n{line}' for name in ("L1", "L2")))
        applying = apply_seed(read_seed(path), bench.storage, bench.csms._directory, keeper.hash)
        if is_fine:
            await applying
            continue
        with pytest.raises(SeedMistakes) as refused:
            await applying
        assert ["'L1'" in line for line in str(refused.value).splitlines()] == [True, False]
