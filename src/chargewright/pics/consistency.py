"""What must fit together in a PICS: rows that repeat one another, rows that need a profile, limits without a value."""

import string
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from chargewright.errors import ConfigurationError
from chargewright.pics import reading
from chargewright.pics.enumerations import (
    Answer,
    Cable,
    CertificationExtension,
    CertificationProfile,
    CipherSuite,
    Current,
    Support,
    TestResult,
)
from chargewright.pics.model import CsmsPics, PicsRecord
from chargewright.pics.rows import rows
from chargewright.pics.station import LIMITS, MEASURAND_KEYS, StationPics
from chargewright.pics.station_sections import ConnectorRow
from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS

__all__ = ["Inconsistency", "check", "inconsistencies"]

ECDSA_PAIR: Final = {CipherSuite.ECDHE_ECDSA_AES_128_GCM, CipherSuite.ECDHE_ECDSA_AES_256_GCM}
RSA_PAIR: Final = {CipherSuite.RSA_AES_128_GCM, CipherSuite.RSA_AES_256_GCM}
PRINTABLE_ASCII: Final = frozenset(string.ascii_letters + string.digits + string.punctuation + " ")
INTERVALS: Final = (
    ("MinimumMeterValueSampleInterval", "MaximumMeterValueSampleInterval"),
    ("MinimumHeartbeatInterval", "MaximumHeartbeatInterval"),
)
# Of a configuration key on the wire (§7.29).
KEY_LENGTH: Final = 50
VALUE_LENGTH: Final = 500
# Limits with which a station can work: lists that hold something, numbers that fit 32 bits, a chain of certificates
# that fits its field, and a transaction's data with its first and last value.
MOST: Final = 2_147_483_647
POSSIBLE: Final[Mapping[str, tuple[int, int]]] = {
    "GetConfigurationMaxKeys": (1, MOST),
    **{f"{key}MaxLength": (1, MOST) for key in MEASURAND_KEYS},
    "MaximumMeterValueSampleInterval": (1, MOST),
    "MaximumHeartbeatInterval": (1, MOST),
    "StopTransactionMaxMeterValues": (2, MOST),
    "WebSocketPingInterval": (0, 999_999_999),
    "LocalAuthListMaxLength": (1, MOST),
    "SendLocalListMaxLength": (1, MOST),
    "ChargeProfileMaxStackLevel": (0, MOST),
    "ChargingScheduleMaxPeriods": (1, MOST),
    "MaxChargingProfilesInstalled": (1, MOST),
    "CertificateSignedMaxChainSize": (1, 10_000),
    "CertificateStoreMaxLength": (1, MOST),
}
# At least one of each group must be answered with Yes.
ONE_OF: Final = (("C-06.1", "C-06.2"), ("AQ-7.1", "AQ-7.2"), ("SC-1.1", "SC-1.2"), ("SEC-1", "SEC-2", "SEC-3"))


class Inconsistency(msgspec.Struct, frozen=True):
    """A row whose value does not fit the others."""

    row: str
    value: object
    expected: str


def check(pics: StationPics | CsmsPics, where: str) -> None:
    """Raise ConfigurationError for the first inconsistency; `where` names the file."""
    for found in inconsistencies(pics, where):
        raise ConfigurationError(where, found.row, found.value, found.expected)


def inconsistencies(pics: StationPics | CsmsPics, where: str) -> Iterator[Inconsistency]:
    """Everything that does not fit, in the order of the file. A printed text that cannot be read is raised."""
    yield from _results(pics)
    if isinstance(pics, StationPics):
        for rule in STATION_RULES:
            yield from rule(pics)
    elif pics.performance is not None:
        yield from _durations(pics, where)
    yield from _printed(pics, where)


