"""What people do at the station: hold a tag before the reader, choose a connector, or just plug in (§3.4, §3.10)."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChargePointStatus, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.context import Admission, Authorization, ConnectorPort, Context
from chargewright.station.hardware.interface import Timer
from chargewright.station.id_tag import ID_TAG_EXPECTED, is_id_tag
from chargewright.station.presented_tag import PresentedTag, TagOutcome
from chargewright.station.snapshot import masked

__all__ = ["LocalAccess", "TagJudge"]

# Which connector a tag means when the reader cannot know: the one kept for it, then one that is plugged in already.
_PREFERENCE: Final = (
    ChargePointStatus.RESERVED,
    ChargePointStatus.PREPARING,
    ChargePointStatus.AVAILABLE,
    ChargePointStatus.FINISHING,
)


class TagJudge(Protocol):
    """Says whether a tag may charge."""

    def known(self, id_tag: str) -> Authorization | None:
        """A valid tag, as far as the station knows one by itself."""

    async def authorize(self, id_tag: str) -> Authorization:
        """Decide, and ask the CSMS where need be."""


class LocalAccess:
    """What a tag before the reader means: start here, stop that, or let me take my cable.

    Where `product.requires_connector_selection` says so, a tag starts nothing before a connector was chosen; whoever
    started needs no choice to stop. One reader for several connectors does not know which of them a tag is meant for;
    where each has its own, a tag comes with its connector, and is of no use without. Where the product has a
    `free_vending_tag`, the plug is the tag. `last_tag` is what became of the last one; `changed` is called with it.
    """

    def __init__(
        self,
        context: Context,
        connectors: Sequence[ConnectorPort],
        admission: Admission,
        judge: TagJudge,
        changed: Callable[[], None],
    ) -> None:
        self.last_tag: PresentedTag | None = None
        self._changed = changed
        self._context = context
        self._connectors = connectors
        self._admission = admission
        self._judge = judge
        self._asking: set[str] = set()
        self._selected: int | None = None
        self._selection_timer: Timer | None = None
        self._is_over = False
        # Connectors in the order in which they were last prepared for somebody.
        self._prepared: list[int] = []

    def select_connector(self, connector_id: int) -> None:
        """A connector is chosen for the next tag; forgotten after ConnectionTimeOut.

        Raises `LocalProtocolError` for one that is not there.
        """
        if not self._candidates(connector_id):
            raise LocalProtocolError(f"connector {connector_id} cannot be chosen: there are {len(self._connectors)}")
        self._forget_selection()
        if self._is_over:
            return
        self._selected = connector_id
        seconds = self._context.configuration.integer("ConnectionTimeOut")
        self._selection_timer = self._context.call_later(seconds, self._forget_selection)

    def show(self, id_tag: str, connector_id: int | None = None) -> None:
        """A tag was read, for one connector or for any. What is no id tag starts nothing: no message can carry it."""
        if self._is_over:
            return
        if not is_id_tag(id_tag):
            self._context.log.warning("what was read is no id tag", expected=ID_TAG_EXPECTED, characters=len(id_tag))
            self._note(id_tag, connector_id, TagOutcome.NO_TAG)
            return
        if connector_id is None:
            connector_id = self._selected
        self._forget_selection()
        product = self._context.product
        is_open = connector_id is None and len(self._connectors) > 1
        if is_open and not product.has_one_reader:
            self._context.log.warning("a tag was shown to no reader: each connector has its own", id_tag=masked(id_tag))
            self._note(id_tag, connector_id, TagOutcome.NO_READER)
            return
        own = self._owned_by(id_tag, connector_id)
        if own is not None:
            self._note(id_tag, own.number, self._leave(own, id_tag))
            return
        if self._released_cable(_presented(id_tag)):
            self._note(id_tag, connector_id, TagOutcome.RELEASED)
            return
        if is_open and product.requires_connector_selection:
            self._context.log.info("a tag was shown without choosing a connector", id_tag=masked(id_tag))
            self._note(id_tag, None, TagOutcome.NO_CHOICE)
            return
        if id_tag.casefold() not in self._asking:
            self._note(id_tag, connector_id, TagOutcome.ASKED)
            self._asking.add(id_tag.casefold())
            self._context.spawn(self._ask(id_tag, connector_id))

    def stop(self) -> None:
        """Nobody is listened to any more, not even who was asked about already. Idempotent."""
        self._is_over = True
        self._forget_selection()

    def prepared(self, connector_id: int) -> None:
        """A connector has become Preparing. With free vending nothing more is needed to charge."""
        if connector_id in self._prepared:
            self._prepared.remove(connector_id)
        self._prepared.append(connector_id)
        if self._context.product.free_vending_tag:
            # Not now: the connector is in the middle of telling what has changed.
            self._context.call_later(0.0, lambda: self._vend(connector_id))

    def _vend(self, connector_id: int) -> None:
        (connector,) = self._candidates(connector_id)
        # Nobody showed a tag that could be asked about; the CSMS judges it in StartTransaction.conf.
        anybody = Authorization(self._context.product.free_vending_tag, AuthorizationStatus.ACCEPTED)
        is_waiting = connector.status is ChargePointStatus.PREPARING and connector.is_plugged
        if is_waiting and connector.can_be_used and self._admission.admits(connector_id, anybody):
            connector.authorize(anybody)

    def _owned_by(self, id_tag: str, connector_id: int | None) -> ConnectorPort | None:
        for connector in self._candidates(connector_id):
            for user in (connector.user, connector.waiting_user):
                if user is not None and user.id_tag.casefold() == id_tag.casefold():
                    return connector
        return None

    def _note(
        self,
        id_tag: str,
        connector_id: int | None,
        outcome: TagOutcome,
        status: AuthorizationStatus | None = None,
    ) -> None:
        self.last_tag = PresentedTag(id_tag=masked(id_tag), connector_id=connector_id, outcome=outcome, status=status)
        self._changed()

    def _leave(self, connector: ConnectorPort, id_tag: str) -> TagOutcome:
        """Who started needs no permission to stop (§3.4)."""
        if connector.transaction_key is None:
            connector.withdraw()
            return TagOutcome.WITHDRAWN
        if not self._context.product.has_local_stop:
            return TagOutcome.NO_STOP
        connector.stop(Reason.LOCAL, id_tag)
        return TagOutcome.STOPPED

    async def _ask(self, id_tag: str, connector_id: int | None) -> None:
        try:
            known = self._judge.known(id_tag)
            outcome = None if known is None else self._ended_for(known, connector_id)
            if outcome is not None:
                self._note(id_tag, connector_id, outcome)
                return
            # §3.10: a tag without group cannot be stopped by another; asking the CSMS would change nothing.
            has_groups = any(
                connector.user is not None and connector.user.parent_id_tag is not None
                for connector in self._candidates(connector_id)
            )
            if not has_groups and self._choose(connector_id) is None:
                self._context.log.info(
                    "a tag has nothing to start or stop here", connector=connector_id, id_tag=masked(id_tag)
                )
                self._note(id_tag, connector_id, TagOutcome.NO_USE)
                return
            authorization = await self._judge.authorize(id_tag)
        finally:
            self._asking.discard(id_tag.casefold())
        if self._is_over:
            return
        if not authorization.is_accepted:
            if self._context.is_online():
                self._note(id_tag, connector_id, TagOutcome.REFUSED, authorization.status)
            else:
                self._note(id_tag, connector_id, TagOutcome.UNASKED)
            return
        outcome = self._ended_for(authorization, connector_id)
        if outcome is not None:
            self._note(id_tag, connector_id, outcome)
            return
        chosen = self._choose(connector_id, authorization)
        if chosen is None:
            self._context.log.info("a tag may start nothing here now", connector=connector_id, id_tag=masked(id_tag))
            self._note(id_tag, connector_id, TagOutcome.NO_USE)
        elif not self._context.product.has_local_start:
            self._note(id_tag, chosen.number, TagOutcome.NO_START)
        else:
            chosen.authorize(authorization)
            self._note(id_tag, chosen.number, TagOutcome.LET_IN)

    def _ended_for(self, authorization: Authorization, connector_id: int | None) -> TagOutcome | None:
        """What the tag has ended here; None where it has not come for that."""
        if self._released_cable(authorization):
            return TagOutcome.RELEASED
        return self._stopped_for(authorization, connector_id)

    def _released_cable(self, authorization: Authorization) -> bool:
        return any(connector.release_cable(authorization) for connector in self._connectors)

    def _stopped_for(self, authorization: Authorization, connector_id: int | None) -> TagOutcome | None:
        """The tag meant the end of a transaction of its group; None: a start of its own at a free connector."""
        related = self._related(authorization, connector_id)
        if related is None or (connector_id is None and self._choose(None, authorization) is not None):
            return None
        if not self._context.product.has_local_stop:
            return TagOutcome.NO_STOP
        related.stop(Reason.LOCAL, authorization.id_tag)
        return TagOutcome.STOPPED

    def _related(self, authorization: Authorization, connector_id: int | None) -> ConnectorPort | None:
        """A running transaction of the same group; parents are compared with parents only (§3.10)."""
        for connector in self._candidates(connector_id):
            user = connector.user
            if (
                connector.transaction_key is not None
                and user is not None
                and user.parent_id_tag is not None
                and user.parent_id_tag == authorization.parent_id_tag
            ):
                return connector
        return None

    def _choose(self, connector_id: int | None, authorization: Authorization | None = None) -> ConnectorPort | None:
        """Where to start: anywhere, before it is known for whom, then only where that person is admitted.

        Of several that are plugged in, the last one: whoever stands there now.
        """
        usable = [
            connector
            for connector in self._candidates(connector_id)
            if connector.can_be_used
            and (authorization is None or self._admission.admits(connector.number, authorization))
        ]
        for status in _PREFERENCE:
            fitting = [connector for connector in usable if connector.status is status]
            if fitting:
                return fitting[0] if status is not ChargePointStatus.PREPARING else max(fitting, key=self._rank)
        return None

    def _rank(self, connector: ConnectorPort) -> int:
        return self._prepared.index(connector.number) if connector.number in self._prepared else -1

    def _candidates(self, connector_id: int | None) -> list[ConnectorPort]:
        return [connector for connector in self._connectors if connector_id in (None, connector.number)]

    def _forget_selection(self) -> None:
        self._selected = None
        if self._selection_timer is not None:
            self._selection_timer.cancel()
            self._selection_timer = None


def _presented(id_tag: str) -> Authorization:
    return Authorization(id_tag, AuthorizationStatus.INVALID)
