import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chargewright.pki.authorities import KeyKind, make_key
from chargewright.pki.certificates import PkiError, common_name, organisation
from chargewright.pki.csr import make_csr


@pytest.mark.parametrize(("kind", "type_of_key"), [("EC", ec.EllipticCurvePublicKey), ("RSA", rsa.RSAPublicKey)])
def test_a_request_names_company_and_serial_number(kind: KeyKind, type_of_key: type) -> None:
    text = make_csr(make_key(kind), "Öko Strom GmbH", "SN-4711")
    assert len(text) <= 5500
    request = x509.load_pem_x509_csr(text.encode())
    assert request.is_signature_valid
    assert isinstance(request.public_key(), type_of_key)
    assert (organisation(request.subject), common_name(request.subject)) == ("Öko Strom GmbH", "SN-4711")


@pytest.mark.parametrize(
    ("company", "serial", "why"),
    [("", "SN", "CpoName.*it has 0"), ("A" * 65, "SN", "it has 65"), ("A", "", "serial number.*it has 0")],
)
def test_names_that_fit_no_certificate_are_refused(company: str, serial: str, why: str) -> None:
    with pytest.raises(PkiError, match=why):
        make_csr(make_key(), company, serial)
