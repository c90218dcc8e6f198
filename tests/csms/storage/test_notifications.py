"""LISTEN and NOTIFY on a real server."""

import asyncio
from typing import Any

import asyncpg
import pytest

from chargewright.csms.storage.notifications import Notifications

VISIBLE = "SELECT $1::bigint <= (SELECT count(*) FROM visible)"


async def test_readers_are_woken_only_when_they_may_see_the_event(postgresql_url: str) -> None:
    here: asyncio.Queue[str] = asyncio.Queue()
    there: asyncio.Queue[str] = asyncio.Queue()
    admin = await asyncpg.connect(postgresql_url)
    await admin.execute("CREATE TABLE visible (n integer)")
    nodes = []
    for queue in (here, there):
        nodes.append(
            Notifications(
                lambda: asyncpg.connect(postgresql_url),
                VISIBLE,
                lambda queue=queue: queue.put_nowait("events"),  # type: ignore[misc]  # mypy cannot infer a default
                lambda *claim, queue=queue: queue.put_nowait(str(claim)),  # type: ignore[misc]
            )
        )
        await nodes[-1].begin()
    nodes[0].announce(1)
    # A claim sent later arrives earlier: the event cannot be seen yet.
    await admin.execute("SELECT pg_notify('chargewright_claim', '7:8:node:with:colons')")
    async with asyncio.timeout(10):
        assert (await here.get(), await there.get()) == ("(7, 8, 'node:with:colons')",) * 2
        await admin.execute("INSERT INTO visible VALUES (1)")
        assert (await here.get(), await there.get()) == ("events", "events")
    assert here.empty()  # our own notification does not wake us twice
    for node in nodes:
        await node.close()
    await admin.close()


async def test_beginning_tells_when_the_server_is_not_there(tmp_path: Any) -> None:
    notifications = Notifications(
        lambda: asyncpg.connect(f"postgresql:///x?host={tmp_path}"), VISIBLE, lambda: None, lambda *claim: None
    )
    with pytest.raises(OSError, match=r"connect|No such file"):
        await notifications.begin()
    await notifications.close()
