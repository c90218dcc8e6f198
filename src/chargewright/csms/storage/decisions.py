"""What people, and the reviewer on their behalf, decide about transactions, and how written commands go on, each as
compare-and-set.

A decision is made on what somebody saw; it is carried out only where that still holds when the batch is written, after
the starts and stops of the same batch. What a station said is never overwritten: closing fills in a stop where there
is none, linking hangs an orphan stop onto its transaction. A command has one end, whichever node or
operator writes it first.
"""

from collections.abc import Generator, Sequence
from operator import attrgetter
from typing import Any, Final

from chargewright.csms.storage.base import CloseRecord, CommandMoveRecord, LinkRecord, ReviewRecord, Unit
from chargewright.csms.storage.statements import BOOL, INT, STOP_TRANSACTIONS, TEXT, Statement

__all__ = ["DECISIONS", "Decided", "apply_decisions"]

Rows = Sequence[Sequence[Any]]
Decision = CloseRecord | ReviewRecord | LinkRecord | CommandMoveRecord
DECISIONS: Final = (CloseRecord, ReviewRecord, LinkRecord, CommandMoveRecord)

STOP_LINKED: Final = "stop-linked"

CLOSE_TRANSACTIONS: Final = Statement(
    "close transactions",
    "WITH k({columns}) AS ({rows}) UPDATE charging_transaction SET stop_instant = k.instant, "
    "meter_stop = k.meter_stop, stop_reason = k.reason, closed_at = k.closed_at FROM k "
    "WHERE charging_transaction.id = k.id AND charging_transaction.stop_instant IS NULL "
    "RETURNING charging_transaction.id",
    (("id", INT), ("instant", INT), ("meter_stop", INT), ("reason", TEXT), ("closed_at", INT)),
    returns=True,
)

REVIEW_TRANSACTIONS: Final = Statement(
    "note reviews of transactions",
    "WITH k({columns}) AS ({rows}) UPDATE charging_transaction SET review = k.review, "
    "review_reasons = k.review_reasons, review_note = k.review_note, reviewed_at = k.reviewed_at FROM k "
    "WHERE charging_transaction.id = k.id AND charging_transaction.review = k.seen_review "
    "AND charging_transaction.review_reasons = k.seen_reasons RETURNING charging_transaction.id",
    (
        ("id", INT),
        ("seen_review", TEXT),
        ("seen_reasons", TEXT),
        ("review", TEXT),
        ("review_reasons", TEXT),
        ("review_note", TEXT),
        ("reviewed_at", INT),
    ),
    returns=True,
)

FIND_LINKABLE: Final = Statement(
    "look for an orphan stop and its transaction",
    "WITH k({columns}) AS ({rows}) SELECT s.id, t.id, t.stop_instant IS NULL, t.flags, s.instant, s.station_time, "
    "s.received_at, s.meter_stop, s.id_tag, s.reason, s.flags "
    "FROM k JOIN transaction_stop s ON s.id = k.stop_id AND s.charging_transaction_id IS NULL "
    "JOIN charging_transaction t ON t.id = k.transaction_row_id AND t.station_id = s.station_id {lock}",
    (("stop_id", INT), ("transaction_row_id", INT)),
    returns=True,
    lock="FOR NO KEY UPDATE OF t, s",
)

LINK_BY_HAND: Final = Statement(
    "link an orphan stop",
    "WITH k({columns}) AS ({rows}) UPDATE transaction_stop SET charging_transaction_id = k.charging_transaction_id, "
    "relation = CASE WHEN k.is_stop THEN 'stop' ELSE 'correction' END FROM k WHERE transaction_stop.id = k.id",
    (("id", INT), ("charging_transaction_id", INT), ("is_stop", BOOL)),
)


