"""The time to plug in or to be let in: once, from the begin, with the value of that moment (errata v4.0 §3.76)."""

from tests.station.bench import Bench
from tests.station.world import product

from chargewright.station.connection_timer import ConnectionTimer


def test_it_counts_from_its_start_with_the_value_of_that_moment() -> None:
    bench = Bench(product())
    expired: list[float] = []
    timer = ConnectionTimer(bench.context, lambda: expired.append(bench.clock.monotonic()))
    bench.set("ConnectionTimeOut", "30")
    timer.start()
    bench.set("ConnectionTimeOut", "90")
    bench.timers.pass_time(10)
    assert timer.is_running and expired == []
    bench.timers.pass_time(30)
    assert not timer.is_running and expired == [30.0]
    bench.store.close()


def test_started_again_it_counts_anew_and_cancelled_it_does_not_come() -> None:
    bench = Bench(product())
    expired: list[float] = []
    timer = ConnectionTimer(bench.context, lambda: expired.append(bench.clock.monotonic()))
    bench.set("ConnectionTimeOut", "30")
    timer.start()
    bench.timers.pass_time(20)
    timer.start()
    bench.timers.pass_time(20)
    assert expired == []
    timer.cancel()
    timer.cancel()
    bench.timers.pass_time(100)
    assert expired == [] and not timer.is_running
    bench.store.close()
