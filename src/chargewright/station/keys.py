"""The configuration keys that a station of ours can obey: one row each (§9).

A key stands here only when changing it changes something.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.pki.csr import ORGANISATION_CHARACTERS
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.station.key_effects import EFFECTS
from chargewright.station.product import Bounds, Product, Security
from chargewright.transport.basic_auth import is_authorization_key

__all__ = ["KEYS", "Key", "vendor_key"]

# Gives the standard form of a value, or None when it may not be set.
Check = Callable[[str, Product], str | None]
Default = Callable[[Product], str]

# Wire texts may be 500 characters; more digits than this are no sensible integer and would not fit 64 bits.
_INTEGER: Final = re.compile(r"\+?[0-9]{1,9}")
_PROFILES: Final = (
    FeatureProfile.CORE,
    FeatureProfile.FIRMWARE_MANAGEMENT,
    FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT,
    FeatureProfile.RESERVATION,
    FeatureProfile.SMART_CHARGING,
    FeatureProfile.REMOTE_TRIGGER,
)
_ROTATION: Final = re.compile(r"([0-9]{1,3})\.(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)")


class Key(msgspec.Struct, frozen=True):
    """One configuration key.

    `check` is None for a key that cannot be written; `is_read_only` may add to that for a product. `after_reboot`: the
    change takes effect at the next connection only. `exists` tells which products have it. `is_write_only`: its value
    is never told.
    """

    name: str
    default: Default
    check: Check | None = None
    after_reboot: bool = False
    exists: Callable[[Product], bool] = lambda product: True
    is_read_only: Callable[[Product], bool] = lambda product: False
    is_write_only: bool = False

    @property
    def effect(self) -> str:
        """What it changes on the wire, or tells where it cannot be written."""
        return EFFECTS[self.name]


def vendor_key(name: str, first_value: str) -> Key:
    """A key that a maker added: whatever is written is kept and told untouched, and nothing else is known of it."""
    return Key(name, _fixed(first_value), lambda value, product: value)


def _boolean(value: str, product: Product) -> str | None:
    return value.lower() if value.lower() in ("true", "false") else None


def _measurand_list(name: str) -> Check:
    def check(value: str, product: Product) -> str | None:
        # Enumerations are case-sensitive (§2.2). An empty list is allowed; one unknown name refuses all (§3.16.4).
        items = [item.strip() for item in value.split(",")] if value.strip() else []
        rule = product.measurand_lists[name]
        is_legal = len(items) <= rule.max_length and all(item in rule.allowed for item in items)
        return ",".join(items) if is_legal else None

    return check


def _phase_rotation(value: str, product: Product) -> str | None:
    items = [item.strip() for item in value.split(",")] if value.strip() else []
    matches = [_ROTATION.fullmatch(item) for item in items]
    if any(match is None or int(match[1]) > len(product.outlets) for match in matches):
        return None
    return ",".join(items)


def _integer(name: str, least: int) -> Check:
    def check(value: str, product: Product) -> str | None:
        if not _INTEGER.fullmatch(value.strip()):
            return None
        number = int(value)
        bounds = product.bounds.get(name, Bounds())
        # 0 turns a function off, whatever the maker's least interval is.
        is_off = number == 0 and least == 0
        is_within = number >= max(least, bounds.least or 0) and (bounds.most is None or number <= bounds.most)
        return str(number) if is_off or is_within else None

    return check


def _heartbeat_interval(value: str, product: Product) -> str | None:
    # §9.1.10 gives 0 no meaning: it is taken where the maker names it as the least, and means none.
    least = 0 if product.bounds.get("HeartbeatInterval", Bounds()).least == 0 else 1
    return _integer("HeartbeatInterval", least)(value, product)


def _fixed(value: str) -> Default:
    return lambda product: value


def _true_or_false(value: bool) -> str:
    return "true" if value else "false"


def _number(name: str, default: int, least: int, *, after_reboot: bool = False) -> Key:
    return Key(name, _fixed(str(default)), _integer(name, least), after_reboot)


def _measurands(name: str, default: str) -> tuple[Key, Key]:
    def has_list(product: Product) -> bool:
        return name in product.measurand_lists

    return (
        Key(name, _fixed(default), _measurand_list(name), exists=has_list),
        Key(f"{name}MaxLength", lambda product: str(product.measurand_lists[name].max_length), exists=has_list),
    )


def _profiles(product: Product) -> str:
    # The six values that the key knows (§9.1.24); the security extension has no name there.
    return ",".join(profile.value for profile in _PROFILES if profile in product.feature_profiles)


def _has_local_list(product: Product) -> bool:
    return product.local_list is not None


def _local_list_bound(name: str) -> Default:
    return lambda product: str(getattr(product.local_list, name))


def _local_authorize_offline(value: str, product: Product) -> str | None:
    # Every product must have the key and let it be written (§9.1.12); one that cannot do it does not take true.
    checked = _boolean(value, product)
    return checked if product.authorizes_offline or checked == "false" else None


def _has_only_fixed_cables(product: Product) -> bool:
    return all(outlet.has_fixed_cable for outlet in product.outlets)


def _authorization_key(value: str, product: Product) -> str | None:
    return value if is_authorization_key(value) else None


def _cpo_name(value: str, product: Product) -> str | None:
    # What fits into O= of a certificate.
    return value if value.strip() and len(value) <= ORGANISATION_CHARACTERS else None


def _security_profile(value: str, product: Product) -> str | None:
    profiles = () if product.security is None else product.security.profiles
    text = value.strip()
    return text if text in ("0", *map(str, profiles)) else None


def _has_password(product: Product) -> bool:
    return product.security is not None and bool({1, 2} & set(product.security.profiles))


def _secure(name: str, told: Callable[[Security], object], check: Check | None = None) -> Key:
    """A key of products with the security extension."""

    def default(product: Product) -> str:
        if product.security is None:
            raise LocalProtocolError(f"{name} is a key of products with the security extension")
        return str(told(product.security))

    return Key(name, default, check, exists=lambda product: product.security is not None)


_REGISTER: Final = "Energy.Active.Import.Register"


def _has_smart_charging(product: Product) -> bool:
    return product.smart_charging is not None


def _profile_bound(name: str) -> Default:
    return lambda product: str(getattr(product.smart_charging, name))


def _rate_units(product: Product) -> str:
    # Errata v4.0 §3.86: the key has words of its own for the units.
    units = () if product.smart_charging is None else product.smart_charging.units
    return ",".join({"A": "Current", "W": "Power"}[unit] for unit in units)


KEYS: Final[tuple[Key, ...]] = (
    _secure("AdditionalRootCertificateCheck", lambda security: _true_or_false(security.checks_additional_root)),
    Key("AuthorizationKey", _fixed(""), _authorization_key, exists=_has_password, is_write_only=True),
    _secure("CertificateSignedMaxChainSize", lambda security: security.max_chain_size),
    _secure("CertificateStoreMaxLength", lambda security: security.max_certificates),
    _secure("CpoName", lambda security: "", _cpo_name),
    _secure("SecurityProfile", lambda security: 0, _security_profile),
    Key(
        "AllowOfflineTxForUnknownId",
        _fixed("false"),
        _boolean,
        exists=lambda product: product.allows_offline_unknown_tags,
    ),
    Key("AuthorizationCacheEnabled", _fixed("true"), _boolean, exists=lambda product: product.has_authorization_cache),
    Key("AuthorizeRemoteTxRequests", _fixed("true"), _boolean),
    Key("ChargeProfileMaxStackLevel", _profile_bound("max_stack_level"), exists=_has_smart_charging),
    Key("ChargingScheduleAllowedChargingRateUnit", _rate_units, exists=_has_smart_charging),
    Key("ChargingScheduleMaxPeriods", _profile_bound("max_periods"), exists=_has_smart_charging),
    _number("ClockAlignedDataInterval", 0, 0),
    _number("ConnectionTimeOut", 120, 0),
    Key(
        "ConnectorPhaseRotation",
        lambda product: ",".join(
            f"{number}.{'NotApplicable' if outlet.is_dc else 'Unknown'}"
            for number, outlet in enumerate(product.outlets, start=1)
        ),
        _phase_rotation,
    ),
    Key("ConnectorPhaseRotationMaxLength", lambda product: str(len(product.outlets) + 1)),
    Key("GetConfigurationMaxKeys", lambda product: str(product.max_configuration_keys)),
    Key(
        "ConnectorSwitch3to1PhaseSupported",
        lambda product: _true_or_false(
            product.smart_charging is not None and product.smart_charging.switches_3_to_1_phase
        ),
        exists=_has_smart_charging,
    ),
    Key("HeartbeatInterval", _fixed("300"), _heartbeat_interval),
    Key("LocalAuthListEnabled", _fixed("true"), _boolean, exists=_has_local_list),
    Key("LocalAuthListMaxLength", _local_list_bound("max_entries"), exists=_has_local_list),
    Key(
        "LocalAuthorizeOffline",
        lambda product: "true" if product.authorizes_offline else "false",
        _local_authorize_offline,
    ),
    Key("LocalPreAuthorize", _fixed("false"), _boolean),
    Key("MaxChargingProfilesInstalled", _profile_bound("max_profiles"), exists=_has_smart_charging),
    Key(
        "MaxEnergyOnInvalidId",
        _fixed("0"),
        _integer("MaxEnergyOnInvalidId", 0),
        exists=lambda product: product.limits_energy_on_invalid_id,
    ),
    _number("MessageTimeout", 30, 1),
    *_measurands("MeterValuesAlignedData", _REGISTER),
    *_measurands("MeterValuesSampledData", _REGISTER),
    _number("MeterValueSampleInterval", 60, 0),
    Key(
        "MinimumStatusDuration",
        _fixed("0"),
        _integer("MinimumStatusDuration", 0),
        exists=lambda product: product.limits_status_notifications,
    ),
    Key("NumberOfConnectors", lambda product: str(len(product.outlets))),
    Key(
        "ReserveConnectorZeroSupported",
        lambda product: _true_or_false(product.reservations is not None and product.reservations.has_connector_zero),
        exists=lambda product: product.reservations is not None,
    ),
    Key("SendLocalListMaxLength", _local_list_bound("max_entries_per_message"), exists=_has_local_list),
    _number("ResetRetries", 1, 0),
    Key("StopTransactionMaxMeterValues", lambda product: str(product.max_transaction_meter_values)),
    Key(
        "StopTransactionOnEVSideDisconnect",
        lambda product: "true" if product.ends_authorization else "false",
        _boolean,
        is_read_only=lambda product: not (product.ends_authorization and product.maintains_authorization),
    ),
    Key("StopTransactionOnInvalidId", _fixed("true"), _boolean),
    *_measurands("StopTxnAlignedData", ""),
    *_measurands("StopTxnSampledData", ""),
    Key("SupportedFeatureProfiles", _profiles),
    Key(
        "SupportedFileTransferProtocols",
        lambda product: ",".join(protocol.upper() for protocol in product.file_transfer_protocols),
        exists=lambda product: bool(product.file_transfer_protocols),
    ),
    _number("TransactionMessageAttempts", 3, 1),
    _number("TransactionMessageRetryInterval", 60, 0),
    Key(
        "UnlockConnectorOnEVSideDisconnect",
        # Errata v4.0 §3.83: with a fixed cable there is nothing to unlock.
        lambda product: "false" if _has_only_fixed_cables(product) else "true",
        _boolean,
        is_read_only=_has_only_fixed_cables,
    ),
    _number("WebSocketPingInterval", 60, 0, after_reboot=True),
)
