"""`chargewright ctl events`."""

import asyncio
import json

from tests.cli.ctl.conftest import Ctl, json_of
from tests.csms.wire import WireStation, eventually

from chargewright.csms.app import Csms


async def test_events_are_listed_from_where_one_stopped(ctl: Ctl, server: Csms) -> None:
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
    events = json_of(await ctl("events", "list", "--after", "0", "--limit", "2", "--json"))["items"]
    assert [event["kind"] for event in events] == ["station.connected", "station.booted"]
    newest = json_of(await ctl("events", "list", "--station", "A1", "--kind", "station.", "--json"))["items"]
    assert newest[::-1][:2] == events
    since = ("--since", "2100-01-01T00:00:00Z")
    assert json_of(await ctl("events", "list", *since, "--json"))["items"] == []
    later = json_of(await ctl("events", "list", "--after", events[0]["id"], "--limit", "1", "--json"))["items"]
    assert later == events[1:]
    assert "station.booted" in (await ctl("events", "list")).stdout


async def test_events_are_followed_until_the_server_ends(ctl: Ctl, server: Csms) -> None:
    following = asyncio.create_task(ctl("events", "follow", "--after", "0", "--json"))
    await eventually(lambda: server.statistics()["event_readers"] > 0)
    async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
        await station.boot()
    assert server._feed is not None
    server._feed.end()
    followed = await following
    assert followed.exit_code == 0
    lines = [json.loads(line) for line in followed.stdout.splitlines()]
    assert [line["kind"] for line in lines[:2]] == ["station.connected", "station.booted"]
    assert [line["id"] for line in lines[:2]] == ["1", "2"]


async def test_an_id_that_the_log_has_not_is_told(ctl: Ctl) -> None:
    told = await ctl("events", "follow", "--after", "99")
    assert told.exit_code == 1
    assert "begin anew" in told.stderr
