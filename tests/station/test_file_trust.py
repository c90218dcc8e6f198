"""Installed roots count for files as soon as they are there."""

import asyncio
from pathlib import Path
from random import Random

from cryptography import x509
from tests.tls.certificates import issue, new_key

from chargewright.protocol.v16.security import CertificateUse
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.file_trust import InstalledRoots
from chargewright.station.store import StationStore


async def test_an_installed_root_is_trusted_from_then_on_and_the_maker_s_is_not(tmp_path: Path) -> None:
    store = StationStore(":memory:", Random(1))
    roots = InstalledRoots(store)
    roots.look()
    own = len(roots.context().get_ca_certs())
    for serial, use in enumerate(CertificateUse, start=1):
        files = issue(tmp_path, new_key("EC"), str(serial), serial=serial)
        CertificateStore(store).put_root(use, x509.load_pem_x509_certificate(files.certificate.read_bytes()))
    roots.look()
    # Transfers ask in threads, where the memory must not be touched.
    added = (await asyncio.to_thread(roots.context)).get_ca_certs()[own:]
    expected = list(CertificateUse).index(CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE) + 1
    assert [int(str(item["serialNumber"]), 16) for item in added] == [expected]
