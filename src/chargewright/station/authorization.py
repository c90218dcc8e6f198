"""May this id tag charge? Online the CSMS says so; offline what was configured does (§3.5, §4.1)."""

from collections.abc import Sequence

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import AuthorizeRequest, AuthorizeResponse, ChargePointStatus, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.context import Admission, Authorization, CallFailed, CallFailure, ConnectorPort, Context
from chargewright.station.snapshot import masked

__all__ = ["LocalAccess", "authorize"]

# Which connector a tag means when the reader cannot know: what is kept for it, then the one just plugged in.
_PREFERENCE = (
    ChargePointStatus.RESERVED,
    ChargePointStatus.PREPARING,
    ChargePointStatus.AVAILABLE,
    ChargePointStatus.FINISHING,
)


async def authorize(context: Context, id_tag: str) -> Authorization:
    """Ask the CSMS about an id tag; when it cannot be reached, AllowOfflineTxForUnknownId decides (§3.5.4).

    The log tells why a tag is not let in, and whether anybody was asked.
    """
    try:
        response = await context.call(AuthorizeRequest(id_tag=id_tag), AuthorizeResponse)
    except CallFailed as failure:
        is_unreachable = failure.failure in (CallFailure.OFFLINE, CallFailure.LOST, CallFailure.TIMED_OUT)
        is_let_in = is_unreachable and context.configuration.boolean("AllowOfflineTxForUnknownId")
        context.log.info(
            "nobody could be asked about a tag" if is_unreachable else "the CSMS could not judge a tag",
            id_tag=masked(id_tag),
            reason=str(failure),
            outcome="let in, as AllowOfflineTxForUnknownId says" if is_let_in else "not let in",
        )
        return Authorization(id_tag, AuthorizationStatus.ACCEPTED if is_let_in else AuthorizationStatus.INVALID)
    status, parent = response.id_tag_info.status, response.id_tag_info.parent_id_tag
    if status is not AuthorizationStatus.ACCEPTED:
        context.log.info("the CSMS refused a tag", id_tag=masked(id_tag), status=status.value)
    return Authorization(id_tag, status, None if parent is UNSET else parent)


class LocalAccess:
    """What a tag before the reader means: start here, stop that, or let me take my cable."""

    def __init__(self, context: Context, connectors: Sequence[ConnectorPort], admission: Admission) -> None:
        self._context = context
        self._connectors = connectors
        self._admission = admission
        self._asking: set[str] = set()

    def show(self, id_tag: str, connector_id: int | None = None) -> None:
        """A tag was read, for one connector or for any."""
        if connector_id is None and self._context.product.requires_connector_selection and len(self._connectors) > 1:
            self._context.log.info("a tag was shown without choosing a connector", id_tag=masked(id_tag))
            return
        own = self._owned_by(id_tag, connector_id)
        if own is not None:
            self._leave(own, id_tag)
            return
        if any(connector.release_cable(_presented(id_tag)) for connector in self._connectors):
            return
        if id_tag.casefold() not in self._asking:
            self._asking.add(id_tag.casefold())
            self._context.spawn(self._ask(id_tag, connector_id))

    def _owned_by(self, id_tag: str, connector_id: int | None) -> ConnectorPort | None:
        for connector in self._candidates(connector_id):
            for user in (connector.user, connector.waiting_user):
                if user is not None and user.id_tag.casefold() == id_tag.casefold():
                    return connector
        return None

    def _leave(self, connector: ConnectorPort, id_tag: str) -> None:
        """Who started needs no permission to stop (§3.4)."""
        if connector.transaction_key is None:
            connector.withdraw()
        elif self._context.product.has_local_stop:
            connector.stop(Reason.LOCAL, id_tag)

    async def _ask(self, id_tag: str, connector_id: int | None) -> None:
        try:
            # §3.10: a tag without group cannot be stopped by another; asking the CSMS would change nothing.
            has_groups = any(
                connector.user is not None and connector.user.parent_id_tag is not None
                for connector in self._candidates(connector_id)
            )
            if not has_groups and self._choose(connector_id) is None:
                self._context.log.info(
                    "a tag has nothing to start or stop here", connector=connector_id, id_tag=masked(id_tag)
                )
                return
            authorization = await authorize(self._context, id_tag)
        finally:
            self._asking.discard(id_tag.casefold())
        if not authorization.is_accepted:
            return
        if any(connector.release_cable(authorization) for connector in self._connectors):
            return
        related = self._related(authorization, connector_id)
        if related is not None and (connector_id is not None or self._choose(None) is None):
            if self._context.product.has_local_stop:
                related.stop(Reason.LOCAL, id_tag)
            return
        chosen = self._choose(connector_id, authorization)
        if chosen is None:
            self._context.log.info("a tag may start nothing here now", connector=connector_id, id_tag=masked(id_tag))
        elif self._context.product.has_local_start:
            chosen.authorize(authorization)

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
        """Where to start: anywhere, before it is known for whom, then only where that person is admitted."""
        usable = [
            connector
            for connector in self._candidates(connector_id)
            if connector.can_be_used
            and (authorization is None or self._admission.admits(connector.number, authorization))
        ]
        for status in _PREFERENCE:
            for connector in usable:
                if connector.status is status:
                    return connector
        return None

    def _candidates(self, connector_id: int | None) -> list[ConnectorPort]:
        return [connector for connector in self._connectors if connector_id in (None, connector.number)]


def _presented(id_tag: str) -> Authorization:
    return Authorization(id_tag, AuthorizationStatus.INVALID)
