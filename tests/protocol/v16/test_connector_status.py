"""The matrix of connector statuses, each of its cells typed again."""

import itertools

import pytest

from chargewright.protocol.v16.connector_status import (
    CONNECTOR_ZERO_STATUSES,
    CONNECTOR_ZERO_TRANSITIONS,
    TRANSITIONS,
    transition,
)
from chargewright.protocol.v16.core import ChargePointStatus

LETTERS = {
    "A": "Available",
    "B": "Preparing",
    "C": "Charging",
    "D": "SuspendedEV",
    "E": "SuspendedEVSE",
    "F": "Finishing",
    "G": "Reserved",
    "H": "Unavailable",
    "I": "Faulted",
}
NUMBERS = dict(zip("123456789", LETTERS.values(), strict=True))
# §4.9, with B6 of errata v4.0 §3.20. There is no B8, no F7, and no G3.
CELLS = [
    cell
    for row in (
        "A2 A3 A4 A5 A7 A8 A9",
        "B1 B3 B4 B5 B6 B9",
        "C1 C4 C5 C6 C8 C9",
        "D1 D3 D5 D6 D8 D9",
        "E1 E3 E4 E6 E8 E9",
        "F1 F2 F8 F9",
        "G1 G2 G8 G9",
        "H1 H2 H3 H4 H5 H9",
        "I1 I2 I3 I4 I5 I6 I7 I8",
    )
    for cell in row.split()
]


@pytest.mark.parametrize(("origin", "to"), list(itertools.product(ChargePointStatus, repeat=2)))
def test_every_pair_moves_by_its_cell_or_not_at_all(origin: ChargePointStatus, to: ChargePointStatus) -> None:
    expected = [cell for cell in CELLS if LETTERS[cell[0]] == origin.value and NUMBERS[cell[1]] == to.value]
    assert transition(1, origin, to) == (expected[0] if expected else None)
    both_of_zero = {origin.value, to.value} <= {"Available", "Unavailable", "Faulted"}
    assert transition(0, origin, to) == (expected[0] if expected and both_of_zero else None)


def test_there_are_53_cells_and_each_status_has_a_row() -> None:
    assert len(CELLS) == 53
    assert sorted(cell for row in TRANSITIONS.values() for cell in row.values()) == sorted(CELLS)
    assert set(TRANSITIONS) == set(ChargePointStatus)


@pytest.mark.parametrize("table", [TRANSITIONS, CONNECTOR_ZERO_TRANSITIONS])
def test_every_status_can_be_reached(table: dict[ChargePointStatus, dict[ChargePointStatus, str]]) -> None:
    reached = {ChargePointStatus.AVAILABLE}
    while more := {to for origin in reached for to in table[origin]} - reached:
        reached |= more
    assert reached == set(table)


def test_connector_0_knows_three_statuses() -> None:
    assert set(CONNECTOR_ZERO_TRANSITIONS) == CONNECTOR_ZERO_STATUSES
    assert {status.value for status in CONNECTOR_ZERO_STATUSES} == {"Available", "Unavailable", "Faulted"}
