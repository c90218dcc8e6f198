"""What a session is given, and why it may be held."""

import enum
from collections.abc import Callable, Mapping

import msgspec

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.handlers.table import Handler, Services
from chargewright.csms.instants import UnreadableTimes
from chargewright.csms.side_thread import SideThread
from chargewright.csms.storage.base import Journal

__all__ = ["Hold", "SessionPorts"]


class Hold(enum.IntFlag):
    """Why a connection is not read just now."""

    CLAIM = 1  # the station is not ours yet
    UNANSWERED = 2  # too many of its CALLs wait for their answers
    PRESSURE = 4  # the journal is full
    DRAIN = 8  # the CSMS is stopping
    LARGE = 16  # a large message is being read


class SessionPorts(msgspec.Struct, frozen=True):
    """What a session uses of the CSMS."""

    clock: Clock
    journal: Journal
    directory: Directory
    services: Services
    handlers: Mapping[str, Handler]
    unreadable_times: UnreadableTimes
    side_thread: SideThread
    new_call_id: Callable[[], str]
    node: str
    is_strict: bool  # for every station, whatever its own tolerance
    unanswered_calls: int
