"""The CSMS starts, stops and unlocks (§5.11, §5.12, §5.18)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from chargewright.protocol.v16.base import UNSET, UnsetType
from chargewright.protocol.v16.core import (
    ChargePointStatus,
    Reason,
    RemoteStartStopStatus,
    RemoteStartTransactionRequest,
    RemoteStartTransactionResponse,
    RemoteStopTransactionRequest,
    RemoteStopTransactionResponse,
    UnlockConnectorRequest,
    UnlockConnectorResponse,
    UnlockStatus,
)
from chargewright.protocol.v16.datatypes import AuthorizationStatus, ChargingProfile
from chargewright.station.context import Admission, Answer, Authorization, ConnectorPort, Context
from chargewright.station.snapshot import masked

__all__ = ["RemoteControl", "StartProfiles"]


class StartProfiles(Protocol):
    """Takes the charging profiles of remote starts (§5.16.2)."""

    def refuses_start(self, profile: ChargingProfile, connector_id: int) -> bool:
        """Whether it cannot be used for a transaction that starts there."""

    def await_start(self, profile: ChargingProfile, connector_id: int, authorization: Authorization) -> None:
        """Use it when the transaction of this very authorization begins."""


class RemoteControl:
    """`is_accepted`: the CSMS has taken the station on; before that it may not start or stop anything (§4.2).

    `key_of` finds a running transaction by the CSMS's id, `authorize` asks whether a tag may charge, `admission` where.
    `profiles` is None where smart charging is not offered. `known` tells of a tag what the station knows by itself.
    """

    def __init__(
        self,
        context: Context,
        connectors: Sequence[ConnectorPort],
        key_of: Callable[[int], int | None],
        authorize: Callable[[str], Awaitable[Authorization]],
        is_accepted: Callable[[], bool],
        admission: Admission,
        profiles: StartProfiles | None = None,
        known: Callable[[str], Authorization | None] = lambda id_tag: None,
    ) -> None:
        self._context = context
        self._connectors = connectors
        self._key_of = key_of
        self._authorize = authorize
        self._is_accepted = is_accepted
        self._admission = admission
        self._profiles = profiles
        self._known = known

    def remote_start_transaction(self, request: RemoteStartTransactionRequest) -> Answer:
        """§5.11: Accepted means that we try. A charging profile is ignored where smart charging is not offered."""
        connector = self._choose(request.id_tag, None if request.connector_id is UNSET else request.connector_id)
        profile = None if isinstance(request.charging_profile, UnsetType) else request.charging_profile
        if connector is None or not self._is_accepted() or self._is_refused(profile, connector):
            return Answer(RemoteStartTransactionResponse(status=RemoteStartStopStatus.REJECTED))
        return Answer(
            RemoteStartTransactionResponse(status=RemoteStartStopStatus.ACCEPTED),
            then=lambda: self._context.spawn(self._start(connector, request.id_tag, profile)),
        )

    def remote_stop_transaction(self, request: RemoteStopTransactionRequest) -> Answer:
        """§5.12: Accepted if that transaction runs (errata v4.0 §3.33)."""
        key = self._key_of(request.transaction_id)
        connector = next((item for item in self._connectors if key is not None and item.transaction_key == key), None)
        if connector is None or not self._is_accepted():
            return Answer(RemoteStopTransactionResponse(status=RemoteStartStopStatus.REJECTED))
        return Answer(
            RemoteStopTransactionResponse(status=RemoteStartStopStatus.ACCEPTED),
            # Should it end by itself meanwhile, the next one is not meant.
            then=lambda: _stop(connector, Reason.REMOTE) if connector.transaction_key == key else None,
        )

    def unlock_connector(self, request: UnlockConnectorRequest) -> Answer:
        """§5.18: a running transaction is ended; without a lock, NotSupported (errata v4.0 §3.85)."""
        connector = next((item for item in self._connectors if item.number == request.connector_id), None)
        is_free = None if connector is None else connector.unlock()
        if connector is None or is_free is None:
            return Answer(UnlockConnectorResponse(status=UnlockStatus.NOT_SUPPORTED))
        return Answer(
            UnlockConnectorResponse(status=UnlockStatus.UNLOCKED if is_free else UnlockStatus.UNLOCK_FAILED),
            then=lambda: _stop(connector, Reason.UNLOCK_COMMAND),
        )

    def _is_refused(self, profile: ChargingProfile | None, connector: ConnectorPort) -> bool:
        if profile is None or self._profiles is None:
            return False
        return self._profiles.refuses_start(profile, connector.number)

    async def _start(self, connector: ConnectorPort, id_tag: str, profile: ChargingProfile | None) -> None:
        authorization = self._named(id_tag)
        if self._context.configuration.boolean("AuthorizeRemoteTxRequests"):
            authorization = await self._authorize(id_tag)
        is_admitted = self._admission.admits(connector.number, authorization)
        if authorization.is_accepted and is_admitted and connector.can_be_used:
            if profile is not None and self._profiles is not None:
                self._profiles.await_start(profile, connector.number, authorization)
            connector.authorize(authorization)
        else:
            in_use = "the connector is in use by now" if is_admitted else "the connector is kept for somebody else"
            self._context.log.info(
                "a remote start led to nothing",
                connector=connector.number,
                id_tag=masked(id_tag),
                reason=in_use if authorization.is_accepted else "the tag may not charge",
            )

    def _named(self, id_tag: str) -> Authorization:
        """Whom the CSMS names, with the group that list or cache knows."""
        return self._known(id_tag) or Authorization(id_tag, AuthorizationStatus.ACCEPTED)

    def _choose(self, id_tag: str, connector_id: int | None) -> ConnectorPort | None:
        usable = [
            connector
            for connector in self._connectors
            if connector.can_be_used and connector_id in (None, connector.number)
        ]
        # Whether one of the same group may use what is kept for somebody shows when the tag is authorized.
        named = self._named(id_tag)
        admitted = [connector for connector in usable if self._admission.admits(connector.number, named)]
        if admitted or not self._context.configuration.boolean("AuthorizeRemoteTxRequests"):
            usable = admitted
        # What is kept for this tag comes first, then what is plugged in.
        own = [connector for connector in usable if connector.status is ChargePointStatus.RESERVED]
        plugged = [connector for connector in usable if connector.is_plugged]
        return next(iter(own + plugged + usable), None)


def _stop(connector: ConnectorPort, reason: Reason) -> None:
    connector.stop(reason, connector.user.id_tag if connector.user is not None else None)
