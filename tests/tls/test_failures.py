import ssl

import pytest

from chargewright.errors import ConnectionLost
from chargewright.tls.failures import TlsFailure, tls_failure


def of_reason(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("CERTIFICATE_VERIFY_FAILED", TlsFailure.SERVER_CERTIFICATE),
        ("TLSV1_ALERT_PROTOCOL_VERSION", TlsFailure.VERSION),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", TlsFailure.CIPHER_SUITE),
        ("TLSV1_ALERT_UNKNOWN_CA", TlsFailure.CLIENT_CERTIFICATE),
        ("SOMETHING_NEW", TlsFailure.OTHER),
    ],
)
def test_the_reason_decides_however_deep_it_lies(reason: str, failure: TlsFailure) -> None:
    assert tls_failure(of_reason(reason)) is failure
    middle = OSError("wrapped")
    middle.__cause__ = of_reason(reason)
    outer = ConnectionLost("no connection")
    outer.__cause__ = middle
    assert tls_failure(outer) is failure


def test_what_has_nothing_to_do_with_tls_is_none() -> None:
    assert tls_failure(None) is None
    assert tls_failure(ConnectionLost("refused")) is None
    loop = ConnectionLost("round")
    loop.__context__ = middle = OSError()
    middle.__context__ = loop
    assert tls_failure(loop) is None
