"""Every row that the three certificates print has its test: the rows are those of the PICS, read as they stand."""

from types import ModuleType
from typing import Final

import pytest
from tests.certified import (
    test_core_rows,
    test_hardware_rows,
    test_performance_rows,
    test_profiles,
    test_questions,
    test_security_rows,
    test_settings,
    test_smart_charging_rows,
)
from tests.certified.claims import CERTIFIED, Claim, printed_by

MODULES: Final = (
    test_core_rows,
    test_hardware_rows,
    test_performance_rows,
    test_profiles,
    test_questions,
    test_security_rows,
    test_settings,
    test_smart_charging_rows,
)
# So many rows are printed about each device, counted by hand; the connector table has one for each connector.
PRINTED: Final = {"kempower_s_series": 55, "koolsign_kcap7pg_cl5g": 66, "xcharge_c6": 64}


def rows_of(module: ModuleType) -> set[str]:
    """The claims that a module's tests are given, as pytest sees them."""
    found = set()
    for name, test in vars(module).items():
        for mark in getattr(test, "pytestmark", []) if name.startswith("test_") else []:
            if mark.name == "parametrize" and mark.args[0] == "claim":
                values = [getattr(case, "values", (case,))[0] for case in mark.args[1]]
                found |= {str(value) for value in values if isinstance(value, Claim)}
    return found


@pytest.mark.parametrize("station", CERTIFIED)
def test_each_printed_row_has_a_test(station: str) -> None:
    printed = {str(claim) for claim in printed_by(station)}
    covered = set().union(*(rows_of(module) for module in MODULES))
    assert printed - covered == set()
    assert len(printed) == PRINTED[station]


@pytest.mark.parametrize("station", CERTIFIED)
def test_no_row_is_shown_twice_and_none_that_is_not_printed(station: str) -> None:
    rows = [row for module in MODULES for row in rows_of(module) if row.startswith(f"{station}-")]
    assert len(rows) == len(set(rows))
    assert set(rows) <= {str(claim) for claim in printed_by(station)}
