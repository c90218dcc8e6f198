"""Additional questions, AQ-1 to AQ-7.2."""

import asyncio

import pytest
from tests.certified.claims import Claim, Scenario, claims_of
from tests.certified.wire import TAG, begin, charged_wh, end, told_value
from tests.station.test_signed_firmware import CONTENT, MAKER, SIGNER, sign
from tests.station.world import World

from chargewright.pki.authorities import make_authority
from chargewright.pki.certificates import load_chain, pem
from chargewright.station.deeds import PlugIn, RemoveCertificate
from chargewright.station.hands import HandRefused, StationHands

ROOT = "CentralSystemRootCertificate"


async def last_root_certificate(claim: Claim, world: World) -> None:
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    one = make_authority("One", world.clock.now())
    # Some products take another root only from the one that they have.
    two = make_authority("Two", world.clock.now(), replaces=one)
    for root in (one, two):
        answer = await world.csms.call("InstallCertificate", certificateType=ROOT, certificate=root.pem)
        assert answer == {"status": "Accepted"}
    first, last = (await world.csms.call("GetInstalledCertificateIds", certificateType=ROOT))["certificateHashData"]
    assert await world.csms.call("DeleteCertificate", certificateHashData=first) == {"status": "Accepted"}
    answer = await world.csms.call("DeleteCertificate", certificateHashData=last)
    assert answer == {"status": "Accepted" if claim.is_yes else "Failed"}
    left = await world.csms.call("GetInstalledCertificateIds", certificateType=ROOT)
    assert left == ({"status": "NotFound"} if claim.is_yes else {"status": "Accepted", "certificateHashData": [last]})


async def cable_lock_before_authorization(claim: Claim, world: World) -> None:
    await world.boot()
    hands = StationHands(world.virtual, world.product, "CW 1")
    if claim.is_yes:
        with pytest.raises(HandRefused, match="present a tag first"):
            hands.do(PlugIn(connector=1))
        return
    hands.do(PlugIn(connector=1))
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    assert world.csms.statuses(1) == ["Available", "Preparing"]
    assert (await begin(world, is_plugged=True))["idTag"] == TAG


async def last_station_certificate(claim: Claim, world: World) -> None:
    """By the maker's own means: over OCPP it never can (M04), and a station that has none lives without."""
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    hands = StationHands(world.virtual, world.product, "CW 1")
    root = make_authority("Root", world.clock.now(), days=3000)
    await world.csms.call("InstallCertificate", certificateType=ROOT, certificate=root.pem)
    (name,) = (await world.csms.call("GetInstalledCertificateIds", certificateType=ROOT))["certificateHashData"]
    assert await world.change("CpoName", "Acme") == "Accepted"
    world.csms.answers["SignCertificate"] = {"status": "Accepted"}
    await world.csms.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    request = (await world.csms.expect("SignCertificate"))["csr"]
    chain = root.answer(request, world.clock.now())
    assert await world.csms.call("CertificateSigned", certificateChain=chain) == {"status": "Accepted"}
    name["serialNumber"] = f"{load_chain(chain)[0].serial_number:x}"
    assert await world.csms.call("DeleteCertificate", certificateHashData=name) == {"status": "Failed"}
    if not claim.is_yes:
        with pytest.raises(HandRefused, match="cannot be removed"):
            hands.do(RemoveCertificate())
        return
    hands.do(RemoveCertificate())
    assert await world.change("SecurityProfile", "3") == "Rejected", "that one takes a certificate"
    assert await world.csms.call("DeleteCertificate", certificateHashData=name) == {"status": "NotFound"}
    assert (await begin(world))["idTag"] == TAG


async def _order_firmware(world: World) -> None:
    location = f"{world.product.file_transfer_protocols[0]}://files/1.bin"
    now = world.clock.now().isoformat()
    management = world.product.firmware_management
    assert management is not None
    if not management.is_signed:
        assert await world.csms.call("UpdateFirmware", location=location, retrieveDate=now) == {}
        return
    maker = {"certificateType": "ManufacturerRootCertificate", "certificate": MAKER.pem}
    assert await world.csms.call("InstallCertificate", **maker) == {"status": "Accepted"}
    firmware = {
        "location": location,
        "retrieveDateTime": now,
        "signingCertificate": pem(SIGNER.certificate),
        "signature": sign(SIGNER, CONTENT),
    }
    answer = await world.csms.call("SignedUpdateFirmware", requestId=1, firmware=firmware)
    assert answer == {"status": "Accepted"}


