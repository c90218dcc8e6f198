"""Each extra, installed alone as a user would: what it offers runs, and what it lacks is named."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# extra → commands whose help must run, commands that must name the extra which they lack
EXTRAS = {
    "": ([["--help"]], {"ctl": "ctl", "serve": "csms", "station": "station", "up": "csms,station"}),
    "ctl": ([["--help"], ["ctl", "id-tags", "--help"]], {"serve": "csms"}),
    "csms": ([["--help"], ["serve", "--help"]], {}),
    "console": ([["--help"], ["serve", "--help"]], {}),
    "station": ([["--help"], ["station", "run", "--help"], ["ctl", "id-tags", "--help"]], {"serve": "csms"}),
    "lab": ([["--help"]], {"ctl": "ctl", "serve": "csms"}),
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A command with its output, both streams together."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it would be uploaded."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    assert built.returncode == 0, built.stdout
    return next(folder.glob("*.whl"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_extra_alone_runs_its_help(extra: str, wheel: Path, tmp_path: Path) -> None:
    helps, missing = EXTRAS[extra]
    assert run(sys.executable, "-m", "venv", str(tmp_path / "venv")).returncode == 0
    python = str(tmp_path / "venv" / "bin" / "python")
    requirement = f"{wheel}[{extra}]" if extra else str(wheel)
    constraints = str(ROOT / "constraints.txt")
    installed = run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, requirement)
    assert installed.returncode == 0, installed.stdout
    command = str(tmp_path / "venv" / "bin" / "chargewright")
    for arguments in helps:
        shown = run(command, *arguments)
        assert shown.returncode == 0, shown.stdout
        assert "Usage" in shown.stdout
    for name, needed in missing.items():
        refused = run(command, name)
        assert refused.returncode != 0
        assert f"chargewright[{needed}]" in refused.stdout, refused.stdout
    modules = "protocol.v16.core", "rpc.connection", "charging_profiles.composite_schedule"
    library = run(python, "-c", "import " + ", ".join(f"chargewright.{name}" for name in modules))
    assert library.returncode == 0, library.stdout
