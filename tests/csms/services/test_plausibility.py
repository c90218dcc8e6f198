"""Which transactions somebody should look at: each rule at its edge."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargewright.csms.services.plausibility import REVIEW_REASONS, Plausibility, counted_stop
from chargewright.csms.storage.base import MeterValueRow
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 1_800_000_000 * SECOND


def transaction(**values: Any) -> TransactionRow:
    """One hour, from 1,000 to 11,000 Wh, told at once."""
    stop = values.pop("stop_instant", START + HOUR)
    known: dict[str, Any] = {
        "id": 1,
        "transaction_id": 7,
        "station_id": 1,
        "connector_id": 1,
        "id_tag": "TAG",
        "id_tag_key": "tag",
        "id_tag_status": "Accepted",
        "start_instant": START,
        "station_time": "",
        "received_at": START,
        "meter_start": 1000,
        "flags": "",
        "stop_instant": stop,
        "stop_received_at": stop,
        "meter_stop": None if stop is None else 11_000,
        "stop_arrived_first": False,
        "review": "",
        "review_reasons": "",
    }
    return TransactionRow(**known | values)


def stop(relation: str = "stop", **values: Any) -> TransactionStopRow:
    known: dict[str, Any] = {
        "id": 1,
        "station_id": 1,
        "charging_transaction_id": 1,
        "relation": relation,
        "transaction_id": 7,
        "instant": START + HOUR,
        "station_time": "",
        "received_at": START + HOUR,
        "meter_stop": 11_000,
        "id_tag_key": "",
        "content_hash": 0,
        "flags": "",
    }
    return TransactionStopRow(**known | values)


def value(minute: float, energy_wh: float | None, *, connector_id: int = 1, **sample: str) -> MeterValueRow:
    instant = START + int(minute * 60) * SECOND
    samples = [{"value": "0", **sample}]
    return MeterValueRow(
        id=instant,
        station_id=1,
        connector_id=connector_id,
        transaction_id=7,
        instant=instant,
        station_time="",
        received_at=instant,
        samples=msgspec.json.encode(samples).decode(),
        energy_wh=energy_wh,
        power_w=None,
        soc_percent=None,
        transaction_stop_id=None,
    )


def reasons(
    row: TransactionRow | None = None,
    values: list[MeterValueRow] | None = None,
    stops: list[TransactionStopRow] | None = None,
    power_w: float = 11_000,
) -> list[str]:
    judge = Plausibility(
        row or transaction(), [stop()] if stops is None else stops, maximum_power_w=power_w, readings=100
    )
    judge.feed(values or [])
    return judge.reasons()


def test_an_ordinary_transaction_needs_no_look() -> None:
    values = [value(minute, 1000 + minute * 166) for minute in range(0, 61, 10)]
    assert reasons(values=values) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"meter_stop": 1000}, []),
        ({"meter_stop": 999}, ["energy-steps-back"]),
        # 11 kW for an hour with a tenth more, and 100 Wh for rounding.
        ({"meter_stop": 1000 + 12_200}, []),
        ({"meter_stop": 1000 + 12_201}, ["energy-exceeds-power"]),
        ({"stop_instant": START - 1}, ["stop-before-start"]),
        ({"stop_instant": START, "meter_stop": 1100}, []),
        ({"stop_instant": START + 7 * DAY}, []),
        ({"stop_instant": START + 7 * DAY + 1}, ["longer-than-seven-days"]),
        ({"received_at": START - 300 * SECOND}, []),
        ({"received_at": START - 300 * SECOND - 1}, ["clock-ahead"]),
        ({"received_at": START + 7 * DAY}, []),
        ({"received_at": START + 7 * DAY + 1}, ["clock-behind"]),
        ({"stop_instant": None}, []),
        ({"flags": "stop-linked"}, []),
    ],
    ids=str,
)
def test_start_and_stop_alone(fields: dict[str, Any], expected: list[str]) -> None:
    assert reasons(transaction(**fields)) == expected


FLAGS = [word for word in REVIEW_REASONS if word.endswith("unreadable") or word in ("same-content-after-stop",)]


@pytest.mark.parametrize("flag", [*FLAGS, "stop-arrived-first"])
def test_a_flag_is_a_reason(flag: str) -> None:
    assert reasons(transaction(flags=f"stop-linked {flag}")) == [flag]


KWH = {"unit": "kWh"}
PHASE = {"phase": "L1"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([value(10, 2000), value(20, 1999.5)], []),
        ([value(10, 2000), value(20, 1998.9)], ["energy-steps-back"]),
        ([value(10, 950)], []),
        ([value(10, 899)], ["energy-steps-back"]),
        ([value(50, 11_050)], []),
        ([value(50, 11_101)], ["energy-steps-back"]),
        # Another unit, or sums of phases, that go on where the first series was.
        ([value(10, 2000), value(20, 2000.0, **KWH), value(30, 4000)], []),
        ([value(10, 2000), value(20, 1950, **PHASE)], []),
        # … and that do not: nobody can say how much was charged.
        ([value(10, 2000), value(20, 500, **PHASE)], ["registers-mixed"]),
        ([value(10, 2000), value(20, 2_000_000, **KWH)], ["energy-steps-back", "registers-mixed"]),
        ([value(10, 5_000_000)], ["energy-steps-back", "registers-mixed"]),
        ([value(10, 1001), value(59, 1002)], ["registers-mixed"]),
        # What is no reading of this connector's register in this time says nothing.
        ([value(10, None), value(10, 5, connector_id=2), value(-10, 5), value(70, 5)], []),
        ([value(10, 2000, measurand="Energy.Active.Import.Register"), value(20, 2500)], []),
    ],
)
def test_registers(values: list[MeterValueRow], expected: list[str]) -> None:
    assert reasons(values=values, power_w=60_000) == expected


def test_without_believable_times_every_value_counts() -> None:
    values = [value(-100, 2000), value(-50, 1000)]
    assert reasons(values=values, power_w=60_000) == []
    found = reasons(transaction(flags="time-unreadable"), values, power_w=60_000)
    assert found == ["energy-steps-back", "time-unreadable"]


def test_a_correction_and_a_stop_after_a_closing() -> None:
    second = stop("correction", id=2, meter_stop=10_000)
    assert reasons(stops=[stop(), second]) == ["stop-corrected"]
    closed = transaction(closed_at=START + 2 * HOUR)
    assert reasons(closed, stops=[]) == []
    assert reasons(closed, stops=[second]) == ["stop-after-close"]
    assert reasons(closed, stops=[second, stop("correction", id=3)]) == ["stop-corrected", "stop-after-close"]


def test_the_stop_that_counts_is_the_stations() -> None:
    assert counted_stop(transaction(stop_instant=None), []) is None
    told = counted_stop(transaction(stop_reason="Local"), [stop(), stop("correction", id=2, meter_stop=1)])
    assert told is not None
    assert (told.meter_stop, told.reason, told.by, told.stop_id) == (11_000, "Local", "station", None)
    closed = transaction(closed_at=1, meter_stop=5000, stop_reason="Other")
    assumed = counted_stop(closed, [])
    assert assumed is not None
    assert (assumed.meter_stop, assumed.by) == (5000, "operator")
    late = [stop("correction", id=9, meter_stop=8000, received_at=5), stop("correction", id=8, received_at=6)]
    true = counted_stop(closed, late)
    assert true is not None
    assert (true.meter_stop, true.by, true.stop_id) == (8000, "station", 9)


def test_values_beyond_the_bound_are_not_judged() -> None:
    judge = Plausibility(transaction(), [], maximum_power_w=11_000, readings=2)
    judge.feed([value(1, 1100), value(2, 1200), value(3, 0)])
    assert not judge.wants_more
    assert "energy-steps-back" not in judge.reasons()


def test_every_reason_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "review.md").read_text()
    for word, meaning in REVIEW_REASONS.items():
        assert f"| `{word}` | {meaning} |" in page
