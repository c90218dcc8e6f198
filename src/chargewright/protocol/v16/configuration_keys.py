"""The table of standard configuration keys (§9, errata v4.0, OCPP-J §7, security whitepaper §7)."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from chargewright.protocol.v16.actions import FeatureProfile

__all__ = ["CONFIGURATION_KEYS", "Access", "ConfigurationKey", "ValueType", "configuration_key"]


class Access(enum.Enum):
    """What ChangeConfiguration and GetConfiguration may do with a key."""

    READ_ONLY = "R"
    READ_WRITE = "RW"
    WRITE_ONLY = "W"  # never returned by GetConfiguration
    READ_ONLY_OR_READ_WRITE = "R or RW"  # the station's maker chooses


class ValueType(enum.Enum):
    """How the text of a value is read."""

    BOOLEAN = "boolean"  # true or false
    INTEGER = "integer"
    STRING = "string"
    LIST = "list"  # items separated by commas; how many at most is told by <key>MaxLength, 1 where that is absent


class ConfigurationKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    `required`: a station that supports the feature profile must have it. `default` is given only where the
    specification names one. `minimum` and `maximum` bound integers, and the number of characters of strings; `words`
    are the allowed items of a list, where they are few. `section` is where the key is described.
    """

    name: str
    feature_profile: FeatureProfile
    required: bool
    access: Access
    value_type: ValueType
    section: str
    unit: str = ""
    default: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    words: tuple[str, ...] = ()


