"""`chargewright serve` as a process: start it, learn its addresses, kill it, stop it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

__all__ = ["ServeProcess"]


class ServeProcess:
    """One run of the server on a data directory."""

    def __init__(self, process: asyncio.subprocess.Process, addresses: dict[str, Any]) -> None:
        self.process = process
        self.addresses = addresses

    @property
    def ocpp_url(self) -> str:
        """Where stations connect."""
        return f"ws://{self.addresses['ocpp'][0]}"

    @property
    def http_url(self) -> str:
        """Where people and programs connect."""
        return f"http://{self.addresses['http'][0]}"

    @classmethod
    async def start(cls, *arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> "ServeProcess":
        """Start it and wait for the line that tells the bound addresses."""
        command = [*prefix, sys.executable, "-m", "chargewright.cli.main", "serve"]
        command += ["--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env=os.environ | environment
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            raise AssertionError(f"serve ended with {await process.wait()} before it was ready: {command}")
        return cls(process, json.loads(line))

    async def kill(self) -> None:
        """`kill -9`: nothing is flushed, nothing is said."""
        self.process.send_signal(signal.SIGKILL)
        await self.finish()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.finish()

    async def finish(self) -> int:
        """Wait for the end; the exit code."""
        assert self.process.stdout is not None
        await asyncio.wait_for(self.process.stdout.read(), 60)
        return await asyncio.wait_for(self.process.wait(), 60)


def data_arguments(folder: Path, seed: str) -> list[str]:
    """Options for a server whose data directory and seed file are in `folder`."""
    (folder / "seed.toml").write_text(seed)
    return ["--data", str(folder / "data"), "--seed", str(folder / "seed.toml")]
