"""What a station serves: the actions of the CSMS, by feature profile."""

from collections.abc import Mapping

from chargewright.station.blocks import Blocks
from chargewright.station.boot import Registration
from chargewright.station.context import Answer, Serve
from chargewright.station.data_transfer import data_transfer
from chargewright.station.local_auth_list import LocalAuthList
from chargewright.station.remote_control import RemoteControl
from chargewright.station.remote_trigger import RemoteTrigger, Triggers
from chargewright.station.reset import Reset
from chargewright.station.smart_charging import SmartCharging

__all__ = ["served"]


def served(blocks: Blocks) -> Mapping[str, Serve]:
    """The actions that this station serves, by name; the others it refuses with NotSupported."""
    offered = _core(blocks)
    product, maintenance = blocks.context.product, blocks.maintenance
    if product.has_remote_trigger:
        offered |= {"TriggerMessage": _remote_trigger(blocks).trigger_message}
    if product.security is not None:
        offered |= blocks.security.served(
            _remote_trigger(blocks).trigger_message,
            blocks.boot.may_send,
            firmware_status=None if maintenance is None else maintenance.trigger_signed_firmware_status,
            log_status=None if maintenance is None else maintenance.trigger_log_status,
        )
    if blocks.local_list is not None:
        offered |= _local_auth_list(blocks.local_list)
    if product.reservations is not None:
        offered |= _reservation(blocks)
    if blocks.smart_charging is not None:
        offered |= _smart_charging(blocks.smart_charging)
    if maintenance is not None:
        offered |= maintenance.served
    return blocks.pace.paced(offered)


def _core(blocks: Blocks) -> dict[str, Serve]:
    context, configuration = blocks.context, blocks.configuration
    remote = RemoteControl(
        context,
        blocks.connectors,
        blocks.transactions.key_of,
        blocks.authorizer.authorize,
        lambda: blocks.boot.registration is Registration.ACCEPTED,
        blocks.admission,
        blocks.smart_charging,
        blocks.authorizer.known,
    )
    reset = Reset(
        context, blocks.connectors, blocks.queue.wait_until_empty, blocks.ways.reset, blocks.availability.warn
    )
    return {
        "ChangeAvailability": blocks.availability.change_availability,
        "ChangeConfiguration": lambda request: Answer(
            configuration.change_configuration(request), then=blocks.security.profiles.apply
        ),
        "ClearCache": blocks.cache.clear_cache,
        "DataTransfer": data_transfer,
        "GetConfiguration": lambda request: Answer(configuration.get_configuration(request)),
        "RemoteStartTransaction": remote.remote_start_transaction,
        "RemoteStopTransaction": remote.remote_stop_transaction,
        "Reset": reset.reset,
        "UnlockConnector": remote.unlock_connector,
    }


def _reservation(blocks: Blocks) -> dict[str, Serve]:
    reservations = blocks.reservations
    return {"CancelReservation": reservations.cancel_reservation, "ReserveNow": reservations.reserve_now}


def _local_auth_list(local_list: LocalAuthList) -> dict[str, Serve]:
    return {
        "GetLocalListVersion": local_list.get_local_list_version,
        "SendLocalList": local_list.send_local_list,
    }


def _smart_charging(smart_charging: SmartCharging) -> dict[str, Serve]:
    return {
        "ClearChargingProfile": smart_charging.clear_charging_profile,
        "GetCompositeSchedule": smart_charging.get_composite_schedule,
        "SetChargingProfile": smart_charging.set_charging_profile,
    }


def _remote_trigger(blocks: Blocks) -> RemoteTrigger:
    connectors, transactions = blocks.connectors, blocks.transactions
    maintenance = blocks.maintenance

    def trigger_boot() -> bool:
        if blocks.boot.registration is Registration.ACCEPTED:
            return False
        blocks.boot.ask()
        return True

    triggers = Triggers(
        may_send=blocks.boot.may_send,
        boot=trigger_boot,
        heartbeat=lambda: blocks.heartbeat.beat(is_triggered=True),
        statuses=blocks.statuses.repeat,
        meter_value=blocks.metering.triggered,
        transaction_id=lambda number: transactions.transaction_id(connectors[number - 1].transaction_key),
        firmware_status=None if maintenance is None else maintenance.trigger_firmware_status,
        diagnostics_status=None if maintenance is None else maintenance.trigger_diagnostics_status,
    )
    return RemoteTrigger(blocks.context, len(connectors), triggers)