MOVE_COMMANDS: Final = Statement(
    "note what became of commands",
    "WITH k({columns}) AS ({rows}) UPDATE command SET state = k.state, sent_epoch = k.sent_epoch, "
    "sent_at = COALESCE(k.sent_at, command.sent_at), finished_at = k.finished_at, "
    "payload = COALESCE(k.payload, command.payload), outcome = COALESCE(k.outcome, command.outcome) FROM k "
    "WHERE command.command_id = k.command_id AND command.state = k.seen_state "
    "AND command.sent_epoch = k.seen_epoch AND command.finished_at IS NULL RETURNING command.command_id",
    (
        ("command_id", TEXT),
        ("seen_state", TEXT),
        ("seen_epoch", INT),
        ("state", TEXT),
        ("sent_epoch", INT),
        ("sent_at", INT),
        ("finished_at", INT),
        ("payload", TEXT),
        ("outcome", TEXT),
    ),
    returns=True,
)
_MOVED: Final = attrgetter(*(name for name, _ in MOVE_COMMANDS.columns))


class Decided:
    """A decision on its way; `result` is what it did, by the names of its record's fields."""

    __slots__ = ("record", "result", "unit")

    def __init__(self, unit: Unit, record: Decision) -> None:
        self.unit = unit
        self.record = record
        self.result: dict[str, Any] = {"applied": False}


def apply_decisions(decisions: Sequence[Decided]) -> Generator[tuple[Statement, Rows], Rows, None]:
    """Write them: of two about one transaction in a batch the first one counts; a command may make several moves."""
    closing: dict[int, tuple[Decided, tuple[Any, ...]]] = {}
    reviewing: dict[int, tuple[Decided, tuple[Any, ...]]] = {}
    linking: dict[int, tuple[Decided, LinkRecord]] = {}
    moving: dict[str, list[Decided]] = {}
    for decided in decisions:
        record = decided.record
        if isinstance(record, CloseRecord):
            closed = (record.id, record.instant, record.meter_stop, record.reason, decided.unit.received_at)
            closing.setdefault(record.id, (decided, closed))
        elif isinstance(record, ReviewRecord):
            seen = (record.id, record.seen_review, record.seen_reasons)
            reviewed = (*seen, record.review, record.review_reasons, record.review_note, record.reviewed_at)
            reviewing.setdefault(record.id, (decided, reviewed))
        elif isinstance(record, CommandMoveRecord):
            moving.setdefault(record.command_id, []).append(decided)
        else:
            linking.setdefault(record.stop_id, (decided, record))
    for statement, wanted in ((CLOSE_TRANSACTIONS, closing), (REVIEW_TRANSACTIONS, reviewing)):
        if wanted:
            for (row_id,) in (yield statement, [wanted[key][1] for key in sorted(wanted)]):
                wanted[row_id][0].result["applied"] = True
    # One at a time: two orphans may be meant for one transaction, and only the first of them stops it.
    for _, (decided, record) in sorted(linking.items()):
        for found in (yield FIND_LINKABLE, [(record.stop_id, record.transaction_row_id)]):
            yield from _link(decided, found)

    for turn in range(max(map(len, moving.values()), default=0)):
        moves = {command_id: moves[turn] for command_id, moves in sorted(moving.items()) if turn < len(moves)}
        for (command_id,) in (yield MOVE_COMMANDS, [_MOVED(decided.record) for decided in moves.values()]):
            moves[command_id].result["applied"] = True


def _link(decided: Decided, found: Sequence[Any]) -> Generator[tuple[Statement, Rows], Rows, None]:
    stop_id, row_id, is_open, flags, *stop, stop_flags = found
    yield LINK_BY_HAND, [(stop_id, row_id, bool(is_open))]
    decided.result = {"applied": True, "relation": "stop" if is_open else "correction"}
    if is_open:
        words = dict.fromkeys([*flags.split(), *stop_flags.split(), STOP_LINKED])
        yield STOP_TRANSACTIONS, [(row_id, *stop, False, " ".join(words))]
