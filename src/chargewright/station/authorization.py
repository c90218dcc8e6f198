"""May this id tag charge? The local list, the cache, the CSMS or a configuration key decides (§3.5, §4.1)."""

import enum
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import AuthorizeRequest, AuthorizeResponse
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.station.context import Authorization, CallFailed, CallFailure, Configuration, Context
from chargewright.station.snapshot import masked
from chargewright.station.stored_tag import VALID, StoredTag

__all__ = ["DECISIONS", "Authorizer", "Decision", "Known", "Terms", "known_as", "terms"]

Find = Callable[[str], StoredTag | None]
Learn = Callable[[str, IdTagInfo], None]

# What keeps the CSMS from being asked; every other failure is an answer of a kind.
_UNREACHABLE: Final = frozenset({CallFailure.OFFLINE, CallFailure.LOST, CallFailure.TIMED_OUT})


class Terms(enum.Enum):
    """Whether the CSMS can be asked, and what the keys allow."""

    ONLINE = "online"
    ONLINE_LOCALLY = "online, LocalPreAuthorize"
    OFFLINE = "offline"
    OFFLINE_LOCALLY = "offline, LocalAuthorizeOffline"
    OFFLINE_UNKNOWN = "offline, AllowOfflineTxForUnknownId"
    OFFLINE_LOCALLY_UNKNOWN = "offline, LocalAuthorizeOffline and AllowOfflineTxForUnknownId"


class Known(enum.Enum):
    """What the station itself knows of a tag. In use: ConcurrentTx, a good tag that is busy elsewhere."""

    LISTED_VALID = "in the list, Accepted"
    LISTED_IN_USE = "in the list, ConcurrentTx"
    LISTED_NOT_VALID = "in the list, Blocked or Invalid"
    LISTED_EXPIRED = "in the list, Expired"
    CACHED_VALID = "in the cache, Accepted"
    CACHED_IN_USE = "in the cache, ConcurrentTx"
    CACHED_NOT_VALID = "in the cache, Blocked or Invalid"
    CACHED_EXPIRED = "in the cache, Expired"
    NOTHING = "unknown"


class Decision(enum.Enum):
    """Who lets the tag in, or keeps it out."""

    ASK = "ask the CSMS"
    LOCAL = "let in, as list or cache says"
    UNKNOWN = "let in, as AllowOfflineTxForUnknownId says"
    REFUSE = "not let in"


# Online, only what is surely good is let in unasked: of the rest the CSMS may know better by now (§3.5.1).
_ASK_ALL: Final = dict.fromkeys(Known, Decision.ASK)
_LET_IN_GOOD_ONES: Final = {
    Known.LISTED_VALID: Decision.LOCAL,
    Known.LISTED_IN_USE: Decision.LOCAL,
    Known.CACHED_VALID: Decision.LOCAL,
    Known.CACHED_IN_USE: Decision.LOCAL,
}
_REFUSE_ALL: Final = dict.fromkeys(Known, Decision.REFUSE)
DECISIONS: Final[Mapping[Terms, Mapping[Known, Decision]]] = {
    Terms.ONLINE: _ASK_ALL,
    Terms.ONLINE_LOCALLY: _ASK_ALL | {Known.LISTED_VALID: Decision.LOCAL, Known.CACHED_VALID: Decision.LOCAL},
    Terms.OFFLINE: _REFUSE_ALL,
    Terms.OFFLINE_LOCALLY: _REFUSE_ALL | _LET_IN_GOOD_ONES,
    # Without LocalAuthorizeOffline list and cache let nobody in; who is known to be bad stays out (§3.5.4).
    Terms.OFFLINE_UNKNOWN: _REFUSE_ALL
    | dict.fromkeys(_LET_IN_GOOD_ONES, Decision.UNKNOWN)
    | {Known.NOTHING: Decision.UNKNOWN},
    Terms.OFFLINE_LOCALLY_UNKNOWN: _REFUSE_ALL | _LET_IN_GOOD_ONES | {Known.NOTHING: Decision.UNKNOWN},
}

_LISTED: Final = {
    AuthorizationStatus.ACCEPTED: Known.LISTED_VALID,
    AuthorizationStatus.CONCURRENT_TX: Known.LISTED_IN_USE,
    AuthorizationStatus.BLOCKED: Known.LISTED_NOT_VALID,
    AuthorizationStatus.INVALID: Known.LISTED_NOT_VALID,
    AuthorizationStatus.EXPIRED: Known.LISTED_EXPIRED,
}
_CACHED: Final = {
    AuthorizationStatus.ACCEPTED: Known.CACHED_VALID,
    AuthorizationStatus.CONCURRENT_TX: Known.CACHED_IN_USE,
    AuthorizationStatus.BLOCKED: Known.CACHED_NOT_VALID,
    AuthorizationStatus.INVALID: Known.CACHED_NOT_VALID,
    AuthorizationStatus.EXPIRED: Known.CACHED_EXPIRED,
}


