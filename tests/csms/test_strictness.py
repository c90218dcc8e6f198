"""Strict stations: refused as the schemas say, but never for a time stamp of a bill."""

from typing import Any

import pytest
from tests.csms.bench import Workbench

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}
STRICT = {"station": [{"identity": "A1", "tolerance": "strict"}, {"identity": "A2"}]}
SAMPLE = [{"value": "1"}]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", START | {"timestamp": "soon"}),
        ("StartTransaction", START | {"timestamp": ""}),
        ("StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "2026-13-01T00:00:00Z"}),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "?", "sampledValue": SAMPLE}]}),
    ],
)
async def test_a_time_is_never_a_reason_to_refuse_a_bill(action: str, payload: Any, start_bench: Any) -> None:
    bench: Workbench = await start_bench(STRICT)
    assert (await bench.exchange(await bench.connect("A1"), action, payload))[0] == 3


DEVIATIONS = [
    ("StartTransaction", START | {"vendorField": 1}, "FormationViolation"),
    ("Heartbeat", {"extra": 1}, "FormationViolation"),
    (
        "StatusNotification",
        {"connectorId": 1, "status": "Available", "errorCode": "Mine"},
        "PropertyConstraintViolation",
    ),
]


@pytest.mark.parametrize(("action", "payload", "code"), DEVIATIONS)
async def test_other_deviations_are_refused_where_strict_and_only_there(
    action: str, payload: Any, code: str, start_bench: Any
) -> None:
    bench: Workbench = await start_bench(STRICT)
    answer = await bench.exchange(await bench.connect("A1"), action, payload)
    assert (answer[0], answer[2]) == (4, code)
    assert (await bench.exchange(await bench.connect("A2"), action, payload))[0] == 3


async def test_strict_for_all(start_bench: Any) -> None:
    bench: Workbench = await start_bench(STRICT, strict=True)
    answer = await bench.exchange(await bench.connect("A2"), "Heartbeat", {"extra": 1})
    assert answer[0] == 4