def _results(pics: PicsRecord) -> Iterator[Inconsistency]:
    results: dict[str, TestResult] = {
        f"profiles.{field.encode_name}": getattr(pics.profiles, field.name)
        for field in msgspec.structs.fields(pics.profiles)
    }
    if isinstance(pics, StationPics):
        results["extensions.Security extension"] = pics.extensions.security
    if pics.certificate is not None and pics.test_report is None:
        yield Inconsistency("test_report", None, "the test report that belongs to the certificate")
    for row, result in results.items():
        if pics.certificate is None and result is TestResult.PASS:
            yield Inconsistency(row, result.value, "Supported, or a [certificate] that says Pass")
        if pics.certificate is not None and result is TestResult.SUPPORTED:
            yield Inconsistency(row, result.value, "what the certificate prints: Pass or Not Tested")
    if pics.support(CertificationProfile.CORE) is not Support.SUPPORTED:
        yield Inconsistency("profiles.Core", pics.profiles.core.value, "Pass or Supported: nothing works without Core")


def _connectors(pics: StationPics) -> Iterator[Inconsistency]:
    count = len(pics.connectors)
    if pics.hardware.connectors != count:
        yield Inconsistency("HFS-8", pics.hardware.connectors, f"{count}, the number of [[connectors]] in the file")
    for number, row in enumerate(pics.connectors, start=1):
        name = f"connectors.{number}"
        if row.connector != number:
            yield Inconsistency(f"{name}.connector", row.connector, f"{number}: connectors count from 1 in order")
        if row.current is Current.AC and row.phases is None:
            yield Inconsistency(f"{name}.phases", None, "a number of phases, because the current is AC")
        if row.current is Current.DC and row.phases is not None:
            yield Inconsistency(f"{name}.phases", row.phases.value, "no phases, because the current is DC")
        cable = {"c": Cable.FIXED, "s": Cable.DETACHABLE}.get(row.type.value[0])
        if cable is not None and row.cable is not cable:
            yield Inconsistency(
                f"{name}.cable", row.cable.value, f"{cable.value}, because the type is {row.type.value}"
            )


def _hardware(pics: StationPics) -> Iterator[Inconsistency]:
    def phases(number: int) -> Callable[[ConnectorRow], bool]:
        return lambda row: row.phases is not None and number in row.phases.numbers

    facts: dict[str, tuple[Answer, Callable[[ConnectorRow], bool]]] = {
        "HFS-1": (pics.hardware.detachable_cable, lambda row: row.cable is Cable.DETACHABLE),
        "HFS-2": (pics.hardware.fixed_cable, lambda row: row.cable is Cable.FIXED),
        "HFS-3": (pics.hardware.ac, lambda row: row.current is Current.AC),
        "HFS-4": (pics.hardware.dc, lambda row: row.current is Current.DC),
        "HFS-5": (pics.hardware.one_phase, phases(1)),
        "HFS-6": (pics.hardware.two_phases, phases(2)),
        "HFS-7": (pics.hardware.three_phases, phases(3)),
    }
    for name, (answer, fits) in facts.items():
        shown = Answer.YES if any(fits(row) for row in pics.connectors) else Answer.NO
        if answer is not shown:
            yield Inconsistency(name, answer.value, f"{shown.value}, as the [[connectors]] in the file show")


def _profile_rows(pics: StationPics) -> Iterator[Inconsistency]:
    claimed = rows(pics)
    security = CertificationExtension.SECURITY
    needs: dict[str, CertificationProfile | CertificationExtension] = {
        "SC-1.1": CertificationProfile.SMART_CHARGING,
        "SC-1.2": CertificationProfile.SMART_CHARGING,
        "R-1": CertificationProfile.RESERVATION,
        "F-1": CertificationProfile.FIRMWARE_MANAGEMENT,
        "SEC-1": security,
        "SEC-2": security,
        "SEC-3": security,
        "AQ-1": security,
        "AQ-3": security,
        "ORS-12": CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT,
        "ORS-13": CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT,
        "ORS-14": CertificationProfile.SMART_CHARGING,
        "ORS-15": CertificationProfile.SMART_CHARGING,
    }
    for row, profile in needs.items():
        if row in claimed and not pics.is_supported(profile):
            yield Inconsistency(row, _shown(claimed[row]), f"no such row, because {profile.value} is not supported")
        if row not in claimed and not row.startswith("ORS-") and pics.is_supported(profile):
            yield Inconsistency(row, None, f"an answer, because {profile.value} is supported")
    for group in ONE_OF:
        answers = [claimed[row] for row in group if row in claimed]
        if answers and Answer.YES not in answers:
            yield Inconsistency(group[0], Answer.NO.value, f"Yes in at least one of {', '.join(group)}")


