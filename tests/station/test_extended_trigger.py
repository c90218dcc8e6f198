"""ExtendedTriggerMessage: what it shares with TriggerMessage, and what is its own."""

from typing import Any

import pytest
from tests.station.test_security import SECURITY
from tests.station.world import World, live, product

from chargewright.protocol.v16.remote_trigger import (
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from chargewright.protocol.v16.security import ExtendedMessageTrigger, ExtendedTriggerMessageRequest
from chargewright.station.context import Answer
from chargewright.station.extended_trigger import ExtendedTrigger, ExtendedTriggers

OWN = {
    ExtendedMessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
    ExtendedMessageTrigger.LOG_STATUS_NOTIFICATION,
    ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE,
}


@pytest.mark.parametrize("message", ExtendedMessageTrigger)
@pytest.mark.parametrize("has_all", [False, True])
def test_every_message_goes_to_whoever_sends_it(message: ExtendedMessageTrigger, has_all: bool) -> None:
    sent: list[Any] = []

    def common(request: TriggerMessageRequest) -> Answer:
        return Answer(
            TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED),
            lambda: sent.append((request.requested_message.value, request.connector_id)),
        )

    def sign() -> bool:
        sent.append("sign")
        return has_all

    trigger = ExtendedTrigger(
        ExtendedTriggers(
            common=common,
            may_send=lambda: True,
            sign_certificate=sign,
            firmware_status=(lambda: sent.append("firmware")) if has_all else None,
            log_status=(lambda: sent.append("log")) if has_all else None,
        )
    )
    answer = trigger.extended_trigger_message(ExtendedTriggerMessageRequest(requested_message=message, connector_id=1))
    if answer.then is not None:
        assert sent == [], "the answer comes first"
        answer.then()
    expected = {
        ExtendedMessageTrigger.FIRMWARE_STATUS_NOTIFICATION: ("Accepted" if has_all else "NotImplemented", "firmware"),
        ExtendedMessageTrigger.LOG_STATUS_NOTIFICATION: ("Accepted" if has_all else "NotImplemented", "log"),
        ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE: ("Accepted" if has_all else "Rejected", "sign"),
    }
    status, what = expected.get(message, ("Accepted", (message.value, 1)))
    assert answer.response.status.value == status  # type: ignore[attr-defined]  # a Message of that kind
    assert sent == ([] if status == "NotImplemented" else [what])


def test_over_the_wire_the_answer_comes_first() -> None:
    async def main(world: World) -> None:
        await world.boot()
        statuses = len(world.csms.of("StatusNotification"))
        world.csms.order.clear()
        answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        assert answer == {"status": "Accepted"}
        await world.csms.expect("StatusNotification", statuses + 1)
        assert world.csms.order[:2] == ["answer", "StatusNotification"]
        answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="MeterValues", connectorId=7)
        assert answer == {"status": "Rejected"}
        answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="BootNotification")
        assert answer == {"status": "Rejected"}, "it is accepted already"

    live(main, product(security=SECURITY))
