"""One URL, one storage."""

from pathlib import Path

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.postgresql import PostgresqlStorage
from chargewright.csms.storage.sqlite import SqliteStorage
from chargewright.errors import ConfigurationError


@pytest.mark.parametrize("url", ["sqlite:////{path}/a/csms.db", "sqlite://", "sqlite:///:memory:"])
async def test_sqlite(tmp_path: Path, url: str) -> None:
    storage = await open_storage(url.format(path=str(tmp_path).lstrip("/")), SystemClock())
    assert isinstance(storage, SqliteStorage)
    await storage.close()
    assert (tmp_path / "a" / "csms.db").exists() == ("path" in url)


async def test_sqlite_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await (await open_storage("sqlite:///data/csms.db", SystemClock(), writer="inline")).close()
    assert (tmp_path / "data" / "csms.db").exists()


async def test_postgresql(postgresql_url: str) -> None:
    storage = await open_storage(postgresql_url, SystemClock())
    assert isinstance(storage, PostgresqlStorage)
    await storage.close()


@pytest.mark.parametrize("url", ["mysql://h/d", "csms.db", "", "sqlite:", "sqlite://csms.db", "sqlite:///"])
async def test_another_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///path") as caught:
        await open_storage(url, SystemClock())
    assert caught.value.value == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:s3cret@h/d",
        "postgresql://user:s3c/ret@h/d",
        "postgresql://user:s3c#ret@h/d",
        "postgresql://u@h:s3cret/d",
        "postgresql://u@[s3cret/d",
        "postgresql://u@127.0.0.1:1/d?password=s3cret&sslmode=s3cret",
    ],
)
async def test_a_password_in_a_wrong_url_is_not_told(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await open_storage(url, SystemClock())
    assert "s3c" not in str(caught.value)
