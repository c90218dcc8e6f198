"""What holds for every test: time is summed per folder, and a test that is left out says why.

Generated examples are the same each time, unless `make explore` looks for what nobody has thought of.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.databases", "tests.nodes"]

# A change that is red must be red because of the change: examples follow from the test alone unless asked otherwise.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

TESTS = Path(__file__).parent
# pytest's own words where a mark gives none.
NO_REASON = ("", "unconditional skip", "Skipped", "Skipped: unconditional skip", "Skipped: ")


class FolderTimes:
    """Sums the time of set-up, call and tear-down per folder, and notes what was left out without a reason."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()
        self.unexplained: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        parts = Path(report.nodeid.split("::")[0]).parts[1:]
        folder = "/".join(parts[:2]) if parts[0] == "csms" and len(parts) > 2 else parts[0]
        self.seconds[folder if not folder.endswith(".py") else "(top)"] += report.duration
        if report.when == "call":
            self.tests[folder if not folder.endswith(".py") else "(top)"] += 1
        if report.skipped:
            given = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            if given.removeprefix("reason: ").strip() in NO_REASON:
                self.unexplained.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexplained:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("time per folder")
        for folder, seconds in self.seconds.most_common():
            terminalreporter.write_line(f"{seconds:8.1f} s  {self.tests[folder]:5d} tests  {folder}")
        terminalreporter.write_line(f"{sum(self.seconds.values()):8.1f} s  {sum(self.tests.values()):5d} tests  in all")
        for test in self.unexplained:
            terminalreporter.write_line(f"left out without a reason: {test}", red=True)


@pytest.fixture(autouse=True)
def fresh_log() -> Iterator[None]:
    """No test leaves its own log settings to the next one."""
    yield
    structlog.reset_defaults()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FolderTimes(), "folder times")