def _cipher_suites(pics: StationPics) -> Iterator[Inconsistency]:
    if pics.security is None:
        return
    suites = pics.security.cipher_suites
    speaks_tls = bool(pics.security.profile_2) or bool(pics.security.profile_3)
    if suites is not None and not speaks_tls:
        yield Inconsistency("SEC-4", _shown(suites), "no such row, because neither SEC-2 nor SEC-3 is Yes")
    if speaks_tls and not any(pair <= set(suites or ()) for pair in (ECDSA_PAIR, RSA_PAIR)):
        pairs = " or ".join(" with ".join(sorted(suite.value for suite in pair)) for pair in (ECDSA_PAIR, RSA_PAIR))
        yield Inconsistency("SEC-4", _shown(suites), f"at least {pairs} (A00.FR.317)")


def _measurands(pics: StationPics) -> Iterator[Inconsistency]:
    if pics.meter_values is not None:
        for row, lists in (("C-09.1", pics.meter_values.sampled), ("C-09.2", pics.meter_values.aligned)):
            beyond = sorted({measurand.value for measurand in set(lists.tested or ()) - set(lists.supported)})
            if beyond:
                yield Inconsistency(f"{row}.tested", beyond, f"only measurands that {row}.supported holds too")
    assumed = {
        field.encode_name: getattr(pics.assumed.meter_values, field.name)
        for field in msgspec.structs.fields(pics.assumed.meter_values)
    }
    for key, claimed_in in MEASURAND_KEYS.items():
        name = f"assumed.meter_values.{key}"
        is_claimed = claimed_in is not None and pics.meter_values is not None
        if is_claimed and assumed[key] is not None:
            yield Inconsistency(name, _shown(assumed[key]), f"nothing, because row {claimed_in} claims it")
        if not is_claimed and assumed[key] is None:
            yield Inconsistency(name, None, f"a list of measurands, because row {claimed_in} is absent")


def _limits(pics: StationPics) -> Iterator[Inconsistency]:
    for name, value in pics.assumed.limits.items():
        if name not in LIMITS:
            yield Inconsistency(f"assumed.limits.{name}", value, f"one of the limits {', '.join(LIMITS)}")
            return
    for name, source in LIMITS.items():
        claimed, assumed = pics.claimed_limit(name), pics.assumed.limits.get(name)
        if not pics.is_supported(source.needs):
            if assumed is not None:
                yield Inconsistency(
                    f"assumed.limits.{name}", assumed, f"nothing, because {source.needs.value} is not supported"
                )
        elif claimed is not None and assumed is not None:
            yield Inconsistency(
                f"assumed.limits.{name}", assumed, f"nothing, because row {source.row} claims {claimed}"
            )
        elif claimed is None and assumed is None:
            rows_of_it = f"row {source.row} or " if source.row else ""
            yield Inconsistency(f"assumed.limits.{name}", None, f"{rows_of_it}an assumed whole number")
            return
    for name, (least, most) in POSSIBLE.items():
        if not pics.is_supported(LIMITS[name].needs):
            continue
        value = pics.limit(name)
        if not least <= value <= most:
            row = LIMITS[name].row if pics.claimed_limit(name) is not None else f"assumed.limits.{name}"
            yield Inconsistency(str(row), value, f"{least} to {most}: a station could not work with it")
    for lowest, highest in INTERVALS:
        if pics.limit(lowest) > pics.limit(highest):
            row = LIMITS[highest].row if pics.claimed_limit(highest) is not None else f"assumed.limits.{highest}"
            yield Inconsistency(str(row), pics.limit(highest), f"at least {pics.limit(lowest)}, the {lowest}")
    protocols = pics.assumed.file_transfer_protocols
    if pics.settings.file_transfer_protocols is not None and protocols is not None:
        yield Inconsistency(
            "assumed.file_transfer_protocols", _shown(protocols), "nothing, because row ORS-16 claims them"
        )


