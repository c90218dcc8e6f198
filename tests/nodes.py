"""Nodes of the CSMS in the test's own loop, on real sockets and any database. A plugin of pytest."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import seed_text
from tests.databases import TestDatabase

__all__ = ["OnDatabase", "StartNode"]

StartNode = Callable[..., Awaitable[Any]]


@pytest.fixture
async def start_node(tmp_path: Path) -> AsyncIterator[StartNode]:
    """Start a node on the database with the URL `db`, with stations A1, A2 and A3 on a free port; keyword arguments are
    settings, `seed` is the seed's text. Its `url` is where stations connect."""
    # Here, because pytest imports this file before every test.
    from chargewright.csms.app import Csms
    from chargewright.csms.config import Settings

    running: list[Csms] = []

    async def start(db: str, seed: str | None = None, **settings: Any) -> Csms:
        path = tmp_path / f"seed{len(running)}.toml"
        path.write_text(seed if seed is not None else seed_text("A1", "A2", "A3"))
        # One installation may be stopped and started again, on the same directory: several at once say which.
        defaults = {"data": tmp_path / "data", "ocpp": "127.0.0.1:0", "http": "off", "seed": path, "db": db}
        one = Csms(Settings(**(defaults | settings)))
        await one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        await one.stop()


class OnDatabase:
    """Starts nodes on one database."""

    def __init__(self, database: TestDatabase, start_node: StartNode) -> None:
        self._database = database
        self._start_node = start_node

    async def __call__(self, **settings: Any) -> Any:
        """One node, with these settings."""
        return await self._start_node(db=self._database.url, **settings)

    async def url(self, **settings: Any) -> str:
        """Where the stations of one node with these settings connect."""
        return f"ws://{(await self(**settings)).addresses.ocpp[0]}"


@pytest.fixture
def serve(database: TestDatabase, start_node: StartNode) -> OnDatabase:
    """Start the CSMS on each kind of database in turn."""
    return OnDatabase(database, start_node)
