"""What the station keeps of an id tag, in its cache and in its local list: small, as there may be many."""

from datetime import UTC, datetime
from typing import Final, Self

import msgspec

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo

__all__ = ["VALID", "StoredTag"]

# §3.5.2: what counts as valid; ConcurrentTx says that the tag is good, and busy elsewhere.
VALID: Final = frozenset({AuthorizationStatus.ACCEPTED, AuthorizationStatus.CONCURRENT_TX})


class StoredTag(msgspec.Struct, frozen=True, array_like=True):
    """Status, end (seconds since 1970, None: no end) and group; `sequence` tells older entries of a cache from newer.

    The tag itself is the name of the record, in lower case: tags are compared without regard to case (§7.28).
    """

    status: AuthorizationStatus
    expires_at: float | None = None
    parent_id_tag: str | None = None
    sequence: int = 0

    @classmethod
    def of(cls, info: IdTagInfo, sequence: int = 0) -> Self:
        """What an IdTagInfo says; an expiryDate without zone is meant in UTC."""
        expiry = info.expiry_date
        if expiry is UNSET:
            expires_at = None
        else:
            expires_at = (expiry.replace(tzinfo=UTC) if expiry.tzinfo is None else expiry).timestamp()
        return cls(info.status, expires_at, None if info.parent_id_tag is UNSET else info.parent_id_tag, sequence)

    @classmethod
    def decode(cls, value: bytes) -> "StoredTag":
        """Read what `encode` wrote."""
        return _DECODER.decode(value)

    def encode(self) -> bytes:
        """As it lies in the store."""
        return _ENCODER.encode(self)

    def status_at(self, now: datetime) -> AuthorizationStatus:
        """Its status by then: what was valid and has passed its end is Expired (§3.5.1, §7.27)."""
        if self.status in VALID and self.expires_at is not None and self.expires_at <= now.timestamp():
            return AuthorizationStatus.EXPIRED
        return self.status


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(StoredTag)
