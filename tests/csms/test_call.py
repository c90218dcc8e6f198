"""A CALL on its way: what it adds to its unit, and that nothing of it stays."""

import pytest
from tests.csms.bench import Workbench

from chargewright.csms.call import Call
from chargewright.csms.storage.base import DeviationRecord, SalvagedFrameRecord, Settlement
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.core import HeartbeatRequest
from chargewright.protocol.v16.deviations import Deviation
from chargewright.rpc.events import CallReceived

FRAME = b'[2,"7","StopTransaction",{"x":1}]'


async def made(bench: Workbench, action: str, *deviations: Deviation) -> Call:
    await bench.connect()
    (session,) = bench.csms._sessions
    event = CallReceived("7", ACTIONS[action], HeartbeatRequest(), deviations, FRAME)
    return Call(session, event, 1.0)


def numbered(count: int, kind: str) -> list[Deviation]:
    return [Deviation(kind, f"meterValue[{number}].x{number}", "?") for number in range(count)]


async def test_deviations_become_a_few_records(bench: Workbench) -> None:
    call = await made(bench, "StopTransaction", *numbered(9, "null"))
    call.note_deviations()
    fields = [record.field for record in call.unit.records if isinstance(record, DeviationRecord)]
    assert fields == ["meterValue[].x0", "meterValue[].x1", "meterValue[].x2", "meterValue[].x3"]
    assert len(call.unit.records) == 4


@pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction", "MeterValues"])
async def test_a_loss_anywhere_keeps_the_frame_of_a_transaction_message(action: str, bench: Workbench) -> None:
    call = await made(bench, action, *numbered(9, "null"), *numbered(1, "unknown-field"))
    call.note_deviations()
    frames = [record.frame for record in call.unit.records if isinstance(record, SalvagedFrameRecord)]
    assert frames == [FRAME]


async def test_other_messages_are_not_kept(bench: Workbench) -> None:
    call = await made(bench, "StatusNotification", *numbered(1, "unknown-field"))
    call.note_deviations()
    assert [type(record) for record in call.unit.records] == [DeviationRecord]


async def test_a_settled_call_lets_go_of_its_unit(bench: Workbench) -> None:
    call = await made(bench, "StopTransaction")
    unit = call.unit
    unit.on_settled(unit, Settlement.DURABLE)
    assert not hasattr(call, "unit")
    assert call.build is None
