"""What every block of a station is given: time, dice, memory, product, and the ways to the CSMS.

Blocks know this module and `hardware.interface`, never one another; where one needs another, it says so with one of the
Protocols here, and `station.py` joins them.
"""

import enum
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus, Reason, StartTransactionResponse
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.dialect import Dialect
from chargewright.station.hardware.interface import MeterReading, Offer, Outlet, Timer
from chargewright.station.product import Product
from chargewright.station.store import QueuedMessage, StationStore
from chargewright.station.tally import Tally

__all__ = [
    "EVERYBODY",
    "Admission",
    "Answer",
    "Authorization",
    "CallFailed",
    "CallFailure",
    "Caller",
    "Closure",
    "Configuration",
    "ConnectorPort",
    "Context",
    "NoteSecurityEvent",
    "Serve",
    "StatusReport",
    "TransactionLog",
    "TransactionMessages",
    "UnjudgedStart",
]

ResponseType = TypeVar("ResponseType", bound=Message)


class CallFailure(enum.Enum):
    """Why a CALL of ours brought no response."""

    OFFLINE = "not connected, or not accepted"
    LOST = "the connection was lost before the answer"
    TIMED_OUT = "no answer in time"
    REFUSED = "answered with a CALLERROR"
    MALFORMED = "answered with something unreadable"


class CallFailed(ChargewrightError):
    """A CALL of ours brought no response; `failure` says which way, `detail` the peer's words if any."""

    def __init__(self, action: str, failure: CallFailure, detail: str = "") -> None:
        super().__init__(action, failure, detail)
        self.action = action
        self.failure = failure
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.action}: {self.failure.value}" + (f" ({self.detail})" if self.detail else "")


class Caller(Protocol):
    """Sends a CALL and waits for its response."""

    async def __call__(
        self, request: Message, response: type[ResponseType], *, is_triggered: bool = False
    ) -> ResponseType:
        """Raises `CallFailed`. `is_triggered`: asked for by the CSMS, hence allowed while Pending (§4.2)."""


class Configuration(Protocol):
    """The configuration keys that this station obeys, by their standard names; raises `KeyError` for others."""

    def text(self, name: str) -> str:
        """The value as it travels."""

    def integer(self, name: str) -> int:
        """The value of an integer key."""

    def boolean(self, name: str) -> bool:
        """The value of a boolean key; False for one that this product does not have."""

    def items(self, name: str) -> list[str]:
        """The items of a list key."""

    def has(self, name: str) -> bool:
        """Whether this product has the key."""


class NoteSecurityEvent(Protocol):
    """Writes a security event to the security log, and tells the CSMS of it where it must (A04)."""

    def __call__(self, kind: SecurityEvent, tech_info: str = "") -> None:
        """Durable when it returns; nothing but a log line on a product without the security extension."""


class Context(msgspec.Struct, frozen=True):
    """`call_later` and `spawn` are those of the event loop; `is_online`: whether the CSMS would take messages now."""

    station_id: str
    clock: Clock
    random: Random
    store: StationStore
    product: Product
    configuration: Configuration
    call: Caller
    is_online: Callable[[], bool]
    call_later: Callable[[float, Callable[[], None]], Timer]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    log: structlog.typing.FilteringBoundLogger
    note_security_event: NoteSecurityEvent
    spoken: frozenset[Dialect] = frozenset()
    tally: Tally = msgspec.field(default_factory=Tally)


class Answer(msgspec.Struct, frozen=True):
    """A response, and what happens once it is on its way (§5.14 and §5.17 want the answer first)."""

    response: Message
    then: Callable[[], None] | None = None


# Serves one action of the CSMS; raises `RpcError` to refuse the CALL.
Serve: TypeAlias = Callable[[Any], Answer]


