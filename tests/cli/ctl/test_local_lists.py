"""`chargewright ctl local-lists`, down to the list in a station of another library."""

import asyncio
from pathlib import Path
from typing import Any

from tests.cli.ctl.conftest import Ctl, json_of
from tests.cli.ctl.listing_station import ListingStation, listing_station

from chargewright.csms.app import Csms


async def until(station: ListingStation, *tags: str) -> None:
    """Wait until the station's list has these tags and no others."""
    async with asyncio.timeout(20):
        while set(station.entries) != set(tags):
            await station.changed.wait()
            station.changed.clear()


def url(server: Csms) -> str:
    return f"ws://{server.addresses.ocpp[0]}"


async def shown(ctl: Ctl) -> Any:
    return json_of(await ctl("local-lists", "show", "A1", "--json"))


async def test_a_station_is_kept_in_step_unasked(ctl: Ctl, server: Csms, tmp_path: Path) -> None:
    file = tmp_path / "tags.txt"
    file.write_text('tag\n\n{"idTag": "B", "status": "Blocked"}\nc\n')
    put = json_of(await ctl("local-lists", "put", "A1", str(file), "--json"))
    assert (put["wanted"]["entries"], put["state"]) == (3, "unknown")
    async with listing_station(url(server), "A1") as station:
        await until(station, "tag", "b", "c")
        assert station.sent == [("Full", 2), ("Differential", 1)]
        assert station.entries["b"]["status"] == "Blocked"
        file.write_text("tag\nc\nd\n")
        station.moods = ["VersionMismatch"]
        await ctl("local-lists", "put", "A1", str(file))
        await until(station, "tag", "c", "d")
        assert station.sent[2:] == [("Differential", 2), ("Full", 2), ("Differential", 1)]
        await ctl("id-tags", "change", "TAG", "--blocked")
        async with asyncio.timeout(20):
            while station.entries["tag"]["status"] != "Blocked":
                await station.changed.wait()
                station.changed.clear()
        assert station.sent[5:] == [("Differential", 1)]
    listed = json_of(await ctl("local-lists", "entries", "A1", "--json"))["items"]
    assert [entry["idTag"] for entry in listed] == ["tag", "c", "d"]


async def test_a_list_is_synced_on_request_and_a_list_that_is_too_long_is_partial(ctl: Ctl, server: Csms) -> None:
    await ctl("stations", "change", "A1", "--not-automatic")
    async with listing_station(url(server), "A1") as station:
        tags = "\n".join(f"T{number}" for number in range(7))
        assert (await ctl("local-lists", "put", "A1", "-", stdin=tags)).exit_code == 0
        synced = json_of(await ctl("local-lists", "sync", "A1", "--json"))
        assert (synced["state"], synced["partial"], synced["entries"]) == ("in-step", True, 5)
        assert set(station.entries) == {f"t{number}" for number in range(5)}
        assert (await ctl("local-lists", "remove", "A1", "--empty")).exit_code == 0
        json_of(await ctl("local-lists", "sync", "A1", "--json"))
        assert station.entries == {}
        assert (await ctl("local-lists", "remove", "A1")).exit_code == 0
        assert (await shown(ctl))["wanted"] is None


async def test_a_station_without_lists_ends_with_its_own_exit_code(ctl: Ctl, server: Csms) -> None:
    async with listing_station(url(server), "A1") as station:
        station.has_lists = False
        await ctl("local-lists", "put", "A1", "-", stdin="tag")
        synced = await ctl("local-lists", "sync", "A1")
        assert (synced.exit_code, "unsupported" in synced.stdout) == (1, True)


async def test_a_group_s_list(ctl: Ctl, server: Csms) -> None:
    await ctl("groups", "add", "yard")
    await ctl("groups", "join", "yard", "A1", "A2")
    assert (await ctl("local-lists", "put", "yard", "-", "--group", stdin="tag\nx")).exit_code == 0
    async with listing_station(url(server), "A1") as station:
        await until(station, "tag", "x")
    group = json_of(await ctl("local-lists", "show", "yard", "--group", "--json"))
    assert (group["wanted"]["wantedBy"], sum(group["stations"].values())) == ("yard", 2)


async def test_what_is_wrong_is_told(ctl: Ctl) -> None:
    twice = await ctl("local-lists", "put", "A1", "-", stdin="tag\nTAG")
    assert (twice.exit_code, "entries.1.idTag" in twice.stderr) == (2, True)
    missing = await ctl("local-lists", "put", "A1", "/nowhere/tags.txt")
    assert missing.exit_code == 2
