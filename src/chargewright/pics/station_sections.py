"""The sections of a station's PICS: hardware, optional features, questions, settings, performance.

The TOML key of a row is its printed id. A row that a certificate does not print is `None`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from chargewright.pics.enumerations import (
    Answer,
    Cable,
    CipherSuite,
    ConnectorType,
    Current,
    FileTransferProtocol,
    Phases,
    RfidReaders,
    Technology,
)
from chargewright.pics.model import Text
from chargewright.protocol.v16.datatypes import Measurand

__all__ = [
    "AdditionalQuestions",
    "ConnectorRow",
    "CoreFeatures",
    "FirmwareFeatures",
    "Hardware",
    "MeasurandRow",
    "MeterValueFeatures",
    "ReservationFeatures",
    "SecurityFeatures",
    "Settings",
    "SmartChargingFeatures",
    "StationDuration",
    "StationPerformance",
]

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]


class Hardware(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "detachable_cable": "HFS-1",
        "fixed_cable": "HFS-2",
        "ac": "HFS-3",
        "dc": "HFS-4",
        "one_phase": "HFS-5",
        "two_phases": "HFS-6",
        "three_phases": "HFS-7",
        "connectors": "HFS-8",
        "communication": "HFS-9",
        "rfid_readers": "HFS-10",
    },
):
    """The hardware feature set."""

    detachable_cable: Answer
    fixed_cable: Answer
    ac: Answer
    dc: Answer
    one_phase: Answer
    two_phases: Answer
    three_phases: Answer
    connectors: Annotated[int, Meta(ge=1)]
    communication: tuple[Technology, ...]
    rfid_readers: RfidReaders


class ConnectorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the connector table."""

    connector: Annotated[int, Meta(ge=1)]
    current: Current
    phases: Phases | None = None
    type: ConnectorType
    cable: Cable


class CoreFeatures(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "offline_authorization": "C-01",
        "offline_authorization_of_unknown_ids": "C-02",
        "maximum_energy_for_invalid_ids": "C-03",
        "authorization_cache": "C-04",
        "limited_status_notifications": "C-05",
        "keeps_authorization_on_ev_side_disconnect": "C-06.1",
        "ends_authorization_on_ev_side_disconnect": "C-06.2",
        "local_start": "C-07",
        "local_stop": "C-08",
    },
):
    """The optional features of Core."""

    offline_authorization: Answer
    offline_authorization_of_unknown_ids: Answer
    maximum_energy_for_invalid_ids: Answer
    authorization_cache: Answer
    limited_status_notifications: Answer
    keeps_authorization_on_ev_side_disconnect: Answer
    ends_authorization_on_ev_side_disconnect: Answer
    local_start: Answer
    local_stop: Answer


class MeasurandRow(msgspec.Struct, frozen=True, kw_only=True):
    """The measurands of one list: tested by the laboratory, and supported according to the vendor."""

    tested: tuple[Measurand, ...] | None = None
    supported: tuple[Measurand, ...]


class MeterValueFeatures(msgspec.Struct, frozen=True, kw_only=True, rename={"sampled": "C-09.1", "aligned": "C-09.2"}):
    """The measurands of MeterValuesSampledData and MeterValuesAlignedData."""

    sampled: MeasurandRow
    aligned: MeasurandRow


class SmartChargingFeatures(msgspec.Struct, frozen=True, kw_only=True, rename={"amperes": "SC-1.1", "watts": "SC-1.2"}):
    """The units of charging rates."""

    amperes: Answer
    watts: Answer


class ReservationFeatures(msgspec.Struct, frozen=True, kw_only=True, rename={"entire_station": "R-1"}):
    """Whether connector 0 can be reserved."""

    entire_station: Answer


class FirmwareFeatures(msgspec.Struct, frozen=True, kw_only=True, rename={"secure_updates": "F-1"}):
    """Whether firmware can come signed."""

    secure_updates: Answer


