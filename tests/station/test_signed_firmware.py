"""Signed updates as the CSMS sees them (L01), with certificates and signatures made here."""

import asyncio
import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.station.test_firmware import PROTOCOLS, put
from tests.station.test_security import SECURITY
from tests.station.world import SOCKET, World, car, live, product

from chargewright.file_transfer.memory import Faults
from chargewright.pki.authorities import Authority, Identity, make_authority
from chargewright.pki.certificates import pem
from chargewright.simulation import EPOCH
from chargewright.station.product import FirmwareManagement, Product

CONTENT = b"version=1.4\n" + bytes(200_000)
MAKER = make_authority("Maker", EPOCH - timedelta(days=1))
SIGNER = MAKER.signer("signer", EPOCH - timedelta(days=1))
RSA_SIGNER = MAKER.signer("RSA signer", EPOCH - timedelta(days=1), kind="RSA")
STRANGER = make_authority("Maker", EPOCH - timedelta(days=1)).signer("signer", EPOCH - timedelta(days=1))
BETWEEN = MAKER.subordinate("between", EPOCH - timedelta(days=1)).signer("deep", EPOCH - timedelta(days=1))
EXPIRED = MAKER.signer("old", EPOCH - timedelta(days=10), days=1)


def sign(signer: Identity, content: bytes, *, how: str = "PSS") -> str:
    key = signer.key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        raw = key.sign(content, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        probabilistic = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        raw = key.sign(content, probabilistic if how == "PSS" else padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(raw).decode()


def secured(**changes: Any) -> Product:
    management = FirmwareManagement(is_signed=True, downloads_during_transaction=True)
    standard = {"firmware_management": management, "security": SECURITY, "file_transfer_protocols": PROTOCOLS}
    return product(SOCKET, **(standard | changes))


async def begin(world: World, maker: Authority = MAKER) -> None:
    """Boot, and install the maker's root as the CSMS does."""
    put(world, CONTENT)
    await world.boot()
    answer = await world.csms.call(
        "InstallCertificate", certificateType="ManufacturerRootCertificate", certificate=maker.pem
    )
    assert answer == {"status": "Accepted"}
    world.csms.calls.clear()


async def order(
    world: World,
    signer: Identity = SIGNER,
    *,
    request_id: int = 7,
    signature: str | None = None,
    location: str = "https://files/1.4.bin",
    retrieve_in: float = 0.0,
    install_in: float | None = None,
) -> str:
    now = world.clock.now()
    firmware = {
        "location": location,
        "retrieveDateTime": (now + timedelta(seconds=retrieve_in)).isoformat(),
        "signingCertificate": pem(signer.certificate),
        "signature": sign(signer, CONTENT) if signature is None else signature,
    }
    if install_in is not None:
        firmware["installDateTime"] = (now + timedelta(seconds=install_in)).isoformat()
    answer = await world.csms.call("SignedUpdateFirmware", requestId=request_id, firmware=firmware, retries=0)
    return str(answer["status"] if isinstance(answer, dict) else answer[0])


def told(world: World) -> list[str]:
    return [item["status"] for item in world.csms.of("SignedFirmwareStatusNotification")]


async def until(world: World, status: str) -> None:
    async with asyncio.timeout(1_000_000):
        while status not in told(world):
            world.csms.changed.clear()
            await world.csms.changed.wait()


def events(world: World) -> list[str]:
    return [item["type"] for item in world.csms.of("SecurityEventNotification")]


@pytest.mark.parametrize(
    ("signer", "how"), [(SIGNER, "ECDSA"), (RSA_SIGNER, "PSS"), (RSA_SIGNER, "PKCS1v15")], ids=["EC", "PSS", "PKCS"]
)
def test_a_good_signature_leads_to_the_new_firmware(signer: Identity, how: str) -> None:
    async def main(world: World) -> None:
        await begin(world)
        assert await order(world, signer, signature=sign(signer, CONTENT, how=how)) == "Accepted"
        await until(world, "Installed")
        assert told(world) == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
        assert {item["requestId"] for item in world.csms.of("SignedFirmwareStatusNotification")} == {7}
        assert world.csms.of("BootNotification")[0]["firmwareVersion"] == "1.4"
        await asyncio.sleep(10)
        assert "FirmwareUpdated" in events(world)
        assert world.csms.statuses(1) == ["Unavailable", "Available"]

    live(main, secured())


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "not base64 §",
        lambda: sign(SIGNER, CONTENT[:-1]),
        lambda: sign(RSA_SIGNER, CONTENT),
        lambda: sign(STRANGER, CONTENT),
    ],
    ids=["none", "no base64", "another file", "another key", "a stranger"],
)
def test_a_bad_signature_installs_nothing(make: Callable[[], str]) -> None:
    async def main(world: World) -> None:
        await begin(world)
        assert await order(world, signature=make()) == "Accepted"
        await until(world, "InvalidSignature")
        assert told(world) == ["Downloading", "Downloaded", "InvalidSignature"]
        await asyncio.sleep(1000)
        assert events(world) == ["InvalidFirmwareSignature"]
        assert world.virtual.firmware.version == "1.0"
        assert world.csms.of("BootNotification") == []
        with pytest.raises(FileNotFoundError):
            world.virtual.shelf.open()

    live(main, secured())


