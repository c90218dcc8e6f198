"""The cable in a socket after its transaction: let go, or held until its user takes it (errata v4.0 §3.5)."""

from typing import Final

import msgspec

from chargewright.protocol.v16.core import Reason
from chargewright.station.context import Authorization, Context
from chargewright.station.hardware.interface import CableLock

__all__ = ["HeldCable"]


class HeldCable:
    """That of connector `number`; `lock` is None where the cable is fixed, and then nothing is ever held.

    For whom it is held is kept on disk: a power cut lets nobody else have it.
    """

    def __init__(self, context: Context, number: int, lock: CableLock | None) -> None:
        self._context = context
        self._records = context.store.records("held_cable")
        self._name = str(number)
        self._lock = lock
        self._owner: Authorization | None = None

    @property
    def is_held(self) -> bool:
        """Whether somebody's tag is needed to take it out."""
        return self._owner is not None and self._lock is not None and self._lock.is_locked

    def use_ends(self, reason: Reason, user: Authorization | None) -> None:
        """Decide for whom it is held from now on, inside the commit that ends the transaction. Moves nothing."""
        is_held = reason is Reason.DE_AUTHORIZED or (
            reason is Reason.EV_DISCONNECTED
            and not self._context.configuration.boolean("UnlockConnectorOnEVSideDisconnect")
        )
        self.hold_for(user if is_held and self._lock is not None else None)

    def hold_for(self, owner: Authorization | None) -> None:
        """It is theirs from now on, or nobody's. On disk when it returns, or with the caller's commit."""
        if owner is not None:
            self._records.put(self._name, _ENCODER.encode(owner))
        elif self._owner is not None:
            self._records.remove(self._name)
        self._owner = owner

    def let_go(self) -> None:
        """Free it, unless it is held for somebody."""
        if self._lock is not None and self._owner is None:
            self._lock.unlock()

    def release(self, authorization: Authorization) -> bool:
        """Give it back to its user, or one of the same group; returns whether it was theirs.

        A lock that is jammed keeps it for them: they may try again.
        """
        if self._lock is None or self._owner is None or not self.is_held:
            return False
        if not _is_same_user(self._owner, authorization):
            return False
        if self._lock.unlock():
            self.hold_for(None)
        return True

    def restore(self, *, may_be_held: bool) -> None:
        """After a start of the station: held as it was if it is locked still, else let go."""
        kept = self._records.get(self._name)
        self._owner = None if kept is None else _DECODER.decode(kept)
        if self._owner is not None and not (may_be_held and self.is_held):
            self.hold_for(None)
        self.let_go()


def _is_same_user(one: Authorization, other: Authorization) -> bool:
    """§3.10: the same tag, or two tags with the same parent."""
    if one.id_tag.casefold() == other.id_tag.casefold():
        return True
    return one.parent_id_tag is not None and one.parent_id_tag == other.parent_id_tag


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Authorization)
