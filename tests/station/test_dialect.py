"""Each dialect changes what it names and nothing else; a central system of ours understands them all."""

import asyncio
import json
import re
from itertools import islice
from typing import Any

import pytest
from tests.station.world import World, car, live

from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.core import Reason
from chargewright.station.dialect import DESCRIPTIONS, Dialect, Translator, dialects, numbered_call_ids

CALL = (
    b'[2,"17","MeterValues",{"connectorId":1,"transactionId":5,"meterValue":[{"timestamp":"2026-01-01T12:00:00.250Z",'
)
CALL += b'"sampledValue":[{"value":"16.0","context":"Sample.Periodic","unit":"Wh"}]}]}]'


def written(message: bytes, *spoken: Dialect) -> bytes:
    return Translator(frozenset(spoken)).outgoing(message)


def test_every_dialect_is_described() -> None:
    assert list(DESCRIPTIONS) == list(Dialect)


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        (Dialect.TIMES_WITHOUT_FRACTIONS, "2026-01-01T12:00:00Z"),
        (Dialect.TIMES_WITH_MICROSECONDS, "2026-01-01T12:00:00.250000Z"),
        (Dialect.TIMES_WITHOUT_ZONE, "2026-01-01T12:00:00"),
        (Dialect.TIMES_WITH_OFFSET, "2026-01-01T14:00:00+02:00"),
    ],
)
def test_times(dialect: Dialect, form: str) -> None:
    assert written(CALL, dialect) == CALL.replace(b"2026-01-01T12:00:00.250Z", form.encode())


def test_numbers_and_blanks() -> None:
    assert written(CALL, Dialect.NUMBER_IDS) == CALL.replace(b'"17"', b"17")
    spaced = written(CALL, Dialect.BLANKS)
    assert b"\n" in spaced and json.loads(spaced) == json.loads(CALL)
    rate = b'[3,"a",{"limit":16.0}]'
    assert b"16.0" in written(rate, Dialect.BLANKS) and written(rate, Dialect.NULL_PAYLOADS) == rate
    assert written(b'[3,"a",{}]', Dialect.NULL_PAYLOADS) == b'[3,"a",null]'
    refusal = b'[4,"a","NotSupported","",{}]'
    assert written(refusal, Dialect.NULL_PAYLOADS) == refusal


def test_optional_fields() -> None:
    stripped = json.loads(written(CALL, Dialect.WITHOUT_OPTIONAL_FIELDS))[3]
    assert stripped["transactionId"] == 5
    assert stripped["meterValue"][0]["sampledValue"] == [{"value": "16.0", "unit": "Wh"}]
    status = b'[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available","info":"x"}]'
    assert set(json.loads(written(status, Dialect.WITHOUT_OPTIONAL_FIELDS))[3]) == {
        "connectorId",
        "errorCode",
        "status",
    }
    nulled = json.loads(written(status, Dialect.NULL_FIELDS))[3]
    assert nulled["info"] == "x" and nulled["vendorId"] is None and nulled["timestamp"] is None


def test_an_answer_to_a_number_finds_its_call() -> None:
    translator = Translator(frozenset({Dialect.NUMBER_IDS}))
    assert translator.incoming(b"[3,17,{}]") == b'[3,"17",{}]'
    assert translator.incoming(b'[2,"x","Reset",{}]') == b'[2,"x","Reset",{}]'
    assert translator.incoming(b"rubbish") == b"rubbish"


def test_message_ids() -> None:
    def ids(boot: int, *spoken: Dialect) -> list[str]:
        return list(islice(numbered_call_ids("ab", boot, frozenset(spoken)), 2))

    assert ids(3) == ["ab-3-1", "ab-3-2"]
    assert ids(3, Dialect.REPEATED_IDS) == ids(4, Dialect.REPEATED_IDS) == ["1", "2"]
    assert not set(ids(3, Dialect.DECIMAL_IDS)) & set(ids(4, Dialect.DECIMAL_IDS))
    assert all(text.isdecimal() for text in ids(3, Dialect.NUMBER_IDS))


def test_names_are_checked() -> None:
    assert dialects(["blanks", "null-fields"]) == {Dialect.BLANKS, Dialect.NULL_FIELDS}
    with pytest.raises(ConfigurationError, match="blnks"):
        dialects(["blnks"])
    with pytest.raises(ConfigurationError, match="times-with-offset and times-without-zone"):
        dialects(["times-with-offset", "times-without-zone"])


def speaking(*spoken: Dialect) -> Any:
    """A day of a station that speaks so: boot, charge, reconnect. Returns the names and ids of its calls."""

    async def main(world: World) -> Any:
        world.spoken = frozenset(spoken)
        world.virtual = world._make(None)
        await world.boot()
        first = world.csms.of("StatusNotification")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        world.virtual.station.end_transactions(Reason.LOCAL)
        await world.csms.expect("StopTransaction")
        await asyncio.wait_for(world.virtual.station.wait_until_told(), 60)
        world.csms.cut()
        world.csms.is_reachable = True
        boots = len(world.csms.of("BootNotification"))
        assert await world.virtual.wait_until(world.virtual.is_online, 60)
        again = len(world.csms.of("BootNotification")) - boots
        return [item["connectorId"] for item in first], again, world.csms.ids

    return live(main)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_central_system_that_answers_well_is_understood(dialect: Dialect) -> None:
    order, again, ids = speaking(dialect)
    assert order == ([1, 0] if dialect is Dialect.STATUSES_REVERSED else [0, 1])
    assert again == (1 if dialect is Dialect.BOOT_ON_RECONNECT else 0)
    assert all(isinstance(item, int) for item in ids) is (dialect is Dialect.NUMBER_IDS)
    if dialect is Dialect.DECIMAL_IDS:
        assert all(re.fullmatch("[0-9]+", item) for item in ids)
