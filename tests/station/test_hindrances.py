"""Why stations are not accepted, counted over a fleet."""

from typing import Any, cast

import pytest

from chargewright.errors import ConnectionLost
from chargewright.station.hindrances import Hindrances
from chargewright.transport.connection import Connection
from chargewright.transport.errors import UpgradeRefused

CONNECTION = cast(Connection, object())  # what is handed on, and not looked at


async def test_the_most_frequent_reason_is_told_with_its_count() -> None:
    answers: dict[str, Exception | None] = {
        "A 1": ConnectionLost("ws://csms/A%201: no answer in 10 s"),
        "B": ConnectionLost("ws://csms/B: no answer in 10 s"),
        "C": UpgradeRefused(401, "", {}),
        "D": None,
    }

    async def connect(url: str, *, identity: str | None, **options: Any) -> Connection:
        assert options == {"password": b"x"}
        error = answers[identity or ""]
        if error is not None:
            raise error
        return CONNECTION

    hindrances = Hindrances(connect)
    for identity, error in answers.items():
        if error is None:
            assert await hindrances.connect("ws://csms", identity=identity, password=b"x") is CONNECTION
        else:
            with pytest.raises(type(error)):
                await hindrances.connect("ws://csms", identity=identity, password=b"x")
    told = hindrances.most_frequent(answers)
    assert told is not None and told.startswith("2 of 4: ws://csms: no answer in 10 s; is the URL that of a central")
    assert hindrances.most_frequent(["C"]) == (
        "1 of 1: the upgrade was refused with HTTP 401: no text; "
        "is the password (AuthorizationKey) that of this station? Without one, the central system wants one; or it "
        "expects another security profile"
    )
    assert hindrances.most_frequent(["D"]) == "1 of 1: connected, but BootNotification was not answered with Accepted"
    assert hindrances.most_frequent(["E"]) == "1 of 1: no attempt to connect has ended yet"
    assert hindrances.most_frequent([]) is None
    # What counts is the latest attempt.
    answers["A 1"] = None
    await hindrances.connect("ws://csms", identity="A 1", password=b"x")
    assert hindrances.most_frequent(["A 1"]) == hindrances.most_frequent(["D"])
