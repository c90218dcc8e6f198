"""The table of actions, held to facts of the specification."""

import pytest

from chargewright.protocol.v16.actions import ACTION_OF_REQUEST, ACTIONS, FeatureProfile, Role

# Feature profile: what stations send, what the CSMS sends (errata v4.0 §3.2; whitepaper §4).
FACTS = {
    FeatureProfile.CORE: (
        "Authorize BootNotification DataTransfer Heartbeat MeterValues StartTransaction StatusNotification "
        "StopTransaction",
        "ChangeAvailability ChangeConfiguration ClearCache DataTransfer GetConfiguration RemoteStartTransaction "
        "RemoteStopTransaction Reset UnlockConnector",
    ),
    FeatureProfile.FIRMWARE_MANAGEMENT: (
        "DiagnosticsStatusNotification FirmwareStatusNotification",
        "GetDiagnostics UpdateFirmware",
    ),
    FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT: ("", "GetLocalListVersion SendLocalList"),
    FeatureProfile.RESERVATION: ("", "CancelReservation ReserveNow"),
    FeatureProfile.SMART_CHARGING: ("", "ClearChargingProfile GetCompositeSchedule SetChargingProfile"),
    FeatureProfile.REMOTE_TRIGGER: ("", "TriggerMessage"),
    FeatureProfile.SECURITY: (
        "LogStatusNotification SecurityEventNotification SignCertificate SignedFirmwareStatusNotification",
        "CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog "
        "InstallCertificate SignedUpdateFirmware",
    ),
}


@pytest.mark.parametrize("profile", FeatureProfile)
def test_each_feature_profile_has_its_actions(profile: FeatureProfile) -> None:
    by_station, by_csms = (set(names.split()) for names in FACTS[profile])
    mine = [action for action in ACTIONS.values() if action.feature_profile is profile]
    assert {action.name for action in mine if Role.STATION in action.sent_by} == by_station
    assert {action.name for action in mine if Role.CSMS in action.sent_by} == by_csms


def test_there_are_39_actions_with_78_messages() -> None:
    assert len(ACTIONS) == 39
    assert len({message for action in ACTIONS.values() for message in (action.request, action.response)}) == 78


@pytest.mark.parametrize("name", ACTIONS)
def test_names_fit_the_messages(name: str) -> None:
    action = ACTIONS[name]
    assert action.name == name
    assert action.request.__name__ == f"{name}Request"
    assert action.response.__name__ == f"{name}Response"
    assert ACTION_OF_REQUEST[action.request] is action


def test_only_data_transfer_goes_both_ways() -> None:
    assert [action.name for action in ACTIONS.values() if len(action.sent_by) == 2] == ["DataTransfer"]


def test_what_acts_twice_is_not_repeatable() -> None:
    assert {action.name for action in ACTIONS.values() if not action.is_repeatable} == {
        *("CertificateSigned", "DataTransfer", "ExtendedTriggerMessage", "GetDiagnostics", "GetLog"),
        *("InstallCertificate", "RemoteStartTransaction", "ReserveNow", "Reset", "SignCertificate"),
        *("SignedUpdateFirmware", "UnlockConnector", "UpdateFirmware"),
    }