@pytest.mark.parametrize("signer", [STRANGER, BETWEEN, EXPIRED], ids=["stranger", "intermediate", "expired"])
def test_a_bad_certificate_begins_nothing(signer: Identity) -> None:
    async def main(world: World) -> None:
        await begin(world)
        assert await order(world, signer) == "InvalidCertificate"
        await asyncio.sleep(100)
        assert (told(world), events(world)) == ([], ["InvalidFirmwareSigningCertificate"])

    live(main, secured())


def test_without_an_installed_root_nobody_can_sign() -> None:
    async def main(world: World) -> None:
        put(world, CONTENT)
        await world.boot()
        assert await order(world) == "InvalidCertificate"

    live(main, secured())


def test_dates_in_the_future_are_told_and_waited_for() -> None:
    async def main(world: World) -> None:
        await begin(world)
        began = world.clock.now()
        assert await order(world, retrieve_in=1000, install_in=5000) == "Accepted"
        await until(world, "InstallScheduled")
        assert told(world) == [
            "DownloadScheduled",
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "InstallScheduled",
        ]
        assert world.virtual.look(1).status.value == "Available"
        await until(world, "Installed")
        assert told(world)[5:] == ["Installing", "Installed"]
        assert (world.clock.now() - began).total_seconds() == pytest.approx(5010, abs=10)

    live(main, secured())


def test_a_power_cut_while_the_installation_is_scheduled_skips_no_check() -> None:
    async def main(world: World) -> None:
        await begin(world)
        await order(world, install_in=5000)
        await until(world, "InstallScheduled")
        await asyncio.sleep(1)
        # Somebody puts another image into its place while the power is away.
        await world.cut_power()
        sink = world.virtual.shelf.target()
        sink.content = b"version=6.66"  # type: ignore[union-attr]  # the world's shelf is in memory
        await world.restart()
        await until(world, "Installed")
        assert world.virtual.firmware.version == "1.4"
        again = ["Downloading", "Downloaded", "SignatureVerified"]
        assert told(world) == ["Installing", *again, "Installing", "Installed"]

    live(main, secured())


def test_users_are_waited_for() -> None:
    async def main(world: World) -> None:
        await begin(world)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await order(world)
        await until(world, "InstallScheduled")
        await asyncio.sleep(1000)
        assert told(world)[-1] == "InstallScheduled"
        world.virtual.show_tag("TAG")
        await until(world, "Installed")

    live(main, secured())


def test_a_newer_order_cancels_the_older_until_the_image_is_written() -> None:
    async def main(world: World) -> None:
        await begin(world)
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=20.0))
        assert await order(world, request_id=1) == "Accepted"
        await asyncio.sleep(30)
        assert await order(world, request_id=2) == "AcceptedCanceled"
        await until(world, "Installing")
        assert await order(world, request_id=3) == "Rejected"
        await until(world, "Installed")
        assert await order(world, request_id=4) == "Accepted"
        ids = [item["requestId"] for item in world.csms.of("SignedFirmwareStatusNotification")]
        assert ids == [1, 2, 2, 2, 2, 2]

    live(main, secured())


def test_what_the_product_does_not_speak_is_rejected() -> None:
    async def main(world: World) -> None:
        await begin(world)
        assert await order(world, location="ftp://files/1.4.bin") == "Rejected"
        await asyncio.sleep(100)
        assert told(world) == []

    live(main, secured(file_transfer_protocols=("https",)))


async def trigger(world: World) -> list[tuple[str, int | None]]:
    before = len(told(world))
    answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="FirmwareStatusNotification")
    assert answer["status"] == "Accepted"
    await asyncio.sleep(1)
    items = world.csms.of("SignedFirmwareStatusNotification")[before:]
    return [(item["status"], item.get("requestId")) for item in items]


def test_the_status_on_request_is_the_last_one_but_for_installed() -> None:
    async def main(world: World) -> None:
        await begin(world)
        assert await trigger(world) == [("Idle", None)]
        await order(world, signature="")
        await until(world, "InvalidSignature")
        assert await trigger(world) == [("InvalidSignature", 7)]
        await order(world)
        await until(world, "Installed")
        await asyncio.sleep(1)
        assert await trigger(world) == [("Idle", None)]
        answer = await world.csms.call("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        assert answer["status"] == "NotImplemented"

    live(main, secured())


def test_unsigned_orders_are_not_supported_here_and_signed_ones_not_elsewhere() -> None:
    async def signed(world: World) -> None:
        await world.boot()
        answer = await world.csms.call(
            "UpdateFirmware", location="https://files/1.4.bin", retrieveDate=EPOCH.isoformat()
        )
        assert answer[0] == "NotSupported"

    async def unsigned(world: World) -> None:
        await world.boot()
        assert await order(world) == "NotSupported"

    live(signed, secured())
    management = FirmwareManagement(is_signed=False, downloads_during_transaction=True)
    live(unsigned, secured(firmware_management=management))
