"""The Core feature profile, station → CSMS (§4)."""

from chargewright.csms.handlers.table import Services, handles
from chargewright.csms.ports import Answer, CallContext
from chargewright.protocol.v16 import core
from chargewright.protocol.v16.base import UnsetType

__all__ = [
    "authorize",
    "boot_notification",
    "data_transfer",
    "heartbeat",
    "meter_values",
    "start_transaction",
    "status_notification",
    "stop_transaction",
]


@handles(core.BootNotificationRequest)
def boot_notification(
    request: core.BootNotificationRequest, call: CallContext, services: Services
) -> Answer[core.BootNotificationResponse]:
    """Take the station on, or let it wait, as its operator chose (§4.2). `currentTime` is the moment of answering."""
    status = services.stations.boot(call, request)
    services.firmware.booted(call, request)
    return call.when_durable(lambda: services.stations.booted(call, request, status))


@handles(core.HeartbeatRequest)
def heartbeat(request: core.HeartbeatRequest, call: CallContext, services: Services) -> Answer[core.HeartbeatResponse]:
    """Tell the time, from memory (§4.6)."""
    return core.HeartbeatResponse(current_time=call.now())


@handles(core.StatusNotificationRequest)
def status_notification(
    request: core.StatusNotificationRequest, call: CallContext, services: Services
) -> Answer[core.StatusNotificationResponse]:
    """Note the status; every one is acknowledged (§4.9)."""
    services.stations.status(call, request)
    services.reservations.status(call, request)
    return call.when_durable(core.StatusNotificationResponse)


@handles(core.AuthorizeRequest)
def authorize(request: core.AuthorizeRequest, call: CallContext, services: Services) -> Answer[core.AuthorizeResponse]:
    """Say whether the id tag may charge, from memory (§4.1)."""
    return core.AuthorizeResponse(id_tag_info=services.authorization.check(request.id_tag, call.received_at))


@handles(core.StartTransactionRequest)
def start_transaction(
    request: core.StartTransactionRequest, call: CallContext, services: Services
) -> Answer[core.StartTransactionResponse]:
    """Open a transaction and say whether its id tag may charge (§4.8).

    Whatever the id tag's status, the energy may have flowed already: the transaction gets its id and its row. A station
    that lost our answer sends the same request again and gets the id and the status it was given the first time.
    """
    id_tag_info = services.authorization.check_start(call, request)
    started = services.transactions.start(call, request, id_tag_info.status)
    services.stations.hear_clock(call, request.timestamp)
    services.reservations.started(call, started)
    services.charging_profiles.started(call, started)
    return call.when_durable(
        lambda: core.StartTransactionResponse(
            transaction_id=started.transaction_id, id_tag_info=services.authorization.as_stored(id_tag_info, started)
        )
    )


@handles(core.MeterValuesRequest)
def meter_values(
    request: core.MeterValuesRequest, call: CallContext, services: Services
) -> Answer[core.MeterValuesResponse]:
    """Keep the readings, late, early or without transaction (§4.7)."""
    services.metering.store(call, request.connector_id, request.transaction_id, request.meter_value)
    return call.when_durable(core.MeterValuesResponse)


@handles(core.StopTransactionRequest)
def stop_transaction(
    request: core.StopTransactionRequest, call: CallContext, services: Services
) -> Answer[core.StopTransactionResponse]:
    """Close a transaction; it has ended whatever we think of it (§4.10). The id tag's status is for the station's
    cache."""
    stopped = services.transactions.stop(call, request)
    services.charging_profiles.stopped(call, stopped)
    if isinstance(request.id_tag, UnsetType):
        return call.when_durable(core.StopTransactionResponse)
    id_tag_info = services.authorization.check(request.id_tag, call.received_at)
    return call.when_durable(lambda: core.StopTransactionResponse(id_tag_info=id_tag_info))


@handles(core.DataTransferRequest)
def data_transfer(
    request: core.DataTransferRequest, call: CallContext, services: Services
) -> Answer[core.DataTransferResponse]:
    """Hand a vendor's message to the vendor's extension; without one, UnknownVendorId (§4.3)."""
    response = services.data_transfer.receive(call, request)
    return call.when_durable(lambda: response)