def _firmware_statuses(world: World) -> list[str]:
    actions = ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")
    return [payload["status"] for _, action, payload in world.csms.calls if action in actions]


async def downloads_during_transaction(claim: Claim, world: World) -> None:
    world.files.put("files/1.bin", CONTENT)
    await world.boot()
    await begin(world)
    if world.product.firmware_management is None:
        # The certificate answers the question for a profile that it did not test, and that is refused.
        now = world.clock.now().isoformat()
        answer = await world.csms.call("UpdateFirmware", location="ftp://files/1.bin", retrieveDate=now)
        assert answer[0] == "NotSupported"
        # Files are sent all the same while somebody charges.
        answer = await world.csms.call("GetDiagnostics", location="ftp://files/")
        await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
        assert f"files/{answer['fileName']}" in world.files.files
        assert world.csms.of("StopTransaction") == []
        return
    await _order_firmware(world)
    await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
    assert ("Downloaded" in _firmware_statuses(world)) is claim.is_yes
    assert world.csms.of("StopTransaction") == [], "nobody is thrown out for it"
    await end(world)
    await world.csms.expect("BootNotification", 2)
    assert "Downloaded" in _firmware_statuses(world)


async def selection_before_authorization(claim: Claim, world: World) -> None:
    await world.boot()
    # A reader that belongs to a connector has chosen it.
    world.virtual.show_tag(TAG, None if world.product.has_one_reader else 1)
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    # Without a choice nothing is begun, and nobody asked about the tag.
    statuses = [world.csms.statuses(number)[-1] for number in range(1, len(world.product.outlets) + 1)]
    assert ("Preparing" not in statuses) is claim.is_yes
    assert (world.csms.of("Authorize") == []) is claim.is_yes
    if claim.is_yes:
        world.virtual.station.select_connector(2)
        world.virtual.show_tag(TAG)
        await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
        assert [world.csms.statuses(number)[-1] for number in (1, 2)] == ["Available", "Preparing"]


async def charging_by_iec_61851_1(claim: Claim, world: World) -> None:
    """Its control pilot can tell no vehicle to take less than 6 A; digital communication can."""
    await world.boot()
    unit, limit = ("W", 1000.0) if world.product.outlets[0].is_dc else ("A", 5.0)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }
    answer = await world.csms.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
    assert answer == {"status": "Accepted"}
    assert await told_value(world, "ChargingScheduleAllowedChargingRateUnit")
    assert (await charged_wh(world) == 0) is claim.is_yes


async def stop_before_going_down(claim: Claim, world: World) -> None:
    await world.boot()
    await begin(world)
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    world.csms.calls.clear()
    # In order, as on a supply that lasts a moment longer than the grid.
    await world.close()
    assert [item["reason"] for item in world.csms.of("StopTransaction")] == (["PowerLoss"] if claim.is_yes else [])


async def stop_after_going_down(claim: Claim, world: World) -> None:
    await world.boot()
    start = await begin(world)
    await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
    await world.cut_power()
    assert world.csms.of("StopTransaction") == []
    await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
    await world.restart()
    await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    stops = world.csms.of("StopTransaction")
    assert [item["reason"] for item in stops] == (["PowerLoss"] if claim.is_yes else [])
    names = world.csms.names()
    assert names.index("BootNotification") < names.index("StopTransaction")
    assert stops[0]["transactionId"] == world.csms.transaction_id
    assert stops[0]["meterStop"] > start["meterStart"]


SCENARIOS: dict[str, Scenario] = {
    "AQ-1": last_root_certificate,
    "AQ-2": cable_lock_before_authorization,
    "AQ-3": last_station_certificate,
    "AQ-4": downloads_during_transaction,
    "AQ-5": selection_before_authorization,
    "AQ-6": charging_by_iec_61851_1,
    "AQ-7.1": stop_before_going_down,
    "AQ-7.2": stop_after_going_down,
}


def _cases() -> list[Claim]:
    """Where nothing can be limited, nobody can see how little a vehicle can be told to take."""
    return [claim for claim in claims_of(SCENARIOS) if claim.product.smart_charging or claim.row != "AQ-6"]


@pytest.mark.parametrize("claim", _cases(), ids=str)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])
