"""`python -m chargewright` is the command, where the console script is not on the path."""

import subprocess
import sys

from chargewright import __version__


def chargewright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chargewright", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_it_is_the_same_command() -> None:
    assert chargewright("--version").stdout == f"chargewright {__version__}\n"
    shown = chargewright("station", "run", "--help")
    assert shown.returncode == 0
    assert "Usage" in shown.stdout and "Run one station" in shown.stdout


def test_exit_codes_come_through() -> None:
    refused = chargewright("station", "run", "minimal", "--csms", "ws://x", "--id", "a/b", "--data", "unused")
    assert refused.returncode == 2
    assert "a/b" in refused.stderr
