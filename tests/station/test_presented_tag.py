"""What a display says of the last tag."""

import pytest

from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.presented_tag import REFUSALS, PresentedTag, TagOutcome


def test_a_refusal_is_told_with_its_reason() -> None:
    tag = PresentedTag(
        id_tag="…CARD", connector_id=None, outcome=TagOutcome.REFUSED, status=AuthorizationStatus.BLOCKED
    )
    assert tag.told() == "tag …CARD was refused: Blocked"


@pytest.mark.parametrize("outcome", TagOutcome)
def test_every_outcome_has_words_of_its_own(outcome: TagOutcome) -> None:
    told = {PresentedTag(id_tag="…", connector_id=1, outcome=each).told() for each in TagOutcome}
    assert len(told) == len(TagOutcome)
    assert (outcome in REFUSALS) is not (outcome in {"asked", "let-in", "withdrawn", "stopped", "released"})
