"""Who decides whether a tag may charge: the table walked whole, each key felt, and the log (§3.5, §4.1)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from tests.station.bench import Bench, failed
from tests.station.world import SOCKET, World, car, live, product

from chargewright.protocol.v16.core import AuthorizeResponse
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.station.authorization import DECISIONS, Authorizer, Decision, Known, Terms, known_as, terms
from chargewright.station.context import CallFailure
from chargewright.station.product import LocalList, Product
from chargewright.station.stored_tag import StoredTag

ALL = product(has_authorization_cache=True, local_list=LocalList(100, 100))
VALID_ONES = {Known.LISTED_VALID, Known.LISTED_IN_USE, Known.CACHED_VALID, Known.CACHED_IN_USE}
BAD_ONES = {Known.LISTED_NOT_VALID, Known.LISTED_EXPIRED, Known.CACHED_NOT_VALID, Known.CACHED_EXPIRED}


class Judge:
    """An authorizer on the bench, with a list and a cache that are plain dictionaries."""

    def __init__(self, made: Product = ALL) -> None:
        self.bench = Bench(made)
        self.listed: dict[str, StoredTag] = {}
        self.cached: dict[str, StoredTag] = {}
        self.learned: list[tuple[str, IdTagInfo]] = []
        self.authorizer = Authorizer(
            self.bench.context, self.listed.get, self.cached.get, lambda tag, info: self.learned.append((tag, info))
        )

    def know(self, known: Known, id_tag: str = "TAG") -> None:
        """Put a tag where `known` says that it is."""
        if known is Known.NOTHING:
            return
        where, status = known.value.split(", ")
        place = self.listed if where == "in the list" else self.cached
        place[id_tag] = StoredTag(AuthorizationStatus(status.split(" or ")[0]), None, "FAMILY")

    def agree(self, wanted: Terms) -> None:
        """Set connection and keys so that these terms hold."""
        self.bench.is_online = wanted.value.startswith("online")
        for key in ("LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"):
            self.bench.set(key, "true" if key in wanted.value else "false")


@pytest.fixture
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.bench.store.close()


def rules(wanted: Terms, known: Known) -> Decision:
    """What the specification says, rule by rule; the table says it row by row."""
    if wanted is Terms.ONLINE:
        return Decision.ASK
    if wanted is Terms.ONLINE_LOCALLY:
        return Decision.LOCAL if known in {Known.LISTED_VALID, Known.CACHED_VALID} else Decision.ASK
    if known in BAD_ONES:
        return Decision.REFUSE
    if known in VALID_ONES and "LocalAuthorizeOffline" in wanted.value:
        return Decision.LOCAL
    return Decision.UNKNOWN if "AllowOfflineTxForUnknownId" in wanted.value else Decision.REFUSE


@pytest.mark.parametrize("wanted", list(Terms))
@pytest.mark.parametrize("known", list(Known))
async def test_the_table_of_decisions_walked_whole(judge: Judge, wanted: Terms, known: Known) -> None:
    judge.agree(wanted)
    judge.know(known)
    assert terms(judge.bench.context.configuration, judge.bench.is_online) is wanted
    assert known_as(judge.listed.get("TAG"), judge.cached.get("TAG"), judge.bench.clock.now()) is known
    decision = DECISIONS[wanted][known]
    assert decision is rules(wanted, known)
    answer = IdTagInfo(status=AuthorizationStatus.ACCEPTED, parent_id_tag="ASKED")
    judge.bench.answers.append(AuthorizeResponse(id_tag_info=answer))
    authorization = await judge.authorizer.authorize("TAG")
    is_asked = decision is Decision.ASK
    assert len(judge.bench.calls) == is_asked
    assert judge.learned == ([("TAG", answer)] if is_asked else [])
    assert authorization.is_accepted is (decision is not Decision.REFUSE)
    groups = {Decision.ASK: "ASKED", Decision.LOCAL: "FAMILY"}
    assert authorization.parent_id_tag == groups.get(decision)


def test_terms_and_what_is_known_are_exhausted_by_the_table() -> None:
    assert set(DECISIONS) == set(Terms)
    assert all(set(row) == set(Known) for row in DECISIONS.values())


def test_the_list_goes_before_the_cache_and_time_makes_tags_expire(judge: Judge) -> None:
    now = judge.bench.clock.now()
    good = StoredTag(AuthorizationStatus.ACCEPTED)
    blocked = StoredTag(AuthorizationStatus.BLOCKED)
    over = StoredTag(AuthorizationStatus.ACCEPTED, now.timestamp())
    assert known_as(blocked, good, now) is Known.LISTED_NOT_VALID
    assert known_as(good, blocked, now) is Known.LISTED_VALID
    assert known_as(over, good, now) is Known.LISTED_EXPIRED
    assert known_as(None, over, now) is Known.CACHED_EXPIRED
    assert known_as(None, over, now - timedelta(seconds=1)) is Known.CACHED_VALID


@pytest.mark.parametrize(("known", "is_known"), [(known, known in VALID_ONES) for known in Known])
def test_only_good_tags_are_known_for_a_group(judge: Judge, known: Known, is_known: bool) -> None:
    judge.know(known)
    found = judge.authorizer.known("TAG")
    assert (found is not None) is is_known
    assert found is None or (found.is_accepted and found.parent_id_tag == "FAMILY")


async def test_a_csms_that_falls_silent_leaves_it_to_the_list(judge: Judge) -> None:
    judge.agree(Terms.ONLINE)
    judge.bench.set("LocalAuthorizeOffline", "true")
    judge.know(Known.LISTED_VALID)
    judge.bench.answers.append(failed(CallFailure.TIMED_OUT))
    assert (await judge.authorizer.authorize("TAG")).parent_id_tag == "FAMILY"
    assert len(judge.bench.calls) == 1


def accepted(**changes: Any) -> dict[str, Any]:
    return {"idTagInfo": {"status": "Accepted"} | changes}


def test_a_tag_once_seen_charges_offline_and_one_that_was_blocked_does_not() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        csms.answers["Authorize"] = lambda payload: (
            {"idTagInfo": {"status": "Blocked"}} if payload["idTag"] == "BAD" else accepted()
        )
        world.virtual.show_tag("GOOD", 1)
        world.virtual.show_tag("BAD", 2)
        await csms.expect("Authorize", 2)
        await asyncio.sleep(1)
        csms.cut()
        await asyncio.sleep(200)
        world.virtual.plug(1, car())
        world.virtual.plug(2, car())
        world.virtual.show_tag("BAD", 2)
        await asyncio.sleep(5)
        assert world.store.transactions() == []
        world.virtual.show_tag("GOOD", 1)
        world.virtual.show_tag("STRANGER", 2)
        await asyncio.sleep(5)
        assert [item.id_tag for item in world.store.transactions()] == ["GOOD", "STRANGER"]

    live(main, product(SOCKET, SOCKET, has_authorization_cache=True))


def test_a_product_that_cannot_authorize_offline_does_not_take_the_key() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await world.change("LocalAuthorizeOffline", "true") == "Rejected"
        assert await world.change("LocalAuthorizeOffline", "False") == "Accepted"
        answer = await world.csms.call("GetConfiguration", key=["LocalAuthorizeOffline"])
        assert answer["configurationKey"] == [{"key": "LocalAuthorizeOffline", "readonly": False, "value": "false"}]
        world.csms.cut()
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert not world.virtual.look(1).has_transaction

    live(main, product(authorizes_offline=False, has_authorization_cache=True))


@pytest.mark.parametrize("value", ["false", "true"])
def test_local_pre_authorize_asks_nobody_about_a_cached_tag(value: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("LocalPreAuthorize", value)
        for count in (1, 2):
            world.virtual.plug(1, car())
            world.virtual.show_tag("TAG")
            await world.csms.expect("StartTransaction", count)
            world.virtual.show_tag("TAG")
            await world.csms.expect("StopTransaction", count)
            world.virtual.unplug(1)
        assert len(world.csms.of("Authorize")) == (1 if value == "true" else 2)
        # A start from afar goes the same way.
        await world.csms.call("RemoteStartTransaction", idTag="TAG")
        await asyncio.sleep(5)
        assert len(world.csms.of("Authorize")) == (1 if value == "true" else 3)

    live(main, product(has_authorization_cache=True))


@pytest.mark.parametrize("failure", list(CallFailure))
@pytest.mark.parametrize("is_allowed", [False, True])
async def test_without_an_answer_the_key_decides_but_a_refusal_is_a_refusal(
    judge: Judge, failure: CallFailure, is_allowed: bool
) -> None:
    judge.bench.set("AllowOfflineTxForUnknownId", str(is_allowed).lower())
    judge.bench.answers.append(failed(failure))
    is_unreachable = failure in (CallFailure.OFFLINE, CallFailure.LOST, CallFailure.TIMED_OUT)
    assert (await judge.authorizer.authorize("TAG")).is_accepted is (is_allowed and is_unreachable)


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_a_refused_tag_starts_nothing(status: str) -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = {"idTagInfo": {"status": status}}
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == "Preparing"
        assert world.csms.of("StartTransaction") == []
        assert world.virtual.station.meter_readings() == {1: 0}

    live(main)


@pytest.mark.parametrize(
    ("answer", "is_allowed", "event", "detail"),
    [
        (failed(CallFailure.OFFLINE), False, "nobody could be asked about a tag", {"outcome": "not let in"}),
        (failed(CallFailure.TIMED_OUT), False, "nobody could be asked about a tag", {"outcome": "not let in"}),
        (
            failed(CallFailure.LOST),
            True,
            "nobody could be asked about a tag",
            {"outcome": "let in, as AllowOfflineTxForUnknownId says"},
        ),
        (failed(CallFailure.REFUSED), True, "the CSMS could not judge a tag", {"outcome": "not let in"}),
        (
            AuthorizeResponse(id_tag_info=IdTagInfo(status=AuthorizationStatus.BLOCKED)),
            True,
            "the CSMS refused a tag",
            {"status": "Blocked"},
        ),
    ],
)
async def test_the_log_tells_whether_anybody_was_asked_and_hides_most_of_the_tag(
    judge: Judge, answer: Any, is_allowed: bool, event: str, detail: dict[str, str]
) -> None:
    judge.bench.set("AllowOfflineTxForUnknownId", str(is_allowed).lower())
    judge.bench.answers.append(answer)
    with structlog.testing.capture_logs() as log:
        await judge.authorizer.authorize("0123456789ABCDEF")
    (entry,) = log
    assert entry["event"] == event and entry["id_tag"] == "…CDEF"
    assert entry.items() >= detail.items()


def test_offline_an_unknown_tag_is_not_said_to_be_refused() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "false")
        world.csms.cut()
        await asyncio.sleep(1)
        world.virtual.plug(1, car())
        with structlog.testing.capture_logs() as log:
            world.virtual.show_tag("0123456789ABCDEF")
            await asyncio.sleep(1)
        said = [entry for entry in log if entry.get("id_tag")]
        assert [(entry["event"], entry["id_tag"]) for entry in said] == [("nobody could be asked about a tag", "…CDEF")]
        assert not any("Invalid" in str(entry) for entry in log)

    live(main)
