"""Each outcome has its status, and says all that the station said."""

import pytest

from chargewright.csms.api.outcomes import STATUS_OF_OUTCOME, failure, outcome_name
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.protocol.v16.core import StatusNotificationResponse


@pytest.mark.parametrize(
    ("outcome", "status", "name", "sentence"),
    [
        (NotSent(reason="the station is not connected"), 409, "not-sent", "not sent: the station is not connected."),
        (Refused(code="NotSupported"), 502, "refused", "CALLERROR NotSupported"),
        (Malformed(reason="status: no"), 502, "malformed", "status: no"),
        (Unanswered(reason="no answer in 60 s"), 504, "unanswered", "not known: no answer in 60 s"),
    ],
)
def test_each_has_a_status_a_word_and_a_sentence(outcome: Outcome, status: int, name: str, sentence: str) -> None:
    told = failure(outcome)
    assert (told.status, told.members["outcome"], outcome_name(outcome)) == (status, name, name)
    assert sentence in told.detail


def test_a_callerror_is_told_whole() -> None:
    told = failure(Refused(code="Odd", description="d", details={"a": 1}))
    assert told.members == {"outcome": "refused", "code": "Odd", "description": "d", "details": {"a": 1}}


def test_an_answer_is_no_failure() -> None:
    with pytest.raises(TypeError):
        failure(Answered(response=StatusNotificationResponse(), elapsed_seconds=0.1))
    assert STATUS_OF_OUTCOME[Answered] == 200
