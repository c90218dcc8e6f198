"""The security events, typed again."""

from chargewright.protocol.v16.security_events import CRITICAL_SECURITY_EVENTS, SecurityEvent

CRITICAL = {
    *("FirmwareUpdated", "SettingSystemTime", "StartupOfTheDevice", "ResetOrReboot", "SecurityLogWasCleared"),
    *("MemoryExhaustion", "TamperDetectionActivated"),
}
OTHERS = {
    *("FailedToAuthenticateAtCentralSystem", "CentralSystemFailedToAuthenticate"),
    *("ReconfigurationOfSecurityParameters", "InvalidMessages", "AttemptedReplayAttacks", "InvalidFirmwareSignature"),
    *("InvalidFirmwareSigningCertificate", "InvalidCentralSystemCertificate", "InvalidChargePointCertificate"),
    *("InvalidTLSVersion", "InvalidTLSCipherSuite"),
}


def test_there_are_eighteen_events_of_which_seven_are_critical() -> None:
    assert {event.value for event in SecurityEvent} == CRITICAL | OTHERS
    assert {event.value for event in CRITICAL_SECURITY_EVENTS} == CRITICAL
    assert (len(SecurityEvent), len(CRITICAL_SECURITY_EVENTS)) == (18, 7)


def test_every_name_fits_the_field() -> None:
    assert max(len(event.value) for event in SecurityEvent) <= 50
