"""Attempts that came to nothing: counted together where they are alike, bounded, and given to a writer."""

import pytest

from chargewright.csms.attempts import AttemptRow, Attempts, Cause


class Times:
    """Each look at the clock is a second later."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


def test_alike_attempts_are_one_row() -> None:
    attempts = Attempts(Times())
    for port in (1, 2, 3):
        attempts.record(Cause.WRONG_CREDENTIALS, identity="A1", address=f"192.0.2.1:{port}", path="/ocpp/A1?x=secret")
    (row,) = attempts.entries()
    assert (row.identity, row.address, row.path, row.cause) == ("A1", "192.0.2.1:3", "/ocpp/A1", "wrong credentials")
    assert (row.count, row.first_at, row.last_at) == (3, 1_000_000, 3_000_000)
    assert attempts.get(row.id) == row
    assert "secret" not in repr(row)


@pytest.mark.parametrize(
    "other",
    [
        {"identity": "A2"},
        {"address": "192.0.2.2:1"},
        {"address": None},
        {"cause": Cause.MISSING_CREDENTIALS},
        {"identity": None, "path": "/a/b"},
    ],
)
def test_what_differs_has_a_row_of_its_own(other: dict[str, object]) -> None:
    attempts = Attempts(Times())
    one = {"cause": Cause.WRONG_CREDENTIALS, "identity": "A1", "address": "192.0.2.1:1"}
    attempts.record(**one)  # type: ignore[arg-type]
    attempts.record(**(one | other))  # type: ignore[arg-type]
    newest, oldest = attempts.entries()
    assert newest.id != oldest.id
    assert oldest.identity == "A1"
    assert attempts.entries(1) == [newest]


def test_an_attempt_has_the_same_id_in_every_process() -> None:
    ids = {Attempts(Times()).record(Cause.UNKNOWN_IDENTITY, identity="A1").id for _ in range(2)}
    assert len(ids) == 1


def test_the_one_seen_longest_ago_goes_and_texts_are_cut() -> None:
    attempts = Attempts(Times(), bound=3)
    for name in ("A", "B", "C", "A", "D"):
        attempts.record(Cause.UNKNOWN_IDENTITY, identity=name)
    assert [row.identity for row in attempts.entries()] == ["D", "A", "C"]
    assert len(attempts) == 3
    row = attempts.record(Cause.MALFORMED_IDENTITY, path="/" + "x" * 1000, subprotocols="y" * 1000, detail="z" * 1000)
    assert (len(row.path), len(row.subprotocols or ""), len(row.detail)) == (200, 100, 100)


def test_a_writer_gets_what_changed_once_and_what_is_to_be_deleted() -> None:
    told: list[int] = []
    attempts = Attempts(Times(), bound=2, on_change=lambda: told.append(1))
    first = attempts.record(Cause.UNKNOWN_IDENTITY, identity="A")
    changed, dropped = attempts.take_changed()
    assert ([row.identity for row in changed], dropped) == (["A"], [])
    assert attempts.take_changed() == ([], [])
    attempts.record(Cause.UNKNOWN_IDENTITY, identity="B")
    attempts.record(Cause.UNKNOWN_IDENTITY, identity="C")
    changed, dropped = attempts.take_changed()
    assert ({row.identity for row in changed}, dropped) == ({"B", "C"}, [first.id])
    attempts.put_back(changed, dropped)
    assert {row.identity for row in attempts.take_changed()[0]} == {"B", "C"}
    assert len(told) == 3


def test_what_may_be_stored_is_known_until_it_is_deleted_however_long_an_outage_takes() -> None:
    attempts = Attempts(Times(), bound=2)
    written: set[str] = set()
    for outage in range(20):
        for name in "ABC":
            attempts.record(Cause.UNKNOWN_IDENTITY, identity=f"{outage}{name}")
        changed, dropped = attempts.take_changed()
        written.update(row.id for row in changed)  # it fails, but may have been written all the same
        attempts.put_back(changed, dropped)
    assert len(written) <= 6
    while True:
        changed, dropped = attempts.take_changed()
        if not changed and not dropped:
            break
        written.update(row.id for row in changed)
        written.difference_update(dropped)
    assert written == {row.id for row in attempts.entries()}


def test_stored_rows_are_taken_over() -> None:
    before = Attempts(Times())
    before.record(Cause.UNKNOWN_IDENTITY, identity="A")
    before.record(Cause.UNKNOWN_IDENTITY, identity="B")
    after = Attempts(Times())
    after.record(Cause.UNKNOWN_IDENTITY, identity="B")
    after.load(before.entries())
    rows = {row.identity: row.count for row in after.entries()}
    assert rows == {"A": 1, "B": 2}
    after.load([AttemptRow(id="x", cause="unknown identity", identity="OLD", count=7, first_at=-5, last_at=-1)])
    assert after.entries()[-1].identity == "OLD"


def test_a_registered_station_begins_afresh() -> None:
    attempts = Attempts(Times())
    attempts.record(Cause.UNKNOWN_IDENTITY, identity="A")
    attempts.record(Cause.NO_SUBPROTOCOL, identity="A")
    kept = attempts.record(Cause.UNKNOWN_IDENTITY, identity="B")
    attempts.take_changed()
    attempts.forget_identity("A")
    assert [row.id for row in attempts.entries()] == [kept.id]
    assert len(attempts.take_changed()[1]) == 2
