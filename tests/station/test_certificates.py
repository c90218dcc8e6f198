"""Certificates over the air: the station in virtual time, its authorities our own."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from tests.station.test_security import SECURITY
from tests.station.world import World, live, product

from chargewright.pki.authorities import Authority, make_authority
from chargewright.pki.certificates import common_name, organisation, pem
from chargewright.station.product import Security
from chargewright.station.store import StationStoreError

CENTRAL = "CentralSystemRootCertificate"
MANUFACTURER = "ManufacturerRootCertificate"


def run(main: Callable[[World], Coroutine[Any, Any, Any]], **changes: Any) -> Any:
    security: Security = msgspec.structs.replace(SECURITY, **changes)
    return live(main, product(security=security))


async def install(world: World, text: str, use: str = CENTRAL) -> str:
    answer = await world.csms.call("InstallCertificate", certificateType=use, certificate=text)
    return str(answer["status"])


async def ids(world: World, use: str = CENTRAL) -> list[dict[str, str]] | None:
    answer = await world.csms.call("GetInstalledCertificateIds", certificateType=use)
    assert answer["status"] == ("Accepted" if "certificateHashData" in answer else "NotFound")
    return answer.get("certificateHashData")  # type: ignore[no-any-return]  # JSON


async def delete(world: World, name: dict[str, str]) -> str:
    return str((await world.csms.call("DeleteCertificate", certificateHashData=name))["status"])


def events(world: World) -> list[str]:
    return [item["type"] for item in world.csms.of("SecurityEventNotification")]


def now(world: World) -> datetime:
    return world.clock.now()


def test_roots_are_installed_listed_and_deleted() -> None:
    async def main(world: World) -> None:
        await world.boot()
        one, two = make_authority("One", now(world)), make_authority("Two", now(world), kind="RSA")
        assert await ids(world) is None
        assert await install(world, one.pem) == "Accepted"
        assert await install(world, two.pem) == "Accepted"
        assert await install(world, two.pem) == "Accepted", "the same again takes no place"
        assert await install(world, two.pem, MANUFACTURER) == "Accepted"
        found = await ids(world)
        assert found is not None and len(found) == 2
        assert {item["serialNumber"] for item in found} == {
            f"{item.certificate.serial_number:x}" for item in (one, two)
        }
        first = next(item for item in found if item["serialNumber"] == f"{one.certificate.serial_number:x}")
        wrong = first | {"issuerKeyHash": "00" * 32}
        assert await delete(world, wrong) == "NotFound"
        shouted = {name: value.upper() for name, value in first.items()}
        assert await delete(world, shouted) == "Accepted"
        assert await delete(world, first) == "NotFound"
        await world.cut_power()
        await world.restart()
        await world.csms.expect("BootNotification")
        left = await ids(world)
        assert left is not None and [item["serialNumber"] for item in left] == [f"{two.certificate.serial_number:x}"]

    run(main)


@pytest.mark.parametrize("use", [CENTRAL, MANUFACTURER])
def test_what_does_not_count_now_is_refused(use: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        at = now(world)
        expired = make_authority("Old", at - timedelta(days=9), days=2)
        coming = make_authority("New", at + timedelta(days=9))
        for text in ("no certificate", expired.pem, coming.pem, expired.pem * 2):
            assert await install(world, text, use) == "Rejected"
        assert await ids(world, use) is None
        await world.csms.expect("SecurityEventNotification", 1)
        if use == CENTRAL:
            await world.csms.expect("SecurityEventNotification", 5)
        assert events(world).count("InvalidCentralSystemCertificate") == (4 if use == CENTRAL else 0)

    run(main)


@pytest.mark.parametrize("use", [CENTRAL, MANUFACTURER])
def test_who_may_sign_nobody_is_no_root(use: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        root = make_authority("Root", now(world))
        leaf = root.client("Acme", "SN", now(world))
        assert await install(world, pem(leaf.certificate), use) == "Rejected"
        assert await install(world, root.pem, use) == "Accepted"

    run(main)


def test_a_full_store_takes_no_more() -> None:
    async def main(world: World) -> None:
        await world.boot()
        roots = [make_authority(f"Root {number}", now(world)) for number in range(3)]
        answers = [await install(world, root.pem, MANUFACTURER) for root in roots]
        assert answers == ["Accepted", "Accepted", "Rejected"]

    run(main, max_certificates=2)


def test_what_the_disk_does_not_take_is_failed_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk() -> None:
        raise StationStoreError("file", "database or disk is full")

    async def main(world: World) -> None:
        await world.boot()
        one, two = (make_authority(f"Root {number}", now(world)) for number in range(2))
        assert await install(world, one.pem, MANUFACTURER) == "Accepted"
        before = await ids(world, MANUFACTURER)
        assert before is not None
        told = len(events(world))
        with monkeypatch.context() as disk:
            disk.setattr(world.store.database, "commit", full_disk)
            assert await install(world, two.pem, MANUFACTURER) == "Failed"
            assert await delete(world, before[0]) == "Failed"
        await asyncio.sleep(60)
        assert await ids(world, MANUFACTURER) == before and len(events(world)) == told
        assert await install(world, two.pem, MANUFACTURER) == "Accepted"
        assert await delete(world, before[0]) == "Accepted"

    run(main)


@pytest.mark.parametrize(("removes_last", "answer"), [(True, "Accepted"), (False, "Failed")])
def test_the_last_root_goes_only_where_the_product_lets_it(removes_last: bool, answer: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        for number in range(2):
            await install(world, make_authority(f"Root {number}", now(world)).pem)
        found = await ids(world)
        assert found is not None
        assert await delete(world, found[0]) == "Accepted"
        assert await delete(world, found[1]) == answer

    run(main, removes_last_root=removes_last)


def test_with_the_additional_check_a_root_needs_the_one_before() -> None:
    async def main(world: World) -> None:
        await world.boot()
        first = make_authority("First", now(world))
        second = make_authority("Second", now(world), replaces=first)
        third = make_authority("Third", now(world), replaces=second)
        assert await install(world, first.pem) == "Accepted"
        assert await install(world, make_authority("Stranger", now(world)).pem) == "Rejected"
        assert await install(world, third.pem) == "Rejected", "it is signed by one that is not here"
        assert await install(world, second.pem) == "Accepted"
        found = await ids(world)
        assert found is not None and len(found) == 2, "the old one stays as fallback"
        assert await install(world, third.pem) == "Accepted"
        found = await ids(world)
        serials = {f"{item.certificate.serial_number:x}" for item in (second, third)}
        assert found is not None and {item["serialNumber"] for item in found} == serials

    run(main, checks_additional_root=True, max_certificates=1)


# The station's own certificate.


async def trigger(world: World) -> str:
    answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    return str(answer["status"])


async def signed(world: World, chain: str) -> str:
    return str((await world.csms.call("CertificateSigned", certificateChain=chain))["status"])


async def provisioned(world: World) -> Authority:
    await world.boot()
    root = make_authority("Root", now(world), days=30_000)
    assert await install(world, root.pem) == "Accepted"
    assert await world.change("CpoName", "Acme Energy") == "Accepted"
    world.csms.answers["SignCertificate"] = {"status": "Accepted"}
    return root


def test_a_certificate_is_asked_for_and_taken() -> None:
    async def main(world: World) -> None:
        root = (await provisioned(world)).subordinate("Sub", now(world))
        for count in (1, 2):
            assert await trigger(world) == "Accepted"
            csr = (await world.csms.expect("SignCertificate", count))["csr"]
            request = x509.load_pem_x509_csr(csr.encode())
            assert request.is_signature_valid
            assert (organisation(request.subject), common_name(request.subject)) == ("Acme Energy", "CW-1")
            assert await signed(world, root.answer(csr, now(world))) == "Accepted"
        keys = {
            x509.load_pem_x509_csr(item["csr"].encode()).public_key().public_numbers()
            for item in world.csms.of("SignCertificate")
        }
        assert len(keys) == 2, "a new key each time"
        assert events(world) == ["StartupOfTheDevice"]

    run(main)


def test_without_a_company_nothing_can_be_asked_for() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await trigger(world) == "Rejected"
        assert world.csms.of("SignCertificate") == []

    run(main)


def test_bad_answers_are_refused_and_told() -> None:
    async def main(world: World) -> None:
        root = await provisioned(world)
        assert await trigger(world) == "Accepted"
        csr = (await world.csms.expect("SignCertificate"))["csr"]
        at = now(world)
        good = root.answer(csr, at)
        bad = [
            "nonsense",
            root.client("Acme Energy", "CW-1", at).chain_pem,
            make_authority("Root", at).answer(csr, at),
            root.answer(csr, at - timedelta(days=20), days=3),
            good + root.subordinate("Padding", at).pem * 9,
        ]
        for text in bad:
            assert await signed(world, text) == "Rejected"
        await world.csms.expect("SecurityEventNotification", 1 + len(bad))
        assert events(world)[1:] == ["InvalidChargePointCertificate"] * len(bad)
        order = world.csms.order
        assert order.index("answer") < order.index("SecurityEventNotification", 5)
        assert await world.change("CpoName", "Other") == "Accepted"
        assert await signed(world, good) == "Rejected", "O is not the company's name any more"
        assert await world.change("CpoName", "Acme Energy") == "Accepted"
        assert await signed(world, good) == "Accepted"
        assert await signed(world, good) == "Rejected", "nothing is asked for now"

    run(main, max_chain_size=6000)


def test_the_stations_own_certificate_cannot_be_deleted() -> None:
    async def main(world: World) -> None:
        root = await provisioned(world)
        await trigger(world)
        chain = root.answer((await world.csms.expect("SignCertificate"))["csr"], now(world))
        assert await signed(world, chain) == "Accepted"
        name = (await ids(world) or [])[0]
        own = f"{x509.load_pem_x509_certificate(chain.encode()).serial_number:x}"
        # Its issuer is the root, which is its own issuer: only the serial number differs.
        assert await delete(world, name | {"serialNumber": own}) == "Failed"

    run(main)


def test_a_new_one_is_asked_for_a_month_before_the_end() -> None:
    async def main(world: World) -> None:
        root = await provisioned(world)
        await trigger(world)
        begin = now(world)
        chain = root.answer((await world.csms.expect("SignCertificate"))["csr"], begin, days=90)
        assert await signed(world, chain) == "Accepted"
        await world.csms.expect("SignCertificate", 2, within=100 * 86_400)
        passed = now(world) - begin
        assert timedelta(days=60) <= passed <= timedelta(days=61, hours=1)

    run(main)


def test_no_key_leaves_the_station() -> None:
    async def main(world: World) -> None:
        root = await provisioned(world)
        await trigger(world)
        chain = root.answer((await world.csms.expect("SignCertificate"))["csr"], now(world))
        await signed(world, chain)
        told = repr(await world.csms.call("GetConfiguration")) + repr(world.csms.calls)
        own = world.virtual.station._blocks.security.store.own()
        assert "PRIVATE KEY" not in told
        assert "PRIVATE KEY" not in repr(own)
        assert own[0].chain_pem == chain and pem(own[0].certificate) in chain

    run(main)
