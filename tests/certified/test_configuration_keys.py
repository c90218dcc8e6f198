"""GetConfiguration of the three: exactly these keys, these values, this access.

Required keys of the profiles that passed, and optional ones where a row claims what they switch. Two are never listed:
AuthorizationKey, which is secret, and SupportedFeatureProfilesMaxLength, which no list could reach.
"""

from typing import Final

import pytest
from tests.certified.claims import CERTIFIED
from tests.station.world import World, live

from chargewright.station.running import product_from

READ, WRITE = "R", "RW"
Keys = dict[str, tuple[str, str]]

# What every product of ours has of Core, with what it is set to when it leaves the factory. HeartbeatInterval is that
# of BootNotification.conf by now (§4.2).
CORE: Final[Keys] = {
    "AuthorizeRemoteTxRequests": ("true", WRITE),
    "ClockAlignedDataInterval": ("0", WRITE),
    "ConnectionTimeOut": ("120", WRITE),
    "HeartbeatInterval": ("3600", WRITE),
    "LocalAuthorizeOffline": ("true", WRITE),
    "LocalPreAuthorize": ("false", WRITE),
    "MessageTimeout": ("30", WRITE),
    "MeterValuesAlignedData": ("Energy.Active.Import.Register", WRITE),
    "MeterValuesSampledData": ("Energy.Active.Import.Register", WRITE),
    "MeterValueSampleInterval": ("60", WRITE),
    "ResetRetries": ("1", WRITE),
    "StopTransactionOnInvalidId": ("true", WRITE),
    "StopTxnAlignedData": ("", WRITE),
    "StopTxnSampledData": ("", WRITE),
    "TransactionMessageAttempts": ("3", WRITE),
    "TransactionMessageRetryInterval": ("60", WRITE),
    "UnlockConnectorOnEVSideDisconnect": ("false", READ),
}
DC_PAIR: Final[Keys] = {
    "ConnectorPhaseRotation": ("1.NotApplicable,2.NotApplicable", WRITE),
    "ConnectorPhaseRotationMaxLength": ("3", READ),
    "NumberOfConnectors": ("2", READ),
}
LOCAL_LIST: Final[Keys] = {"LocalAuthListEnabled": ("true", WRITE)}
SECURITY: Final[Keys] = {
    "AdditionalRootCertificateCheck": ("false", READ),
    "CertificateSignedMaxChainSize": ("10000", READ),
    "CpoName": ("", WRITE),
    "SecurityProfile": ("0", WRITE),
}

