"""The house in order: each source file has its test file, each public name exists, no file grows past reading."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import chargewright

SOURCE = Path(chargewright.__file__).parent
TESTS = Path(__file__).parent

# Source files without a test file of their own, each with the reason.
WITHOUT_TEST = {
    "cli/main.py": "mounts the commands; every command is run as a process by its own test",
    "cli/station_options.py": "options as types; held by test_station.py and test_station_fleet.py",
    "transport/connection.py": "Protocols and plain data; held by tests/transport/test_conformance.py",
    "csms/storage/base.py": "Protocols and records; held by tests/csms/storage/test_suite.py",
    "csms/storage/records.py": "records as plain data; held by tests/csms/storage/test_suite.py",
    "csms/storage/views.py": "held with what it reads by tests/csms/storage/test_mapping.py",
    **{
        f"csms/storage/{folder}/{name}.py": "plain data; held by test_tables.py and test_mapping.py"
        for folder in ("rows", "tables")
        for name in ("base", "charging", "commands", "core", "upkeep")
    },
    "csms/api/parts.py": "a struct of parts; held by every test of tests/csms/api",
    "csms/errors.py": "plain data",
    "csms/outcomes.py": "plain data",
    "csms/ports.py": "Protocols that services see",
    "csms/session_ports.py": "what every session is given",
    "csms/services/registry.py": "a struct of services; held by tests/csms/test_assembly.py",
    "csms/services/service.py": "the base of services; held by tests/csms/test_assembly.py",
    "station/hardware/firmware.py": "a Protocol; held by tests/station/hardware/test_simulated_firmware.py",
    "station/hardware/interface.py": "Protocols of the hardware",
    "station/context.py": "what every block is given",
}
# Test files that are not about one source file.
WITHOUT_SOURCE = {
    "test_layout.py",
    "test_documentation.py",
    "csms/commands/test_every_command.py",
    "cli/ctl/test_every_command.py",
    "csms/api/test_fuzz.py",
    "csms/api/test_openapi.py",
    "csms/storage/test_tables.py",
    "csms/test_field_behaviour.py",
    "csms/storage/test_plans.py",
    "csms/storage/test_suite.py",
    "transport/test_conformance.py",
    "station/test_against_ocpp_library.py",
    "station/test_every_command_of_the_library.py",
    "station/test_limits_in_force.py",
    "station/test_published_schedules.py",
    "station/test_keys_obeyed.py",
}
# Tables and message definitions may be longer than a screen allows.
MAY_BE_LONG = {"protocol/v16/configuration_keys.py"}
BOUND_LINES = 420


def source_files() -> list[str]:
    return sorted(
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.name != "__init__.py" and "migrations" not in path.parts
    )


def test_file_of(source: str) -> str:
    path = Path(source)
    return str(path.with_name(f"test_{path.name}"))


test_file_of.__test__ = False  # type: ignore[attr-defined]  # a function, not a test


@pytest.mark.parametrize("source", [name for name in source_files() if name not in WITHOUT_TEST])
def test_each_source_file_has_a_test_file(source: str) -> None:
    assert (TESTS / test_file_of(source)).exists(), f"tests/{test_file_of(source)} is missing for {source}"


def test_each_test_file_has_a_source_file() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    expected = {test_file_of(source) for source in source_files()}
    strays = [
        name
        for path in TESTS.rglob("test_*.py")
        if (name := str(path.relative_to(TESTS))) not in expected | WITHOUT_SOURCE
        and (path.parent == TESTS or path.relative_to(TESTS).parts[0] in rooms)
    ]
    assert strays == []


def test_exceptions_are_not_kept_after_their_reason_is_gone() -> None:
    files = set(source_files())
    assert [name for name in WITHOUT_TEST if name not in files] == []
    assert [name for name in WITHOUT_TEST if (TESTS / test_file_of(name)).exists()] == []


@pytest.mark.parametrize("source", source_files())
def test_no_file_is_too_long_to_read(source: str) -> None:
    lines = len((SOURCE / source).read_text().splitlines())
    assert lines <= BOUND_LINES or source in MAY_BE_LONG, f"{source} has {lines} lines: it wants to be two files"


def modules() -> list[str]:
    return sorted(
        info.name
        for info in pkgutil.walk_packages([str(SOURCE)], "chargewright.")
        if not info.ispkg and ".migrations." not in info.name and not info.name.endswith("__main__")
    )


@pytest.mark.parametrize("name", modules())
def test_public_names_exist_and_are_unique(name: str) -> None:
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])
    assert len(public) == len(set(public))
    assert [item for item in public if not hasattr(module, item)] == []