def _assumed_connectors(pics: StationPics) -> Iterator[Inconsistency]:
    count = len(pics.connectors)
    if len(pics.assumed.connectors) != count:
        yield Inconsistency("assumed.connectors", len(pics.assumed.connectors), f"{count}, one for each connector")
    for number, (row, assumed) in enumerate(zip(pics.connectors, pics.assumed.connectors, strict=False), start=1):
        name = f"assumed.connectors.{number}"
        if assumed.connector != number:
            yield Inconsistency(f"{name}.connector", assumed.connector, f"{number}: connectors count from 1 in order")
        phases = 1 if row.phases is None else max(row.phases.numbers)
        most = assumed.maximum_voltage_v * assumed.maximum_current_a * phases
        if assumed.rated_power_w > most:
            yield Inconsistency(
                f"{name}.rated_power_w", assumed.rated_power_w, f"at most {most:.0f}: voltage × current × {phases}"
            )
    for field in ("vendor", "model", "serial_number", "firmware_version", "meter_type", "meter_serial_number"):
        text: str = getattr(pics.assumed, field)
        if not PRINTABLE_ASCII.issuperset(text):
            yield Inconsistency(f"assumed.{field}", text, "printable ASCII" + reading.name_odd_characters(text))


def _vendor_keys(pics: StationPics) -> Iterator[Inconsistency]:
    standard = {name.casefold(): name for name in CONFIGURATION_KEYS}
    seen: dict[str, str] = {}
    for name, value in pics.assumed.vendor_keys.items():
        row, folded = f"assumed.vendor_keys.{name}", name.casefold()
        if not 1 <= len(name) <= KEY_LENGTH or not PRINTABLE_ASCII.issuperset(name):
            yield Inconsistency(row, name, f"a name of 1 to {KEY_LENGTH} characters of printable ASCII")
        elif folded in standard:
            yield Inconsistency(row, name, f"another name: {standard[folded]} is a key of the specification")
        elif folded in seen:
            yield Inconsistency(row, name, f"another name: {seen[folded]} differs in the case of letters only")
        elif len(value) > VALUE_LENGTH or not PRINTABLE_ASCII.issuperset(value):
            yield Inconsistency(row, value, f"at most {VALUE_LENGTH} characters of printable ASCII")
        seen[folded] = name


STATION_RULES: Final[tuple[Callable[[StationPics], Iterator[Inconsistency]], ...]] = (
    _connectors,
    _hardware,
    _profile_rows,
    _cipher_suites,
    _measurands,
    _limits,
    _assumed_connectors,
    _vendor_keys,
)


def _durations(pics: CsmsPics, where: str) -> Iterator[Inconsistency]:
    for row, value in rows(pics).items():
        if row.endswith((".pics_value", ".measured_value")) and isinstance(value, str):
            reading.read_seconds(reading.Cell(where=where, row=row, text=value))
    yield from ()


def _printed(pics: StationPics | CsmsPics, where: str) -> Iterator[Inconsistency]:
    claimed = rows(pics)
    for row, text in pics.printed.items():
        if row not in claimed:
            yield Inconsistency(f"printed.{row}", text, "the id of a row that this file states")
            continue
        read = reading.read_like(reading.Cell(where=where, row=f"printed.{row}", text=text), claimed[row])
        if read != claimed[row]:
            yield Inconsistency(f"printed.{row}", text, f"a text that reads as {_shown(claimed[row])}")
    for row, text in pics.wording.items():
        reading.read_wording(reading.Cell(where=where, row=row, text=text))


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(_shown(item)) for item in value)
    return getattr(value, "value", value)