EXPECTED: Final[dict[str, Keys]] = {
    "kempower_s_series": CORE
    | DC_PAIR
    | LOCAL_LIST
    | SECURITY
    | {
        "AllowOfflineTxForUnknownId": ("false", WRITE),
        "AuthorizationCacheEnabled": ("true", WRITE),
        "CertificateStoreMaxLength": ("10", READ),
        "ChargeProfileMaxStackLevel": ("1000", READ),
        "ChargingScheduleAllowedChargingRateUnit": ("Power", READ),
        "ChargingScheduleMaxPeriods": ("1000", READ),
        "ConnectorSwitch3to1PhaseSupported": ("false", READ),
        "GetConfigurationMaxKeys": ("1000", READ),
        "LocalAuthListMaxLength": ("500000", READ),
        "MaxChargingProfilesInstalled": ("1000", READ),
        "MeterValuesAlignedDataMaxLength": ("8", READ),
        "MeterValuesSampledDataMaxLength": ("8", READ),
        "SendLocalListMaxLength": ("10000", READ),
        "StopTransactionMaxMeterValues": ("1000", READ),
        "StopTransactionOnEVSideDisconnect": ("true", READ),
        "StopTxnAlignedDataMaxLength": ("8", READ),
        "StopTxnSampledDataMaxLength": ("8", READ),
        "SupportedFeatureProfiles": ("Core,LocalAuthListManagement,SmartCharging,RemoteTrigger", READ),
        "SupportedFileTransferProtocols": ("FTP", READ),
        "WebSocketPingInterval": ("5", WRITE),
    },
    "koolsign_kcap7pg_cl5g": CORE
    | LOCAL_LIST
    | SECURITY
    | {
        "AllowOfflineTxForUnknownId": ("false", WRITE),
        "CertificateStoreMaxLength": ("5", READ),
        "ChargeProfileMaxStackLevel": ("8", READ),
        "ChargingScheduleAllowedChargingRateUnit": ("Current", READ),
        "ChargingScheduleMaxPeriods": ("24", READ),
        "ConnectorPhaseRotation": ("1.Unknown", WRITE),
        "ConnectorPhaseRotationMaxLength": ("2", READ),
        "ConnectorSwitch3to1PhaseSupported": ("false", READ),
        "GetConfigurationMaxKeys": ("30", READ),
        "LocalAuthListMaxLength": ("48", READ),
        "MaxChargingProfilesInstalled": ("10", READ),
        "MeterValuesAlignedDataMaxLength": ("8", READ),
        "MeterValuesSampledDataMaxLength": ("8", READ),
        "NumberOfConnectors": ("1", READ),
        "ReserveConnectorZeroSupported": ("false", READ),
        "SendLocalListMaxLength": ("48", READ),
        "StopTransactionMaxMeterValues": ("100000", READ),
        "StopTransactionOnEVSideDisconnect": ("false", READ),
        "StopTxnAlignedDataMaxLength": ("256", READ),
        "StopTxnSampledDataMaxLength": ("256", READ),
        "SupportedFeatureProfiles": (
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
            READ,
        ),
        "SupportedFileTransferProtocols": ("HTTP,HTTPS,FTP,FTPS", READ),
        "WebSocketPingInterval": ("60", WRITE),
    },
    "xcharge_c6": CORE
    | DC_PAIR
    | LOCAL_LIST
    | SECURITY
    | {
        "AllowOfflineTxForUnknownId": ("false", WRITE),
        "AuthorizationCacheEnabled": ("true", WRITE),
        "CertificateStoreMaxLength": ("10", READ),
        "ChargeProfileMaxStackLevel": ("3", READ),
        "ChargingScheduleAllowedChargingRateUnit": ("Current,Power", READ),
        "ChargingScheduleMaxPeriods": ("24", READ),
        "ConnectorSwitch3to1PhaseSupported": ("false", READ),
        "GetConfigurationMaxKeys": ("60", READ),
        "LocalAuthListMaxLength": ("50", READ),
        "MaxChargingProfilesInstalled": ("10", READ),
        "MaxEnergyOnInvalidId": ("0", WRITE),
        "MeterValuesAlignedDataMaxLength": ("2147483647", READ),
        "MeterValuesSampledDataMaxLength": ("2147483647", READ),
        "ReserveConnectorZeroSupported": ("false", READ),
        "SendLocalListMaxLength": ("50", READ),
        "StopTransactionMaxMeterValues": ("2147483647", READ),
        "StopTransactionOnEVSideDisconnect": ("true", READ),
        "StopTxnAlignedDataMaxLength": ("2147483647", READ),
        "StopTxnSampledDataMaxLength": ("2147483647", READ),
        "SupportedFeatureProfiles": (
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
            READ,
        ),
        "SupportedFileTransferProtocols": ("HTTP,HTTPS,FTP,FTPS", READ),
        "WebSocketPingInterval": ("60", WRITE),
    },
}


@pytest.mark.parametrize("station", CERTIFIED)
def test_exactly_its_keys_are_told(station: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("GetConfiguration")
        assert "unknownKey" not in answer
        told = {
            item["key"]: (item["value"], READ if item["readonly"] else WRITE) for item in answer["configurationKey"]
        }
        assert len(told) == len(answer["configurationKey"])
        assert told == EXPECTED[station]

    live(main, product_from(station))


@pytest.mark.parametrize("station", CERTIFIED)
def test_what_is_told_as_read_only_is_not_written_and_the_rest_is(station: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        for name, (value, access) in EXPECTED[station].items():
            if name in ("CpoName", "SecurityProfile"):
                continue  # empty and 0 are what they are before anything was set, and nothing to set
            status = await world.change(name, value)
            assert (status in ("Accepted", "RebootRequired")) is (access == WRITE), name

    live(main, product_from(station))
