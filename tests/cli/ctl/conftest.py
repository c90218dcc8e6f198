"""`chargewright ctl` as an operator runs it, against a central system on real sockets."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.csms.wire import seed_text
from typer.testing import CliRunner, Result

from chargewright.cli.main import app
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings

TOKEN = "a-bearer-key"
Ctl = Callable[..., Awaitable[Result]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Csms]:
    """With stations A1, A2 and A3, and the id tag TAG."""
    # What the server says must not get into what the command prints.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seed = tmp_path / "seed.toml"
    seed.write_text(seed_text("A1", "A2", "A3"))
    csms = Csms(
        Settings(
            data=tmp_path / "data",
            ocpp="127.0.0.1:0",
            http="127.0.0.1:0",
            seed=seed,
            bootstrap_token=TOKEN,
            settle_seconds=0.05,
            log_level="error",
        )
    )
    await csms.start()
    yield csms
    await csms.stop()


@pytest.fixture
def ctl(server: Csms, monkeypatch: pytest.MonkeyPatch) -> Ctl:
    """Run one command with these arguments; `stdin` is what it may read."""
    monkeypatch.setenv("CHARGEWRIGHT_URL", f"http://{server.addresses.http[0]}")
    monkeypatch.setenv("CHARGEWRIGHT_TOKEN", TOKEN)

    async def run(*arguments: str, stdin: str | None = None) -> Result:
        # In a thread: the server lives in this loop.
        return await asyncio.to_thread(CliRunner().invoke, app, ["ctl", *arguments], input=stdin)

    return run


def json_of(result: Result) -> Any:
    """What a command printed with --json; it must have ended well."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