class SecurityFeatures(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"profile_1": "SEC-1", "profile_2": "SEC-2", "profile_3": "SEC-3", "cipher_suites": "SEC-4"},
):
    """Security profiles and cipher suites."""

    profile_1: Answer
    profile_2: Answer
    profile_3: Answer
    cipher_suites: tuple[CipherSuite, ...] | None = None


class AdditionalQuestions(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "removes_last_root_certificate": "AQ-1",
        "locks_before_authorization": "AQ-2",
        "removes_last_station_certificate": "AQ-3",
        "downloads_during_transaction": "AQ-4",
        "requires_connector_selection": "AQ-5",
        "charges_by_iec_61851_1": "AQ-6",
        "stops_before_going_down": "AQ-7.1",
        "stops_after_going_down": "AQ-7.2",
    },
):
    """What a laboratory asks beside the features."""

    removes_last_root_certificate: Answer | None = None
    locks_before_authorization: Answer
    removes_last_station_certificate: Answer | None = None
    downloads_during_transaction: Answer
    requires_connector_selection: Answer
    charges_by_iec_61851_1: Answer
    stops_before_going_down: Answer
    stops_after_going_down: Answer


class Settings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "get_configuration_max_keys": "ORS-1",
        "meter_values_aligned_data_max_length": "ORS-2",
        "meter_values_sampled_data_max_length": "ORS-3",
        "minimum_meter_value_sample_interval": "ORS-4",
        "maximum_meter_value_sample_interval": "ORS-5",
        "minimum_heartbeat_interval": "ORS-6",
        "maximum_heartbeat_interval": "ORS-7",
        "stop_transaction_max_meter_values": "ORS-8",
        "stop_txn_aligned_data_max_length": "ORS-9",
        "stop_txn_sampled_data_max_length": "ORS-10",
        "web_socket_ping_interval": "ORS-11",
        "local_auth_list_max_length": "ORS-12",
        "send_local_list_max_length": "ORS-13",
        "charge_profile_max_stack_level": "ORS-14",
        "charging_schedule_max_periods": "ORS-15",
        "file_transfer_protocols": "ORS-16",
    },
):
    """Other relevant settings; intervals in seconds."""

    get_configuration_max_keys: Count | None = None
    meter_values_aligned_data_max_length: Count | None = None
    meter_values_sampled_data_max_length: Count | None = None
    minimum_meter_value_sample_interval: Count | None = None
    maximum_meter_value_sample_interval: Count | None = None
    minimum_heartbeat_interval: Count | None = None
    maximum_heartbeat_interval: Count | None = None
    stop_transaction_max_meter_values: Count | None = None
    stop_txn_aligned_data_max_length: Count | None = None
    stop_txn_sampled_data_max_length: Count | None = None
    web_socket_ping_interval: Count | None = None
    local_auth_list_max_length: Count | None = None
    send_local_list_max_length: Count | None = None
    charge_profile_max_stack_level: Count | None = None
    charging_schedule_max_periods: Count | None = None
    file_transfer_protocols: tuple[FileTransferProtocol, ...] | None = None


class StationDuration(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the performance tables, in seconds: the PICS value and what was measured."""

    pics_maximum: Seconds
    pics_unit: Text = "seconds"
    measured_minimum: Seconds | None = None
    measured_maximum: Seconds | None = None
    measured_average: Seconds | None = None
    measured_unit: Text | None = None


class StationPerformance(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "response_timeout": "OCPP response timeout",
        "triggered_function_timeout": "OCPP triggered function timeout",
        "remote_start_time": "Transaction authorization time by RemoteStartTransaction",
        "remote_stop_time": "Transaction authorization end time by RemoteStopTransaction",
        "communication_technology": "Communication technology",
    },
):
    """The performance of a station."""

    response_timeout: StationDuration
    triggered_function_timeout: StationDuration
    remote_start_time: StationDuration
    remote_stop_time: StationDuration
    communication_technology: Technology | None = None
