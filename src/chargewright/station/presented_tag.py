"""What became of the tag that was last held before the reader: plain values for a display."""

import enum
from typing import Final

import msgspec

from chargewright.protocol.v16.datatypes import AuthorizationStatus

__all__ = ["REFUSALS", "PresentedTag", "TagOutcome"]


class TagOutcome(enum.StrEnum):
    """What a tag did, or why it did nothing."""

    ASKED = "asked"
    LET_IN = "let-in"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    RELEASED = "released"
    REFUSED = "refused"
    UNASKED = "unasked"
    NO_TAG = "no-tag"
    NO_READER = "no-reader"
    NO_CHOICE = "no-choice"
    NO_USE = "no-use"
    NO_START = "no-start"
    NO_STOP = "no-stop"


_WORDS: Final = {
    TagOutcome.ASKED: "is being asked about",
    TagOutcome.LET_IN: "was let in",
    TagOutcome.WITHDRAWN: "was let in before and does without",
    TagOutcome.STOPPED: "stopped a transaction",
    TagOutcome.RELEASED: "got its cable back",
    TagOutcome.REFUSED: "was refused",
    TagOutcome.UNASKED: "was refused, as the central system could not be asked",
    TagOutcome.NO_TAG: "is no id tag",
    TagOutcome.NO_READER: "was shown to no reader: each connector has its own",
    TagOutcome.NO_CHOICE: "was ignored: no connector was chosen first",
    TagOutcome.NO_USE: "has nothing to start or stop here now",
    TagOutcome.NO_START: "was ignored: this product starts from the central system only",
    TagOutcome.NO_STOP: "was ignored: this product has no stop of its own",
}
# With these the tag has changed nothing.
REFUSALS: Final = frozenset(TagOutcome) - {
    TagOutcome.ASKED,
    TagOutcome.LET_IN,
    TagOutcome.WITHDRAWN,
    TagOutcome.STOPPED,
    TagOutcome.RELEASED,
}


class PresentedTag(msgspec.Struct, frozen=True, kw_only=True):
    """`id_tag` is masked; `connector_id` is None where the tag was for any; `status` is why it was refused."""

    id_tag: str
    connector_id: int | None
    outcome: TagOutcome
    status: AuthorizationStatus | None = None

    def told(self) -> str:
        """In words: `tag …CARD was refused: Blocked`."""
        status = "" if self.status is None else f": {self.status.value}"
        return f"tag {self.id_tag} {_WORDS[self.outcome]}{status}"
