"""The table of configuration keys, held to facts of the specification."""

import pytest

from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.configuration_keys import (
    CONFIGURATION_KEYS,
    Access,
    ConfigurationKey,
    ValueType,
    configuration_key,
)

# Key: required?, access, type. B boolean, I integer, L list, S string; ? the station's maker chooses between R and RW.
FACTS = {
    FeatureProfile.CORE: """
        AllowOfflineTxForUnknownId o RW B,AuthorizationCacheEnabled o RW B,AuthorizeRemoteTxRequests r ? B,
        BlinkRepeat o RW I,ClockAlignedDataInterval r RW I,ConnectionTimeOut r RW I,ConnectorPhaseRotation r RW L,
        ConnectorPhaseRotationMaxLength o R I,GetConfigurationMaxKeys r R I,HeartbeatInterval r RW I,
        LightIntensity o RW I,LocalAuthorizeOffline r RW B,LocalPreAuthorize r RW B,MaxEnergyOnInvalidId o RW I,
        MessageTimeout o RW I,MeterValuesAlignedData r RW L,MeterValuesAlignedDataMaxLength o R I,
        MeterValuesSampledData r RW L,MeterValuesSampledDataMaxLength o R I,MeterValueSampleInterval r RW I,
        MinimumStatusDuration o RW I,NumberOfConnectors r R I,ResetRetries r RW I,StopTransactionMaxMeterValues o R I,
        StopTransactionOnEVSideDisconnect o ? B,StopTransactionOnInvalidId r RW B,StopTxnAlignedData r RW L,
        StopTxnAlignedDataMaxLength o R I,StopTxnSampledData r RW L,StopTxnSampledDataMaxLength o R I,
        SupportedFeatureProfiles r R L,SupportedFeatureProfilesMaxLength o R I,TransactionMessageAttempts r RW I,
        TransactionMessageRetryInterval r RW I,UnlockConnectorOnEVSideDisconnect r ? B,WebSocketPingInterval o RW I""",
    FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT: """
        LocalAuthListEnabled r RW B,LocalAuthListMaxLength r R I,SendLocalListMaxLength r R I""",
    FeatureProfile.RESERVATION: "ReserveConnectorZeroSupported o R B",
    FeatureProfile.SMART_CHARGING: """
        ChargeProfileMaxStackLevel r R I,ChargingScheduleAllowedChargingRateUnit r R L,ChargingScheduleMaxPeriods r R I,
        ConnectorSwitch3to1PhaseSupported o R B,MaxChargingProfilesInstalled r R I""",
    FeatureProfile.FIRMWARE_MANAGEMENT: "SupportedFileTransferProtocols o R L",
    FeatureProfile.REMOTE_TRIGGER: "",
    FeatureProfile.SECURITY: """
        AdditionalRootCertificateCheck o R B,AuthorizationKey o W S,CertificateSignedMaxChainSize o R I,
        CertificateStoreMaxLength o R I,CpoName o RW S,SecurityProfile o RW I""",
}
ACCESS = {
    "R": Access.READ_ONLY,
    "RW": Access.READ_WRITE,
    "W": Access.WRITE_ONLY,
    "?": Access.READ_ONLY_OR_READ_WRITE,
}
VALUE_TYPE = {"B": ValueType.BOOLEAN, "I": ValueType.INTEGER, "L": ValueType.LIST, "S": ValueType.STRING}


@pytest.mark.parametrize("profile", FeatureProfile)
def test_each_feature_profile_has_its_keys(profile: FeatureProfile) -> None:
    rows = [row.split() for row in FACTS[profile].split(",") if row.strip()]
    expected = {
        name: (required == "r", ACCESS[access], VALUE_TYPE[value_type]) for name, required, access, value_type in rows
    }
    assert expected == {
        key.name: (key.required, key.access, key.value_type)
        for key in CONFIGURATION_KEYS.values()
        if key.feature_profile is profile
    }


def test_defaults_are_the_two_that_the_specification_fixes() -> None:
    assert {key.name: key.default for key in CONFIGURATION_KEYS.values() if key.default is not None} == {
        "MeterValuesSampledData": "Energy.Active.Import.Register",
        "SecurityProfile": "0",
    }


@pytest.mark.parametrize("key", CONFIGURATION_KEYS.values(), ids=lambda key: key.name)
def test_rows_are_whole(key: ConfigurationKey) -> None:
    assert key.section
    assert len(key.name) <= 50
    assert (key.minimum is not None) == (key.value_type in (ValueType.INTEGER, ValueType.STRING))
    assert not key.words or key.value_type is ValueType.LIST


def test_units_and_bounds() -> None:
    units = {key.name: key.unit for key in CONFIGURATION_KEYS.values() if key.unit}
    assert units["HeartbeatInterval"] == units["MeterValueSampleInterval"] == units["ConnectionTimeOut"] == "s"
    assert units["MaxEnergyOnInvalidId"] == "Wh"
    bounds = {key.name: (key.minimum, key.maximum) for key in CONFIGURATION_KEYS.values()}
    assert bounds["LightIntensity"] == (0, 100)
    assert bounds["MessageTimeout"] == (1, None)
    assert bounds["NumberOfConnectors"] == (1, None)
    assert bounds["SecurityProfile"] == (0, 3)
    assert bounds["AuthorizationKey"] == (32, 40)
    assert bounds["WebSocketPingInterval"] == (0, None)


def test_names_are_found_in_any_letter_case() -> None:
    found = configuration_key("heartbeatINTERVAL")
    assert found is not None
    assert found.name == "HeartbeatInterval"
    assert configuration_key("VendorKey") is None
