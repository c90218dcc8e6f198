"""Whether a station can take a charging profile, and what it answers when it cannot (§3.13.1, §5.16, errata v4.0
§3.38 f., §3.45, §3.56)."""

import enum
from collections.abc import Callable
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec

from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.recurrence import instant_of
from chargewright.charging_profiles.switches import Switches
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.datatypes import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
)
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.smart_charging import ChargingProfileStatus

__all__ = [
    "ProfileLimits",
    "Reason",
    "Refusal",
    "RefusalAnswer",
    "RunningTransaction",
    "check_for_start",
    "check_installable",
]

RefusalAnswer: TypeAlias = ChargingProfileStatus | ErrorCode

_Kind, _Purpose = ChargingProfileKindType, ChargingProfilePurposeType
_REJECTED: Final = ChargingProfileStatus.REJECTED


class Reason(enum.Enum):
    """Why a charging profile is refused. `answer` is the status of the response, or the code of the CALLERROR."""

    NOT_SUPPORTED = ("Smart Charging is not supported", ErrorCode.NOT_SUPPORTED)
    UNKNOWN_CONNECTOR = ("there is no such connector", ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    MAXIMUM_NOT_ON_STATION = ("a ChargePointMaxProfile is for connector 0", _REJECTED)
    TX_PROFILE_ON_STATION = ("a TxProfile is for a connector from 1", _REJECTED)
    NO_TRANSACTION = ("a TxProfile needs a running transaction", _REJECTED)
    OTHER_TRANSACTION = ("another transaction is running", _REJECTED)
    START_NEEDS_TX_PROFILE = ("a remote start takes a TxProfile only", _REJECTED)
    START_KNOWS_NO_TRANSACTION = ("a remote start knows no transactionId yet", _REJECTED)
    STACK_LEVEL = ("stackLevel is not one of ours", _REJECTED)
    NO_PERIODS = ("chargingSchedulePeriod is empty", _REJECTED)
    TOO_MANY_PERIODS = ("more periods than ChargingScheduleMaxPeriods", _REJECTED)
    FIRST_PERIOD = ("the first startPeriod is not 0", _REJECTED)
    PERIOD_ORDER = ("startPeriod does not rise", _REJECTED)
    NEGATIVE_LIMIT = ("a limit is below 0", _REJECTED)
    PHASES = ("numberPhases is not 1 to 3", _REJECTED)
    UNIT = ("chargingRateUnit is not in ChargingScheduleAllowedChargingRateUnit", _REJECTED)
    DURATION = ("duration leaves no time", _REJECTED)
    TIME_UNREADABLE = ("a time cannot be read", _REJECTED)
    VALIDITY = ("validTo is not after validFrom", _REJECTED)
    RECURRENCY_KIND_MISSING = ("a Recurring profile needs recurrencyKind", _REJECTED)
    RECURRENCY_KIND_MISPLACED = ("recurrencyKind is for Recurring profiles only", _REJECTED)
    RECURRING_WITHOUT_START = ("a Recurring profile needs startSchedule", _REJECTED)
    ABSOLUTE_WITHOUT_START = ("an Absolute profile needs startSchedule here", _REJECTED)
    RELATIVE_MAXIMUM = ("nothing begins that a ChargePointMaxProfile could be relative to", _REJECTED)
    FULL = ("MaxChargingProfilesInstalled is reached", _REJECTED)

    def __init__(self, sentence: str, answer: RefusalAnswer) -> None:
        self.sentence = sentence
        self.answer = answer


class Refusal(msgspec.Struct, frozen=True):
    """A charging profile that is refused; `detail` names the field, its value and what would be right."""

    reason: Reason
    detail: str

    @property
    def answer(self) -> RefusalAnswer:
        """The status to answer, or the code of the CALLERROR to answer with."""
        return self.reason.answer

    def __str__(self) -> str:
        return f"{self.reason.sentence}: {self.detail}"


class ProfileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a station can take. Stack levels go from 0 to `max_stack_level`, that one included; `allowed_units` are in
    the order of preference; `is_supported`: whether the station has Smart Charging at all."""

    number_of_connectors: int
    max_stack_level: int
    max_periods: int
    max_profiles: int
    allowed_units: tuple[ChargingRateUnitType, ...] = (ChargingRateUnitType.A, ChargingRateUnitType.W)
    is_supported: bool = True


class RunningTransaction(msgspec.Struct, frozen=True):
    """The transaction that runs on the connector; `transaction_id` is None as long as the CSMS has not answered."""

    transaction_id: int | None = None


class _Question(msgspec.Struct, frozen=True):
    profile: ChargingProfile
    connector_id: int
    limits: ProfileLimits
    switches: Switches
    profiles: ProfileSet
    transaction: RunningTransaction | None


def check_installable(
    profile: ChargingProfile,
    connector_id: int,
    limits: ProfileLimits,
    profiles: ProfileSet,
    transaction: RunningTransaction | None = None,
) -> Refusal | None:
    """Why a SetChargingProfile is refused; None when the profile can be installed.

    `profiles` is what is installed, and says which choices hold; `transaction` is that of the connector.
    """
    return _first(_RULES, _Question(profile, connector_id, limits, profiles.switches, profiles, transaction))


def check_for_start(
    profile: ChargingProfile, connector_id: int, limits: ProfileLimits, profiles: ProfileSet
) -> Refusal | None:
    """Why the profile of a RemoteStartTransaction for that connector is refused (§5.16.2, errata v4.0 §3.41); None when
    it can be installed once the transaction starts. A station without Smart Charging ignores it instead (§5.11)."""
    return _first(_RULES_FOR_START, _Question(profile, connector_id, limits, profiles.switches, profiles, None))


# A rule gives the detail of its refusal, or None.
_Rule: TypeAlias = Callable[[_Question], str | None]


def _first(rules: tuple[tuple[Reason, _Rule], ...], question: _Question) -> Refusal | None:
    for reason, rule in rules:
        detail = rule(question)
        if detail is not None:
            return Refusal(reason, detail)
    return None


def _not_supported(question: _Question) -> str | None:
    return None if question.limits.is_supported else "no charging profile can be installed"


def _unknown_connector(question: _Question) -> str | None:
    last = question.limits.number_of_connectors
    if 0 <= question.connector_id <= last:
        return None
    return f"connectorId {question.connector_id}: there are 0 to {last}"


def _maximum_not_on_station(question: _Question) -> str | None:
    is_maximum = question.profile.charging_profile_purpose is _Purpose.CHARGE_POINT_MAX_PROFILE
    return f"connectorId {question.connector_id}" if is_maximum and question.connector_id != 0 else None


def _is_tx_profile(question: _Question) -> bool:
    return question.profile.charging_profile_purpose is _Purpose.TX_PROFILE


def _tx_profile_on_station(question: _Question) -> str | None:
    return "connectorId 0" if _is_tx_profile(question) and question.connector_id == 0 else None


def _no_transaction(question: _Question) -> str | None:
    is_missing = _is_tx_profile(question) and question.transaction is None
    return f"none runs on connector {question.connector_id}" if is_missing else None


def _other_transaction(question: _Question) -> str | None:
    number = question.profile.transaction_id
    running = question.transaction
    if not _is_tx_profile(question) or isinstance(number, UnsetType) or running is None:
        return None
    return None if number == running.transaction_id else f"transactionId {number}, not {running.transaction_id}"


def _start_needs_tx_profile(question: _Question) -> str | None:
    purpose = question.profile.charging_profile_purpose
    return None if purpose is _Purpose.TX_PROFILE else f"chargingProfilePurpose {purpose.value}"


def _start_knows_no_transaction(question: _Question) -> str | None:
    number = question.profile.transaction_id
    return None if isinstance(number, UnsetType) else f"transactionId {number}"


def _stack_level(question: _Question) -> str | None:
    level, highest = question.profile.stack_level, question.limits.max_stack_level
    return None if 0 <= level <= highest else f"stackLevel {level}: there are 0 to {highest}"


def _no_periods(question: _Question) -> str | None:
    return None if question.profile.charging_schedule.charging_schedule_period else "at least one is needed"


def _too_many_periods(question: _Question) -> str | None:
    number = len(question.profile.charging_schedule.charging_schedule_period)
    most = question.limits.max_periods
    return None if number <= most else f"{number} periods: at most {most}"


def _first_period(question: _Question) -> str | None:
    start = question.profile.charging_schedule.charging_schedule_period[0].start_period
    return None if start == 0 else f"startPeriod {start}"


def _period_order(question: _Question) -> str | None:
    for before, after in pairwise(question.profile.charging_schedule.charging_schedule_period):
        if after.start_period <= before.start_period:
            return f"startPeriod {after.start_period} comes after {before.start_period}"
    return None


def _negative_limit(question: _Question) -> str | None:
    for period in question.profile.charging_schedule.charging_schedule_period:
        if period.limit < 0:
            return f"limit {period.limit} of startPeriod {period.start_period}"
    return None


def _phases(question: _Question) -> str | None:
    for period in question.profile.charging_schedule.charging_schedule_period:
        if not isinstance(period.number_phases, UnsetType) and not 1 <= period.number_phases <= 3:
            return f"numberPhases {period.number_phases} of startPeriod {period.start_period}"
    return None


def _unit(question: _Question) -> str | None:
    unit, allowed = question.profile.charging_schedule.charging_rate_unit, question.limits.allowed_units
    if unit in allowed:
        return None
    return f"chargingRateUnit {unit.value}: allowed is {', '.join(word.value for word in allowed) or 'none'}"


def _duration(question: _Question) -> str | None:
    duration = question.profile.charging_schedule.duration
    return None if isinstance(duration, UnsetType) or duration > 0 else f"duration {duration}"


def _time_unreadable(question: _Question) -> str | None:
    profile = question.profile
    stamps: tuple[tuple[str, Timestamp | UnsetType], ...] = (
        ("validFrom", profile.valid_from),
        ("validTo", profile.valid_to),
        ("startSchedule", profile.charging_schedule.start_schedule),
    )
    for field, stamp in stamps:
        if not isinstance(stamp, UnsetType) and not stamp.is_readable:
            return f"{field} {stamp.text!r}"
    return None


def _validity(question: _Question) -> str | None:
    begin, end = instant_of(question.profile.valid_from), instant_of(question.profile.valid_to)
    if begin is None or end is None or begin < end:
        return None
    return f"validFrom {question.profile.valid_from}, validTo {question.profile.valid_to}"


def _has_start(question: _Question) -> bool:
    return not isinstance(question.profile.charging_schedule.start_schedule, UnsetType)


def _recurrency_kind_missing(question: _Question) -> str | None:
    profile = question.profile
    is_recurring = profile.charging_profile_kind is _Kind.RECURRING
    return "Daily or Weekly" if is_recurring and isinstance(profile.recurrency_kind, UnsetType) else None


def _recurrency_kind_misplaced(question: _Question) -> str | None:
    kind, recurrency = question.profile.charging_profile_kind, question.profile.recurrency_kind
    if kind is _Kind.RECURRING or isinstance(recurrency, UnsetType):
        return None
    return f"recurrencyKind {recurrency.value} with chargingProfileKind {kind.value}"


def _recurring_without_start(question: _Question) -> str | None:
    is_recurring = question.profile.charging_profile_kind is _Kind.RECURRING
    return "there is none" if is_recurring and not _has_start(question) else None


def _absolute_without_start(question: _Question) -> str | None:
    is_absolute = question.profile.charging_profile_kind is _Kind.ABSOLUTE
    is_refused = question.switches.absolute_without_start == "reject" and is_absolute and not _has_start(question)
    return "there is none" if is_refused else None


def _relative_maximum(question: _Question) -> str | None:
    profile = question.profile
    is_maximum = profile.charging_profile_purpose is _Purpose.CHARGE_POINT_MAX_PROFILE
    is_relative = profile.charging_profile_kind is _Kind.RELATIVE
    is_refused = question.switches.relative_maximum == "reject" and is_maximum and is_relative
    return "chargingProfileKind Relative" if is_refused else None


def _full(question: _Question) -> str | None:
    replaced = question.profiles.replaced_by(question.profile, question.connector_id)
    most = question.limits.max_profiles
    stay = len(question.profiles) - len(replaced)
    return None if stay < most else f"{stay} of {most} would stay installed"


# In this order: the first rule that is broken gives the answer.
_FORM: Final[tuple[tuple[Reason, _Rule], ...]] = (
    (Reason.STACK_LEVEL, _stack_level),
    (Reason.NO_PERIODS, _no_periods),
    (Reason.TOO_MANY_PERIODS, _too_many_periods),
    (Reason.FIRST_PERIOD, _first_period),
    (Reason.PERIOD_ORDER, _period_order),
    (Reason.NEGATIVE_LIMIT, _negative_limit),
    (Reason.PHASES, _phases),
    (Reason.UNIT, _unit),
    (Reason.DURATION, _duration),
    (Reason.TIME_UNREADABLE, _time_unreadable),
    (Reason.VALIDITY, _validity),
    (Reason.RECURRENCY_KIND_MISSING, _recurrency_kind_missing),
    (Reason.RECURRENCY_KIND_MISPLACED, _recurrency_kind_misplaced),
    (Reason.RECURRING_WITHOUT_START, _recurring_without_start),
    (Reason.ABSOLUTE_WITHOUT_START, _absolute_without_start),
    (Reason.RELATIVE_MAXIMUM, _relative_maximum),
    (Reason.FULL, _full),
)
_PLACE: Final[tuple[tuple[Reason, _Rule], ...]] = (
    (Reason.NOT_SUPPORTED, _not_supported),
    (Reason.UNKNOWN_CONNECTOR, _unknown_connector),
)
_RULES: Final = (
    *_PLACE,
    (Reason.MAXIMUM_NOT_ON_STATION, _maximum_not_on_station),
    (Reason.TX_PROFILE_ON_STATION, _tx_profile_on_station),
    (Reason.NO_TRANSACTION, _no_transaction),
    (Reason.OTHER_TRANSACTION, _other_transaction),
    *_FORM,
)
_RULES_FOR_START: Final = (
    *_PLACE,
    (Reason.START_NEEDS_TX_PROFILE, _start_needs_tx_profile),
    (Reason.START_KNOWS_NO_TRANSACTION, _start_knows_no_transaction),
    (Reason.TX_PROFILE_ON_STATION, _tx_profile_on_station),
    *_FORM,
)
