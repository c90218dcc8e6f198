"""A CSMS on a real socket and a real database file, for the tests of this room."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import seed_text

from chargewright.clock import ManualClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import Seed
from chargewright.csms.storage.sqlite import open_sqlite

StartCsms = Callable[..., Awaitable[Csms]]


@pytest.fixture
async def start_csms(tmp_path: Path) -> AsyncIterator[StartCsms]:
    """Start a CSMS with stations A1, A2 and A3 on a free port; keyword arguments are settings, `seed` is the seed's
    text."""
    running: list[Csms] = []

    async def start(seed: str | None = None, csms: dict[str, Any] | None = None, **settings: Any) -> Csms:
        path = tmp_path / f"seed{len(running)}.toml"
        path.write_text(seed if seed is not None else seed_text("A1", "A2", "A3"))
        defaults = {"data": tmp_path / "data", "ocpp": "127.0.0.1:0", "http": "off", "seed": path}
        one = Csms(Settings(**(defaults | settings)), **(csms or {}))
        await one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        await one.stop()


@pytest.fixture
async def csms(start_csms: StartCsms) -> Csms:
    """One with default settings."""
    return await start_csms()


@pytest.fixture
def url(csms: Csms) -> str:
    """Where its stations connect."""
    return f"ws://{csms.addresses.ocpp[0]}"


StartBench = Callable[..., Awaitable[Workbench]]


@pytest.fixture
async def start_bench() -> AsyncIterator[StartBench]:
    """Start a CSMS in memory, without listeners, with stations A1, A2 and A3 of security profile 0 and a clock by
    hand."""
    running: list[Csms] = []

    async def start(
        seed: dict[str, Any] | None = None, csms: dict[str, Any] | None = None, **settings: Any
    ) -> Workbench:
        clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
        storage = await open_sqlite(":memory:", clock)
        stations = [{"identity": name} for name in ("A1", "A2", "A3")]
        document = {"station": stations, "id_tag": [{"id_tag": "TAG"}]} | (seed or {})
        values = {"db": "sqlite://", "ocpp": "off", "http": "off"} | settings
        one = Csms(Settings(**values), clock=clock, storage=storage, seed=Seed.model_validate(document), **(csms or {}))
        await one.start()
        running.append(one)
        return Workbench(one, storage, clock)

    yield start
    for one in running:
        for session in one._sessions:
            session.connection.abort()
        await one.stop()


@pytest.fixture
async def bench(start_bench: StartBench) -> Workbench:
    """One with default settings."""
    return await start_bench()


@pytest.fixture
def postgresql(empty_postgresql_url: str) -> str:
    """The URL of an empty database of the test's own."""
    return empty_postgresql_url
