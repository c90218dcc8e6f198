"""What sends is put together: what waits begins when a station settles, and nothing is left at the end."""

from typing import Any

from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, commanding, next_call

from chargewright.csms.outcomes import NotSent, Unanswered
from chargewright.protocol.v16.core import ClearCacheRequest


async def test_at_the_end_everybody_who_waits_is_told(start_bench: Any) -> None:
    bench: Workbench = await start_bench(drain_seconds=0.1)
    connection = await bench.connect()
    out, waiting = ask(bench, ClearCacheRequest()), ask(bench, ClearCacheRequest())
    await next_call(connection)
    await bench.csms.stop()
    assert isinstance(await out, Unanswered)
    assert isinstance(await waiting, NotSent)
    assert await ask(bench, ClearCacheRequest()) == NotSent(reason="the server is stopping")


async def test_its_loops_are_named(bench: Workbench) -> None:
    assert list(commanding(bench).work()) == ["kept commands"]
