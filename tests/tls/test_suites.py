"""The suites are those of the specification, and OpenSSL knows every one."""

import ssl

from chargewright.tls.suites import SUITES

# A00.FR.317: the IANA names, as OpenSSL writes them.
REQUIRED = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
    "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
    "AES128-GCM-SHA256": 0x009C,
    "AES256-GCM-SHA384": 0x009D,
}


def test_the_four_suites_are_there() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(":".join(SUITES))
    known = {cipher["name"]: cipher["id"] & 0xFFFF for cipher in context.get_ciphers()}
    assert REQUIRED.items() <= known.items()
    assert set(SUITES) <= known.keys()
    assert {name for name in known if not name.startswith("TLS_")} == set(SUITES)