def terms(configuration: Configuration, is_online: bool) -> Terms:
    """What holds now, by connection and keys."""
    if is_online:
        return Terms.ONLINE_LOCALLY if configuration.boolean("LocalPreAuthorize") else Terms.ONLINE
    is_unknown_allowed = configuration.boolean("AllowOfflineTxForUnknownId")
    if configuration.boolean("LocalAuthorizeOffline"):
        return Terms.OFFLINE_LOCALLY_UNKNOWN if is_unknown_allowed else Terms.OFFLINE_LOCALLY
    return Terms.OFFLINE_UNKNOWN if is_unknown_allowed else Terms.OFFLINE


def known_as(listed: StoredTag | None, cached: StoredTag | None, now: datetime) -> Known:
    """What is known of a tag; the list goes before the cache (§3.5.3)."""
    if listed is not None:
        return _LISTED[listed.status_at(now)]
    return Known.NOTHING if cached is None else _CACHED[cached.status_at(now)]


class Authorizer:
    """Decides by `DECISIONS`. `in_list` and `in_cache` look a tag up, None where there is no such thing or it is not in
    use; `learn(id_tag, info)` keeps what the CSMS says, before anybody acts on it.
    """

    def __init__(self, context: Context, in_list: Find, in_cache: Find, learn: Learn) -> None:
        self._context = context
        self._in_list = in_list
        self._in_cache = in_cache
        self._learn = learn

    def known(self, id_tag: str) -> Authorization | None:
        """A valid tag, if list or cache knows it as one: enough to stop a transaction of its group (§3.10, §4.1)."""
        stored = self._in_list(id_tag) or self._in_cache(id_tag)
        if stored is None or stored.status_at(self._context.clock.now()) not in VALID:
            return None
        return Authorization(id_tag, AuthorizationStatus.ACCEPTED, stored.parent_id_tag)

    async def authorize(self, id_tag: str) -> Authorization:
        """Whether the tag may charge, asking the CSMS where that is what is to be done.

        The log tells why a tag is not let in, and whether anybody was asked.
        """
        if not self._context.is_online():
            return self._decide_offline(id_tag, CallFailure.OFFLINE.value)
        if self._decide(id_tag, is_online=True) is Decision.LOCAL:
            return self._as_known(id_tag)
        try:
            response = await self._context.call(AuthorizeRequest(id_tag=id_tag), AuthorizeResponse)
        except CallFailed as failure:
            if failure.failure in _UNREACHABLE:
                return self._decide_offline(id_tag, str(failure))
            self._context.log.info(
                "the CSMS could not judge a tag",
                id_tag=masked(id_tag),
                reason=str(failure),
                outcome=Decision.REFUSE.value,
            )
            return Authorization(id_tag, AuthorizationStatus.INVALID)
        info = response.id_tag_info
        self._learn(id_tag, info)
        if info.status is not AuthorizationStatus.ACCEPTED:
            self._context.log.info("the CSMS refused a tag", id_tag=masked(id_tag), status=info.status.value)
        return Authorization(id_tag, info.status, None if info.parent_id_tag is UNSET else info.parent_id_tag)

    def _decide(self, id_tag: str, *, is_online: bool) -> Decision:
        known = known_as(self._in_list(id_tag), self._in_cache(id_tag), self._context.clock.now())
        return DECISIONS[terms(self._context.configuration, is_online)][known]

    def _decide_offline(self, id_tag: str, reason: str) -> Authorization:
        decision = self._decide(id_tag, is_online=False)
        self._context.log.info(
            "nobody could be asked about a tag", id_tag=masked(id_tag), reason=reason, outcome=decision.value
        )
        if decision is Decision.LOCAL:
            return self._as_known(id_tag)
        is_let_in = decision is Decision.UNKNOWN
        return Authorization(id_tag, AuthorizationStatus.ACCEPTED if is_let_in else AuthorizationStatus.INVALID)

    def _as_known(self, id_tag: str) -> Authorization:
        return self.known(id_tag) or Authorization(id_tag, AuthorizationStatus.INVALID)
