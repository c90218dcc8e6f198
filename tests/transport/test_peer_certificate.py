"""Subjects as RFC 4514 writes them."""

import pytest

from chargewright.transport.peer_certificate import certificate_subject


@pytest.mark.parametrize(
    ("certificate", "subject"),
    [
        (None, None),
        ({}, None),
        ({"subject": ()}, ""),
        ({"subject": ((("organizationName", "Acme"),), (("commonName", "SN-4711"),))}, "O=Acme,CN=SN-4711"),
        ({"subject": ((("commonName", "a"), ("serialNumber", "b")),)}, "CN=a+serialNumber=b"),
        ({"subject": ((("organizationName", 'A, "B"+C=D\\'),),)}, 'O=A\\, \\"B\\"\\+C\\=D\\\\'),
        ({"subject": ((("commonName", " x "),),)}, "CN=\\ x\\ "),
        ({"subject": ((("commonName", "#1"),),)}, "CN=\\#1"),
        ({"subject": ((("commonName", " "),),)}, "CN=\\ "),
    ],
)
def test_subject(certificate: "dict[str, object] | None", subject: str | None) -> None:
    assert certificate_subject(certificate) == subject
