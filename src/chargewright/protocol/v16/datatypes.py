"""Data types (§7) of which messages are built: id tags, configuration keys, meter values, charging profiles."""

import enum

from chargewright.protocol.v16.base import (
    UNSET,
    ChargingRate,
    CiString20,
    CiString50,
    CiString500,
    Integer,
    Message,
    Timestamp,
    UnsetType,
    check_charging_rate,
)

__all__ = [
    "AuthorizationStatus",
    "ChargingProfile",
    "ChargingProfileKindType",
    "ChargingProfilePurposeType",
    "ChargingRateUnitType",
    "ChargingSchedule",
    "ChargingSchedulePeriod",
    "IdTagInfo",
    "KeyValue",
    "Location",
    "Measurand",
    "MeterValue",
    "Phase",
    "ReadingContext",
    "RecurrencyKindType",
    "SampledValue",
    "UnitOfMeasure",
    "ValueFormat",
]


class AuthorizationStatus(enum.StrEnum):
    """What the CSMS thinks of an id tag (§7.2). `CONCURRENT_TX` has a meaning in StartTransaction only."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class IdTagInfo(Message):
    """Status of an id tag (§7.27)."""

    status: AuthorizationStatus
    expiry_date: Timestamp | UnsetType = UNSET
    parent_id_tag: CiString20 | UnsetType = UNSET


class KeyValue(Message):
    """A configuration key with its value (§7.29)."""

    key: CiString50
    readonly: bool
    value: CiString500 | UnsetType = UNSET


class ReadingContext(enum.StrEnum):
    """Why a value was read (§7.35). Absent: `SAMPLE_PERIODIC`."""

    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


class ValueFormat(enum.StrEnum):
    """How `SampledValue.value` is written (§7.49). Absent: `RAW`."""

    RAW = "Raw"
    SIGNED_DATA = "SignedData"


class Measurand(enum.StrEnum):
    """What was measured (§7.31, errata v4.0 §3.77). Absent: `ENERGY_ACTIVE_IMPORT_REGISTER`. Import: towards the EV."""

    CURRENT_EXPORT = "Current.Export"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    FREQUENCY = "Frequency"  # in hertz, sent without unit (errata v4.0 §3.84)
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_FACTOR = "Power.Factor"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    RPM = "RPM"
    SOC = "SoC"
    TEMPERATURE = "Temperature"
    VOLTAGE = "Voltage"


class Phase(enum.StrEnum):
    """The phase, or pair of conductors, measured (§7.34). Absent: the overall value."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    N = "N"
    L1_N = "L1-N"
    L2_N = "L2-N"
    L3_N = "L3-N"
    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L1 = "L3-L1"


class Location(enum.StrEnum):
    """Where it was measured (§7.30). Absent: `OUTLET`."""

    BODY = "Body"
    CABLE = "Cable"
    EV = "EV"
    INLET = "Inlet"
    OUTLET = "Outlet"


class UnitOfMeasure(enum.StrEnum):
    """Unit of a value (§7.45). Absent: `WH` where the measurand is an energy.

    Both spellings of the degree are received; `CELCIUS` is sent, for older schemas know no other (OCPP-J errata
    2025-04 §2.1).
    """

    WH = "Wh"
    KWH = "kWh"
    VARH = "varh"
    KVARH = "kvarh"
    W = "W"
    KW = "kW"
    VA = "VA"
    KVA = "kVA"
    VAR = "var"
    KVAR = "kvar"
    A = "A"
    V = "V"
    K = "K"
    CELCIUS = "Celcius"
    CELSIUS = "Celsius"
    FAHRENHEIT = "Fahrenheit"
    PERCENT = "Percent"


class SampledValue(Message):
    """One value (§7.43). `value` is text as the meter gave it: a decimal number, or a signed block."""

    value: str
    context: ReadingContext | UnsetType = UNSET
    format: ValueFormat | UnsetType = UNSET
    measurand: Measurand | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    unit: UnitOfMeasure | UnsetType = UNSET


class MeterValue(Message):
    """All values of one moment (§7.33). The schemas allow an empty list."""

    timestamp: Timestamp
    sampled_value: list[SampledValue]


class ChargingProfilePurposeType(enum.StrEnum):
    """What a charging profile limits (§7.10)."""

    CHARGE_POINT_MAX_PROFILE = "ChargePointMaxProfile"
    TX_DEFAULT_PROFILE = "TxDefaultProfile"
    TX_PROFILE = "TxProfile"


class ChargingProfileKindType(enum.StrEnum):
    """From when the periods of a schedule count (§7.9)."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RecurrencyKindType(enum.StrEnum):
    """How often a recurring schedule starts anew (§7.37): every 24 hours, every 7 days."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


class ChargingRateUnitType(enum.StrEnum):
    """Unit of a limit (§7.12): watt in total, or ampere per phase."""

    W = "W"
    A = "A"


class ChargingSchedulePeriod(Message):
    """A limit from `start_period` seconds after the start of the schedule on (§7.14)."""

    start_period: Integer
    limit: ChargingRate
    number_phases: Integer | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_charging_rate(self.limit, "limit")


class ChargingSchedule(Message):
    """Periods with limits (§7.13). `duration` in seconds; absent: the last period has no end."""

    charging_rate_unit: ChargingRateUnitType
    charging_schedule_period: list[ChargingSchedulePeriod]
    duration: Integer | UnsetType = UNSET
    start_schedule: Timestamp | UnsetType = UNSET
    min_charging_rate: ChargingRate | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.min_charging_rate is not UNSET:
            check_charging_rate(self.min_charging_rate, "minChargingRate")


class ChargingProfile(Message):
    """A schedule, and when and for what it holds (§7.8)."""

    charging_profile_id: Integer
    stack_level: Integer
    charging_profile_purpose: ChargingProfilePurposeType
    charging_profile_kind: ChargingProfileKindType
    charging_schedule: ChargingSchedule
    transaction_id: Integer | UnsetType = UNSET
    recurrency_kind: RecurrencyKindType | UnsetType = UNSET
    valid_from: Timestamp | UnsetType = UNSET
    valid_to: Timestamp | UnsetType = UNSET