class Authorization(msgspec.Struct, frozen=True):
    """What is known of an id tag: its status, and its group if it has one (§3.10)."""

    id_tag: str
    status: AuthorizationStatus
    parent_id_tag: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the tag may charge."""
        return self.status is AuthorizationStatus.ACCEPTED


class Admission(Protocol):
    """Who may start where; reservations say more than "everybody"."""

    def admits(self, connector_id: int | None, authorization: Authorization) -> bool:
        """Whether this person may start at that connector (None: at any at all); the tag itself is judged elsewhere."""


class _Everybody:
    def admits(self, connector_id: int | None, authorization: Authorization) -> bool:
        return True


EVERYBODY: Final[Admission] = _Everybody()


class StatusReport(msgspec.Struct, frozen=True):
    """The status of a connector, as StatusNotification tells it (§4.9)."""

    connector_id: int
    status: ChargePointStatus
    error_code: ChargePointErrorCode = ChargePointErrorCode.NO_ERROR
    info: str | None = None


class TransactionLog(Protocol):
    """Where connectors open and close transactions; everything is durable when a method returns."""

    def start(
        self,
        connector_id: int,
        authorization: Authorization,
        reading: MeterReading,
        reservation_id: int | None = None,
    ) -> int:
        """Open a transaction, with the reservation that it makes use of; returns its key."""

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        """Close it; `id_tag` is that of who stopped it, None when the station did."""


class Closure(enum.Enum):
    """Why a station lets nobody in for the moment."""

    RESET = "a reset is under way"
    END = "the station ends"


class ConnectorPort(Protocol):
    """A connector, as those blocks see it that let users in and out."""

    @property
    def closures(self) -> set[Closure]:
        """Nobody is let in while there is one; whoever waits already has to be withdrawn. No status tells of it."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def transaction_key(self) -> int | None:
        """The transaction that runs here."""

    @property
    def user(self) -> Authorization | None:
        """Whose transaction it is."""

    @property
    def waiting_user(self) -> Authorization | None:
        """Who was let in and has not plugged in yet."""

    @property
    def is_plugged(self) -> bool:
        """Whether a cable or vehicle is there."""

    @property
    def can_be_used(self) -> bool:
        """Whether somebody could be let in now."""

    @property
    def status(self) -> ChargePointStatus:
        """The status of this instant."""

    def authorize(self, authorization: Authorization) -> None:
        """Let somebody in."""

    def withdraw(self) -> None:
        """Whoever was let in has changed their mind."""

    @property
    def outlet(self) -> Outlet:
        """What it can do."""

    def limit(self, limit: Offer) -> None:
        """Offer no more than this from now on."""

    def reserve(self, is_reserved: bool) -> None:
        """Show that it is kept for somebody, or is not any more."""

    def stop(self, reason: Reason, id_tag: str | None) -> None:
        """End the transaction, if one runs."""

    def unlock(self) -> bool | None:
        """Free the cable; None where there is no lock, False when it is jammed."""

    def release_cable(self, authorization: Authorization) -> bool:
        """Give a held cable back to its user; returns whether it was theirs."""

    def change_availability(self, is_operative: bool) -> bool:
        """Keep a change of availability; returns False when it has to wait."""

    def availability_changed(self) -> None:
        """Make a kept change felt."""

    def hold_out_of_service(self, is_held: bool) -> None:
        """The station wants nobody here while it looks after itself: Unavailable as soon as the connector is idle, or
        not any more. Not kept over a boot, and independent of ChangeAvailability."""

    @property
    def is_held_out_of_service(self) -> bool:
        """Whether a hold has taken effect: nobody uses the connector, and nobody can."""


class UnjudgedStart(StartTransactionResponse):
    """StartTransaction.conf of which only the transactionId can be read: its `id_tag_info` says nothing."""


class TransactionMessages(Protocol):
    """What the queue asks about the messages that it carries."""

    def request(self, message: QueuedMessage) -> Message:
        """The message as it must be sent now, with the transactionId known by now."""

    def settle(self, message: QueuedMessage, response: Message | None) -> Callable[[], None] | None:
        """The message is answered, or given up (None). Called inside the commit that removes it; what is returned is
        called after that commit."""
