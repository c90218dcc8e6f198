"""No row is shown by a scenario that would pass anyway: said the other way round, each Yes and No fails."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.certified import (
    test_core_rows,
    test_hardware_rows,
    test_profiles,
    test_questions,
    test_security_rows,
    test_smart_charging_rows,
)
from tests.certified.claims import CERTIFIED, Claim, Scenario, claims_of

from chargewright.errors import ConfigurationError
from chargewright.pics.enumerations import Answer, TestResult

SCENARIOS: Final[dict[str, Scenario]] = {
    **test_core_rows.SCENARIOS,
    **test_hardware_rows.SCENARIOS,
    **test_hardware_rows.PHASES,
    **test_profiles.SCENARIOS,
    **test_questions.SCENARIOS,
    **test_smart_charging_rows.SCENARIOS,
}
# What cannot be seen there, either way.
BLIND: Final = {
    "kempower_s_series-AQ-4": "about firmware, whose profile was not tested and is refused",
}


def _otherwise(value: Any) -> Any:
    if isinstance(value, Answer):
        return Answer.NO if value else Answer.YES
    return TestResult.NOT_TESTED if value is TestResult.PASS else TestResult.PASS


def _turned(rows: Mapping[str, Any]) -> Iterator[Claim]:
    for claim in claims_of(rows, CERTIFIED):
        if isinstance(claim.cells.get(""), Answer | TestResult) and str(claim) not in BLIND:
            yield msgspec.structs.replace(claim, cells={"": _otherwise(claim.value)})


@pytest.mark.parametrize("claim", list(_turned(SCENARIOS)), ids=str)
def test_the_opposite_fails(claim: Claim) -> None:
    with pytest.raises((AssertionError, TimeoutError, pytest.fail.Exception)):
        claim.live(SCENARIOS[claim.row])


@pytest.mark.parametrize("claim", list(_turned(test_security_rows.SCENARIOS)), ids=str)
async def test_the_opposite_fails_over_real_sockets(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ConfigurationError)):
        await test_security_rows.SCENARIOS[claim.row](claim, tmp_path)


def test_what_cannot_be_seen_is_still_printed() -> None:
    assert BLIND.keys() <= {str(claim) for claim in claims_of(SCENARIOS, CERTIFIED)}