def _keys() -> tuple[ConfigurationKey, ...]:
    core, lists = FeatureProfile.CORE, FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT
    smart, security = FeatureProfile.SMART_CHARGING, FeatureProfile.SECURITY
    r, rw, either = Access.READ_ONLY, Access.READ_WRITE, Access.READ_ONLY_OR_READ_WRITE
    boolean, integer, string, csl = ValueType.BOOLEAN, ValueType.INTEGER, ValueType.STRING, ValueType.LIST

    def key(
        name: str,
        profile: FeatureProfile,
        required: bool,
        access: Access,
        value_type: ValueType,
        section: str,
        unit: str = "",
        default: str | None = None,
        minimum: int | None = None,
        maximum: int | None = None,
        words: tuple[str, ...] = (),
    ) -> ConfigurationKey:
        if value_type is integer and minimum is None:
            minimum = 0
        return ConfigurationKey(
            name=name,
            feature_profile=profile,
            required=required,
            access=access,
            value_type=value_type,
            section=section,
            unit=unit,
            default=default,
            minimum=minimum,
            maximum=maximum,
            words=words,
        )

    return (
        key("AllowOfflineTxForUnknownId", core, False, rw, boolean, "§9.1.1"),
        key("AuthorizationCacheEnabled", core, False, rw, boolean, "§9.1.2"),
        key("AuthorizeRemoteTxRequests", core, True, either, boolean, "§9.1.3"),
        key("BlinkRepeat", core, False, rw, integer, "§9.1.4", "times"),
        key("ClockAlignedDataInterval", core, True, rw, integer, "§9.1.5", "s"),
        key("ConnectionTimeOut", core, True, rw, integer, "§9.1.6, errata v4.0 §3.76, §3.87", "s"),
        key("ConnectorPhaseRotation", core, True, rw, csl, "§9.1.7"),
        key("ConnectorPhaseRotationMaxLength", core, False, r, integer, "§9.1.8"),
        key("GetConfigurationMaxKeys", core, True, r, integer, "§9.1.9"),
        key("HeartbeatInterval", core, True, rw, integer, "§9.1.10", "s"),
        key("LightIntensity", core, False, rw, integer, "§9.1.11", "%", maximum=100),
        key("LocalAuthorizeOffline", core, True, rw, boolean, "§9.1.12"),
        key("LocalPreAuthorize", core, True, rw, boolean, "§9.1.13"),
        key("MaxEnergyOnInvalidId", core, False, rw, integer, "§9.1.14", "Wh"),
        key("MessageTimeout", core, False, rw, integer, "errata v4.0 §3.82", "s", minimum=1),
        key("MeterValuesAlignedData", core, True, rw, csl, "§9.1.15"),
        key("MeterValuesAlignedDataMaxLength", core, False, r, integer, "§9.1.16"),
        key("MeterValuesSampledData", core, True, rw, csl, "§9.1.17", default="Energy.Active.Import.Register"),
        key("MeterValuesSampledDataMaxLength", core, False, r, integer, "§9.1.18"),
        key("MeterValueSampleInterval", core, True, rw, integer, "§9.1.19", "s"),
        key("MinimumStatusDuration", core, False, rw, integer, "§9.1.20", "s"),
        key("NumberOfConnectors", core, True, r, integer, "§9.1.21", minimum=1),
        key("ResetRetries", core, True, rw, integer, "§9.1.22", "times"),
        key("StopTransactionMaxMeterValues", core, False, r, integer, "errata v4.0 §3.89"),
        key("StopTransactionOnEVSideDisconnect", core, False, either, boolean, "§9.1.23, errata v4.0 §3.79"),
        key("StopTransactionOnInvalidId", core, True, rw, boolean, "§9.1.24"),
        key("StopTxnAlignedData", core, True, rw, csl, "§9.1.25"),
        key("StopTxnAlignedDataMaxLength", core, False, r, integer, "§9.1.26"),
        key("StopTxnSampledData", core, True, rw, csl, "§9.1.27"),
        key("StopTxnSampledDataMaxLength", core, False, r, integer, "§9.1.28"),
        key(
            "SupportedFeatureProfiles",
            core,
            True,
            r,
            csl,
            "§9.1.29",
            words=(
                "Core",
                "FirmwareManagement",
                "LocalAuthListManagement",
                "Reservation",
                "SmartCharging",
                "RemoteTrigger",
            ),
        ),
        key("SupportedFeatureProfilesMaxLength", core, False, r, integer, "§9.1.30, errata v4.0 §3.80"),
        key("TransactionMessageAttempts", core, True, rw, integer, "§9.1.31", "times"),
        key("TransactionMessageRetryInterval", core, True, rw, integer, "§9.1.32", "s"),
        key(
            "UnlockConnectorOnEVSideDisconnect",
            core,
            True,
            either,
            boolean,
            "§9.1.33, errata v4.0 §3.83, errata release 2025-04 §3.84",
        ),
        key("WebSocketPingInterval", core, False, rw, integer, "§9.1.34, OCPP-J §7", "s"),
        key("LocalAuthListEnabled", lists, True, rw, boolean, "§9.2.1"),
        key("LocalAuthListMaxLength", lists, True, r, integer, "§9.2.2"),
        key("SendLocalListMaxLength", lists, True, r, integer, "§9.2.3"),
        key("ReserveConnectorZeroSupported", FeatureProfile.RESERVATION, False, r, boolean, "§9.3.1"),
        key("ChargeProfileMaxStackLevel", smart, True, r, integer, "§9.4.1"),
        key(
            "ChargingScheduleAllowedChargingRateUnit",
            smart,
            True,
            r,
            csl,
            "§9.4.2, errata v4.0 §3.86",
            words=("Current", "Power"),
        ),
        key("ChargingScheduleMaxPeriods", smart, True, r, integer, "§9.4.3"),
        key("ConnectorSwitch3to1PhaseSupported", smart, False, r, boolean, "§9.4.4, errata v4.0 §4.28"),
        key("MaxChargingProfilesInstalled", smart, True, r, integer, "§9.4.5"),
        key(
            "SupportedFileTransferProtocols",
            FeatureProfile.FIRMWARE_MANAGEMENT,
            False,
            r,
            csl,
            "errata v4.0 §3.88",
            words=("FTP", "FTPS", "HTTP", "HTTPS"),
        ),
        key("AdditionalRootCertificateCheck", security, False, r, boolean, "whitepaper §7.1"),
        key(
            "AuthorizationKey",
            security,
            False,
            Access.WRITE_ONLY,
            string,
            "whitepaper §7.2, OCPP-J §7",
            "hexadecimal",
            minimum=32,
            maximum=40,
        ),
        key("CertificateSignedMaxChainSize", security, False, r, integer, "whitepaper §7", "characters", maximum=10000),
        key("CertificateStoreMaxLength", security, False, r, integer, "whitepaper §7"),
        key("CpoName", security, False, rw, string, "whitepaper §7", minimum=1, maximum=64),
        key("SecurityProfile", security, False, rw, integer, "whitepaper §7", default="0", maximum=3),
    )


# By the standard spelling.
CONFIGURATION_KEYS: Final[Mapping[str, ConfigurationKey]] = MappingProxyType({key.name: key for key in _keys()})

_BY_CASEFOLDED_NAME: Final = {name.casefold(): key for name, key in CONFIGURATION_KEYS.items()}


def configuration_key(name: str) -> ConfigurationKey | None:
    """The standard key with that name in any letter case (§5.3: names are CiStrings); None for a vendor's own."""
    return _BY_CASEFOLDED_NAME.get(name.casefold())
