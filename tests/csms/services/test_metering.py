"""Meter values: canonical, hashed, and the common measurands as numbers."""

import json
from typing import Any

import msgspec
import pytest
from tests.csms.services.call import make_call

from chargewright.csms.services.metering import MeteringService, content_hash
from chargewright.csms.storage.base import NO_TRANSACTION, MeterValueRecord
from chargewright.protocol.v16.base import UNSET, decode_hook
from chargewright.protocol.v16.datatypes import MeterValue
from chargewright.protocol.v16.deviations import Deviation

TIME = "2026-03-01T11:00:00Z"


def record(samples: list[dict[str, Any]], transaction_id: Any = 7, timestamp: str = TIME) -> MeterValueRecord:
    value = {"timestamp": timestamp, "sampledValue": samples}
    meter_value = msgspec.json.decode(json.dumps(value), type=MeterValue, dec_hook=decode_hook)
    (made,) = MeteringService().records(make_call("MeterValues"), 1, transaction_id, [meter_value])
    return made


def test_values_are_kept_as_they_were_sent() -> None:
    signed = {
        "value": '{"signedMeterData":"AA==","publicKey":""}',
        "format": "SignedData",
        "context": "Transaction.End",
    }
    made = record([signed, {"value": "0012.50"}])
    assert json.loads(made.samples) == [signed, {"value": "0012.50"}]
    assert made.station_time == TIME


def test_the_hash_is_of_the_content_and_fits_64_bits() -> None:
    one = record([{"value": "1", "unit": "Wh"}])
    assert -(2**63) <= one.content_hash < 2**63
    assert one.content_hash == record([{"unit": "Wh", "value": "1"}]).content_hash
    assert one.content_hash != record([{"value": "1"}]).content_hash
    assert one.content_hash != record([{"value": "2", "unit": "Wh"}]).content_hash


def test_an_absent_transaction_id_is_told_from_the_number_that_stands_for_it() -> None:
    absent, sent = record([{"value": "1"}], UNSET), record([{"value": "1"}], NO_TRANSACTION)
    assert absent.transaction_id == sent.transaction_id == NO_TRANSACTION
    assert absent.content_hash != sent.content_hash


def test_two_messages_of_which_the_same_is_left_are_two_and_each_sent_again_is_one() -> None:
    value = msgspec.json.decode(
        b'{"timestamp":"2026-03-01T11:00:00Z","sampledValue":[]}', type=MeterValue, dec_hook=decode_hook
    )

    def hashed(message_id: str, payload: str, kind: str = "item-left-out") -> int:
        raw = f'[2,"{message_id}","MeterValues",{payload}]'.encode()
        call = make_call("MeterValues", deviations=[Deviation(kind, "meterValue[0].sampledValue[0]", "?")], raw=raw)
        return MeteringService().records(call, 1, 7, [value])[0].content_hash

    assert hashed("1", '{"a":1}') == hashed("2", '{"a":1}')
    assert hashed("1", '{"a":1}') != hashed("1", '{"a":2}')
    # What lost nothing is told apart by what is left.
    assert hashed("1", '{"a":1}', "number-as-text") == hashed("1", '{"a":2}', "number-as-text")


def test_hashes_spread() -> None:
    assert len({content_hash(b"%d" % number) for number in range(10_000)}) == 10_000


POWER = "Power.Active.Import"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([{"value": "1500"}], (1500.0, None, None)),
        ([{"value": "1.5", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}], (1500.0, None, None)),
        ([{"value": "7.2", "unit": "kW", "measurand": POWER}], (None, 7200.0, None)),
        ([{"value": "55", "measurand": "SoC", "unit": "Percent", "location": "EV"}], (None, None, 55.0)),
        ([{"value": str(n), "measurand": POWER, "phase": f"L{n}"} for n in (1, 2, 3)], (None, 6.0, None)),
        ([{"value": str(n), "measurand": POWER, "phase": f"L{n}-N"} for n in (1, 2, 3)], (None, 6.0, None)),
        (
            [{"value": "9", "measurand": POWER}, {"value": "3", "measurand": POWER, "phase": "L1"}],
            (None, 9.0, None),
        ),
        ([{"value": "5", "measurand": POWER, "phase": "L1-L2"}], (None, None, None)),
        ([{"value": "5", "measurand": POWER, "phase": "N"}], (None, None, None)),
        ([{"value": "5", "location": "Inlet"}, {"value": "4", "location": "Outlet"}], (4.0, None, None)),
        ([{"value": "AAFF", "format": "SignedData"}], (None, None, None)),
        ([{"value": "twelve"}, {"value": "nan"}, {"value": "inf"}], (None, None, None)),
        ([{"value": "5", "measurand": "Voltage"}], (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_common_measurands_become_numbers(samples: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    made = record(samples)
    assert (made.energy_wh, made.power_w, made.soc_percent) == expected
