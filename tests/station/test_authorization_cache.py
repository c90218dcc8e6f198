"""The cache: fed by every IdTagInfo, bounded, durable, cleared on request (§3.5.1, §5.4, errata v4.0 §3.4)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.station.bench import Bench
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.core import ClearCacheRequest, ClearCacheResponse, ClearCacheStatus
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.station.authorization_cache import AuthorizationCache
from chargewright.station.product import LocalList
from chargewright.station.store import StationStore

ACCEPTED = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)
CACHING = product(has_authorization_cache=True, max_cached_tags=3)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(CACHING)
    yield made
    made.store.close()


def known(bench: Bench) -> set[str]:
    return {name for name, _ in bench.store.records("authorization_cache").items()}


def status(cache: AuthorizationCache, id_tag: str) -> AuthorizationStatus | None:
    found = cache.find(id_tag)
    return None if found is None else found.status


def test_good_and_bad_are_kept_whatever_the_case(bench: Bench) -> None:
    cache = AuthorizationCache(bench.context)
    cache.learn("Good", ACCEPTED)
    cache.learn("bad", BLOCKED)
    assert status(cache, "GOOD") is AuthorizationStatus.ACCEPTED
    assert status(cache, "BAD") is AuthorizationStatus.BLOCKED
    assert status(cache, "NOBODY") is None
    cache.learn("GOOD", BLOCKED)
    assert status(cache, "good") is AuthorizationStatus.BLOCKED
    assert known(bench) == {"good", "bad"}


def test_full_it_drops_bad_ones_first_then_the_oldest_good_one(bench: Bench) -> None:
    cache = AuthorizationCache(bench.context)
    for id_tag, info in [("A", ACCEPTED), ("B", BLOCKED), ("C", ACCEPTED), ("D", ACCEPTED)]:
        cache.learn(id_tag, info)
    assert known(bench) == {"a", "c", "d"}
    cache.learn("A", ACCEPTED)  # heard of again: c is the oldest by now
    cache.learn("E", ACCEPTED)
    assert known(bench) == {"a", "d", "e"}


def test_one_that_has_expired_is_dropped_before_good_ones(bench: Bench) -> None:
    cache = AuthorizationCache(bench.context)
    soon = Timestamp.of(bench.clock.now() + timedelta(seconds=60))
    for id_tag in ("A", "B"):
        cache.learn(id_tag, ACCEPTED)
    cache.learn("SHORT", IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_date=soon))
    bench.timers.pass_time(61)
    cache.learn("C", ACCEPTED)
    assert known(bench) == {"a", "b", "c"}


def test_a_new_start_goes_on_counting_where_the_last_one_ended(bench: Bench) -> None:
    cache = AuthorizationCache(bench.context)
    for id_tag in ("A", "B", "C"):
        cache.learn(id_tag, ACCEPTED)
    cache = AuthorizationCache(bench.context)
    cache.learn("A", ACCEPTED)
    cache.learn("D", ACCEPTED)
    assert known(bench) == {"a", "c", "d"}


@given(st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from([ACCEPTED, BLOCKED])), max_size=40))
def test_it_never_grows_beyond_its_bound_and_always_knows_the_last_tag(told: list[tuple[str, IdTagInfo]]) -> None:
    bench = Bench(CACHING)
    cache = AuthorizationCache(bench.context)
    for id_tag, info in told:
        cache.learn(id_tag, info)
        assert status(cache, id_tag) is info.status
        assert len(known(bench)) <= 3
    bench.store.close()


def test_while_it_is_off_it_learns_nothing_and_tells_nothing_and_is_not_cleared(bench: Bench) -> None:
    cache = AuthorizationCache(bench.context)
    cache.learn("A", ACCEPTED)
    bench.set("AuthorizationCacheEnabled", "false")
    cache.learn("B", ACCEPTED)
    assert cache.find("A") is None
    assert cache.clear_cache(ClearCacheRequest()).response == ClearCacheResponse(status=ClearCacheStatus.REJECTED)
    bench.set("AuthorizationCacheEnabled", "true")
    assert known(bench) == {"a"}
    assert cache.clear_cache(ClearCacheRequest()).response == ClearCacheResponse(status=ClearCacheStatus.ACCEPTED)
    assert known(bench) == set()


def info(status: str) -> dict[str, Any]:
    return {"idTagInfo": {"status": status}}


def test_it_is_fed_by_all_three_answers() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        cache = world.virtual.station._blocks.cache
        await world.boot()
        await world.change("StopTransactionOnInvalidId", "false")
        csms.answers["StartTransaction"] = info("ConcurrentTx") | {"transactionId": 1}
        csms.answers["StopTransaction"] = info("Expired")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("Authorize")
        await asyncio.sleep(0.001)
        heard = [status(cache, "TAG")]
        await csms.expect("StartTransaction")
        await asyncio.sleep(1)
        heard.append(status(cache, "TAG"))
        world.virtual.show_tag("TAG")
        await csms.expect("StopTransaction")
        await asyncio.sleep(1)
        heard.append(status(cache, "TAG"))
        assert AuthorizationStatus.CONCURRENT_TX in heard and heard[-1] is AuthorizationStatus.EXPIRED

    live(main, CACHING)


def test_it_survives_a_power_cut_and_clear_cache_empties_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.show_tag("TAG")
        await world.csms.expect("Authorize")
        await asyncio.sleep(1)
        await world.cut_power()
        await world.restart()
        await world.csms.expect("StatusNotification", 2)
        assert world.virtual.station._blocks.cache.find("TAG") is not None
        assert await world.csms.call("ClearCache") == {"status": "Accepted"}
        assert world.virtual.station._blocks.cache.find("TAG") is None

    live(main, CACHING)


def test_a_product_without_one_has_no_key_and_clears_nothing() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await world.change("AuthorizationCacheEnabled", "true") == "NotSupported"
        assert await world.csms.call("ClearCache") == {"status": "Rejected"}
        world.virtual.show_tag("TAG")
        await world.csms.expect("Authorize")
        await asyncio.sleep(1)
        assert world.store.records("authorization_cache").count() == 0

    live(main)


def test_tags_of_the_list_are_not_for_the_cache() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for count, id_tag in enumerate(("LISTED", "OTHER"), start=1):
            world.virtual.show_tag(id_tag)
            await world.csms.expect("Authorize", count)
            await asyncio.sleep(1)
            world.virtual.show_tag(id_tag)  # changes its mind
            await asyncio.sleep(1)
        names = {name for name, _ in world.store.records("authorization_cache").items()}
        assert names == {"listed", "other"}
        entry = {"idTag": "Listed", "idTagInfo": {"status": "Accepted"}}
        await world.csms.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
        assert [name for name, _ in world.store.records("authorization_cache").items()] == ["other"]
        world.virtual.show_tag("LISTED")
        await world.csms.expect("Authorize", 3)
        await asyncio.sleep(1)
        assert [name for name, _ in world.store.records("authorization_cache").items()] == ["other"]

    live(main, product(has_authorization_cache=True, local_list=LocalList(10, 10)))


def test_it_lies_in_the_file_before_anybody_acts_on_it(tmp_path: Any) -> None:
    path = tmp_path / "station.sqlite3"
    with StationStore(path, Random(1)) as store:
        bench = Bench(CACHING, store)
        AuthorizationCache(bench.context).learn("TAG", ACCEPTED)
    with StationStore(path, Random(1)) as store:
        assert AuthorizationCache(Bench(CACHING, store).context).find("TAG") is not None
