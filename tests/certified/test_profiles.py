"""The profile table and the extension: what passed is served, what was not tested is refused with NotSupported."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.certified.claims import Claim, Scenario, claims_of, shown_by
from tests.certified.wire import told_value
from tests.station.test_signed_firmware import CONTENT, MAKER, SIGNER, sign
from tests.station.world import World

from chargewright.pki.certificates import pem
from chargewright.protocol.v16.actions import ACTIONS, FeatureProfile, Role

# What the CSMS can order of each profile, with payloads that every station could serve.
ORDERS: dict[FeatureProfile, frozenset[str]] = {
    profile: frozenset(
        action.name for action in ACTIONS.values() if action.feature_profile is profile and Role.CSMS in action.sent_by
    )
    for profile in FeatureProfile
}


def _payload(action: str, world: World) -> dict[str, Any]:
    later = (world.clock.now() + timedelta(days=1)).isoformat()
    unit = "W" if world.product.smart_charging is not None and "W" in world.product.smart_charging.units else "A"
    period = {"startPeriod": 0, "limit": 6000 if unit == "W" else 10}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": [period]},
    }
    name = {"hashAlgorithm": "SHA256", "issuerNameHash": "00", "issuerKeyHash": "00", "serialNumber": "1"}
    firmware = {
        "location": f"{(world.product.file_transfer_protocols or ('ftp',))[0]}://files/1.bin",
        "retrieveDateTime": later,
        "signingCertificate": pem(SIGNER.certificate),
        "signature": sign(SIGNER, CONTENT),
    }
    payloads: dict[str, dict[str, Any]] = {
        "CancelReservation": {"reservationId": 1},
        "CertificateSigned": {"certificateChain": "none"},
        "ChangeAvailability": {"connectorId": 0, "type": "Operative"},
        "ChangeConfiguration": {"key": "ConnectionTimeOut", "value": "60"},
        "DataTransfer": {"vendorId": "org.example"},
        "DeleteCertificate": {"certificateHashData": name},
        "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetDiagnostics": {"location": "ftp://files/"},
        "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
        "GetLog": {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://files/"}},
        "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": "none"},
        "RemoteStartTransaction": {"idTag": "NOBODY"},
        "RemoteStopTransaction": {"transactionId": 4711},
        "ReserveNow": {"connectorId": 1, "expiryDate": later, "idTag": "CARD", "reservationId": 1},
        "Reset": {"type": "Soft"},
        "SendLocalList": {"listVersion": 1, "updateType": "Full"},
        "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": profile},
        "SignedUpdateFirmware": {"requestId": 1, "firmware": firmware},
        "TriggerMessage": {"requestedMessage": "Heartbeat"},
        "UnlockConnector": {"connectorId": 1},
        "UpdateFirmware": {"location": "ftp://files/1.bin", "retrieveDate": later},
    }
    return payloads.get(action, {})


def _exceptions(claim: Claim, profile: FeatureProfile, is_claimed: bool) -> dict[str, bool]:
    """Actions that another row of the same certificate decides: action → whether it is served."""
    product = claim.product
    if profile is FeatureProfile.FIRMWARE_MANAGEMENT:
        # Row F-1: signed updates leave no way for unsigned ones. Row ORS-16: files can be sent at least.
        signed = product.firmware_management is not None and product.firmware_management.is_signed
        return {
            "UpdateFirmware": is_claimed and not signed,
            "GetDiagnostics": is_claimed or bool(product.file_transfer_protocols),
        }
    if profile is FeatureProfile.SECURITY:
        signed = product.firmware_management is not None and product.firmware_management.is_signed
        return {"SignedUpdateFirmware": is_claimed and signed}
    return {}


async def profile_or_extension(claim: Claim, world: World) -> None:
    is_claimed = claim.value.value in ("Pass", "Supported")
    assert is_claimed or claim.value.value in ("Not Tested", "Not Supported")
    profile = PROFILES[claim.row]
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    exceptions = _exceptions(claim, profile, is_claimed)
    for action in sorted(ORDERS[profile] - {"Reset"}):
        answer = await world.csms.call(action, **_payload(action, world))
        assert isinstance(answer, dict) is exceptions.get(action, is_claimed), (action, answer)
        if isinstance(answer, list):
            assert answer[0] == "NotSupported", (action, answer)
    listed = (await told_value(world, "SupportedFeatureProfiles") or "").split(",")
    # The security extension has no word there (§9.1.24).
    if profile is not FeatureProfile.SECURITY:
        assert (profile.value in listed) is is_claimed
    if profile is FeatureProfile.CORE:
        assert await world.csms.call("Reset", type="Soft") == {"status": "Accepted"}
        await world.csms.expect("BootNotification", 2)


PROFILES = {
    "profiles.Core": FeatureProfile.CORE,
    "profiles.Firmware Management": FeatureProfile.FIRMWARE_MANAGEMENT,
    "profiles.Local Authorization List Management": FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT,
    "profiles.Smart Charging": FeatureProfile.SMART_CHARGING,
    "profiles.Remote Trigger": FeatureProfile.REMOTE_TRIGGER,
    "profiles.Reservation": FeatureProfile.RESERVATION,
    "extensions.Security extension": FeatureProfile.SECURITY,
}


async def reserves_the_station(claim: Claim, world: World) -> None:
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    if world.product.reservations is None:
        assert await told_value(world, "ReserveConnectorZeroSupported") is None
    else:
        told = await told_value(world, "ReserveConnectorZeroSupported")
        assert told == ("true" if claim.is_yes else "false")
    order = _payload("ReserveNow", world) | {"connectorId": 0}
    answer = await world.csms.call("ReserveNow", **order)
    assert answer == {"status": "Accepted" if claim.is_yes else "Rejected"}
    answer = await world.csms.call("ReserveNow", **(order | {"connectorId": 1, "reservationId": 2}))
    assert claim.is_yes or answer == {"status": "Accepted"}, "each connector can be reserved, though"


async def secure_updates(claim: Claim, world: World) -> None:
    world.files.put("files/1.bin", CONTENT)
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    protocol = world.product.file_transfer_protocols[0]
    now = world.clock.now().isoformat()
    firmware = {
        "location": f"{protocol}://files/1.bin",
        "retrieveDateTime": now,
        "signingCertificate": pem(SIGNER.certificate),
        "signature": sign(SIGNER, CONTENT),
    }
    answer = await world.csms.call("SignedUpdateFirmware", requestId=1, firmware=firmware)
    if not claim.is_yes:
        assert isinstance(answer, list) and answer[0] == "NotSupported"
        answer = await world.csms.call("UpdateFirmware", location=firmware["location"], retrieveDate=now)
        assert answer == {}
        await world.csms.expect("BootNotification", 2)
        assert world.csms.of("BootNotification")[1]["firmwareVersion"] == "1.4"
        return
    assert answer == {"status": "InvalidCertificate"}, "nobody is trusted yet"
    maker = {"certificateType": "ManufacturerRootCertificate", "certificate": MAKER.pem}
    assert await world.csms.call("InstallCertificate", **maker) == {"status": "Accepted"}
    answer = await world.csms.call("SignedUpdateFirmware", requestId=1, firmware=firmware)
    assert answer == {"status": "Accepted"}
    boot = await world.csms.expect("BootNotification", 2)
    assert boot["firmwareVersion"] == "1.4"
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    told = [item["status"] for item in world.csms.of("SignedFirmwareStatusNotification")]
    assert told == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
    answer = await world.csms.call(
        "SignedUpdateFirmware", requestId=2, firmware=firmware | {"signature": sign(SIGNER, CONTENT[:-1])}
    )
    assert answer == {"status": "Accepted"}
    await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
    assert world.csms.of("SignedFirmwareStatusNotification")[-1]["status"] == "InvalidSignature"
    assert len(world.csms.of("BootNotification")) == 2, "what is not the maker's is not installed"


SCENARIOS: dict[str, Scenario] = {
    **dict.fromkeys(PROFILES, profile_or_extension),
    "R-1": reserves_the_station,
    "F-1": secure_updates,
}


@shown_by(SCENARIOS)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])


def test_every_profile_has_orders_that_can_be_given() -> None:
    assert all(ORDERS.values())
    assert set(PROFILES.values()) == set(FeatureProfile)
    assert {str(claim.value.value) for claim in claims_of(dict.fromkeys(PROFILES, profile_or_extension))} == {
        "Pass",
        "Not Tested",
        "Supported",
        "Not Supported",
    }
