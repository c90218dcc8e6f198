"""Why stations of one process are not accepted, seen where they connect."""

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from chargewright.errors import ChargewrightError
from chargewright.station.advice import advice
from chargewright.transport.choice import Connect
from chargewright.transport.connection import Connection
from chargewright.transport.identity import url_for_identity

__all__ = ["Hindrances"]

NOT_TRIED: Final = "no attempt to connect has ended yet"
NOT_ACCEPTED: Final = "connected, but BootNotification was not answered with Accepted"


class Hindrances:
    """Keeps of each station how its latest attempt to connect ended; `connect` stands before the given one."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._latest: dict[str | None, str] = {}

    async def connect(self, url: str, *, identity: str | None, **options: Any) -> Connection:
        """As the given `connect` does it."""
        try:
            connection = await self._connect(url, identity=identity, **options)
        except ChargewrightError as error:
            told = str(error)
            if identity is not None:
                # The same reason is the same text for all.
                told = told.replace(url_for_identity(url, identity), url)
            self._latest[identity] = sys.intern(f"{told}; {advice(error)}")
            raise
        self._latest[identity] = NOT_ACCEPTED
        return connection

    def most_frequent(self, identities: Iterable[str]) -> str | None:
        """Of these stations, which are not accepted: the most frequent reason, and how many have it. None for none."""
        reasons = Counter(self._latest.get(identity, NOT_TRIED) for identity in identities)
        if not reasons:
            return None
        reason, count = reasons.most_common(1)[0]
        return f"{count} of {reasons.total()}: {reason}"
