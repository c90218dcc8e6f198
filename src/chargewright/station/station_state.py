"""What somebody sees who stands before a virtual station: display, plugs, locks, vehicles, power and network."""

from collections.abc import Mapping

import msgspec

from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.presented_tag import PresentedTag
from chargewright.station.snapshot import ConnectorSnapshot
from chargewright.station.virtual import VirtualStation

__all__ = ["ConnectorState", "StationState", "VehicleState", "station_state", "without_measurements"]


class VehicleState(msgspec.Struct, frozen=True, kw_only=True):
    """A plugged vehicle. `soc_percent` and energies are what it knows itself, whatever the station is told."""

    capacity_wh: float
    soc_percent: float
    target_soc_percent: float
    phases: int
    max_current_a: float
    dc_power_w: float


class ConnectorState(msgspec.Struct, frozen=True, kw_only=True):
    """A connector as somebody sees who stands before it.

    `status` and what the station knows are None while it has no power; plug, lock and vehicle can be seen all the same.
    `is_locked` and `is_lock_jammed` are None where there is no lock. `id_tag` is masked.
    """

    connector_id: int
    status: ChargePointStatus | None
    error_code: ChargePointErrorCode
    is_plugged: bool
    is_locked: bool | None
    is_lock_jammed: bool | None
    vehicle: VehicleState | None
    power_w: float
    register_wh: int
    has_transaction: bool | None
    transaction_id: int | None
    transaction_energy_wh: int | None
    id_tag: str | None


class StationState(msgspec.Struct, frozen=True, kw_only=True):
    """A station and its surroundings. Energies in Wh, those of its memory's whole life; `messages_queued` are
    transaction messages that the CSMS has not answered. `last_tag` is the last one held before the reader, and what
    became of it; None without power, and after it was away."""

    station_id: str
    has_power: bool
    has_network: bool
    network_delay_seconds: float
    is_emergency_stopped: bool
    is_connected: bool
    is_accepted: bool
    connectors: tuple[ConnectorState, ...]
    transactions_completed: int
    energy_completed_wh: int
    energy_running_wh: int
    messages_queued: int
    last_tag: PresentedTag | None


def station_state(
    virtual: VirtualStation,
    station_id: str,
    faults: Mapping[int, ChargePointErrorCode],
    is_emergency_stopped: bool,
) -> StationState:
    """Look at it now; `faults` are what is broken, by connector."""
    snapshot = virtual.station.snapshot()
    has_power = virtual.has_power
    return StationState(
        station_id=station_id,
        has_power=has_power,
        has_network=virtual.network.is_up,
        network_delay_seconds=virtual.network.delay_seconds,
        is_emergency_stopped=is_emergency_stopped,
        is_connected=has_power and snapshot.is_connected,
        is_accepted=has_power and snapshot.is_accepted,
        connectors=tuple(
            _connector_state(shown, connector, has_power, faults.get(shown.connector_id))
            for shown, connector in zip(snapshot.connectors, virtual.connectors, strict=True)
        ),
        transactions_completed=snapshot.transactions_completed,
        energy_completed_wh=snapshot.energy_completed_wh,
        energy_running_wh=snapshot.energy_running_wh if has_power else 0,
        messages_queued=snapshot.messages_queued,
        last_tag=snapshot.last_tag if has_power else None,
    )


def without_measurements(state: StationState) -> StationState:
    """The same with zeros where it changes all the time while energy flows: what is left changes in steps."""
    return msgspec.structs.replace(
        state,
        energy_running_wh=0,
        connectors=tuple(
            msgspec.structs.replace(
                connector,
                power_w=0.0,
                register_wh=0,
                transaction_energy_wh=None,
                vehicle=None
                if connector.vehicle is None
                else msgspec.structs.replace(connector.vehicle, soc_percent=0.0),
            )
            for connector in state.connectors
        ),
    )


def _connector_state(
    shown: ConnectorSnapshot, connector: SimulatedConnector, has_power: bool, fault: ChargePointErrorCode | None
) -> ConnectorState:
    lock = connector.lock
    return ConnectorState(
        connector_id=shown.connector_id,
        status=shown.status if has_power else None,
        error_code=ChargePointErrorCode.NO_ERROR if fault is None else fault,
        is_plugged=connector.vehicle is not None or (lock is not None and lock.has_cable),
        is_locked=None if lock is None else lock.is_locked,
        is_lock_jammed=None if lock is None else lock.is_jammed,
        vehicle=None if connector.vehicle is None else _vehicle_state(connector.vehicle),
        power_w=shown.power_w,
        register_wh=shown.register_wh,
        has_transaction=shown.has_transaction if has_power else None,
        transaction_id=shown.transaction_id if has_power else None,
        transaction_energy_wh=shown.transaction_energy_wh if has_power else None,
        id_tag=shown.id_tag if has_power else None,
    )


def _vehicle_state(vehicle: Vehicle) -> VehicleState:
    return VehicleState(
        capacity_wh=vehicle.battery.capacity_wh,
        soc_percent=vehicle.battery.soc * 100,
        target_soc_percent=vehicle.target_soc * 100,
        phases=vehicle.phases,
        max_current_a=vehicle.max_current_a,
        dc_power_w=vehicle.battery.max_power_w,
    )
