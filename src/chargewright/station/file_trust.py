"""Whose certificates count for https and ftps: the system's authorities, and the roots that the CSMS has installed."""

import ssl
from collections.abc import Callable

from chargewright.pki.certificates import pem
from chargewright.protocol.v16.security import CertificateUse
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.store import StationStore
from chargewright.tls.client import client_context

__all__ = ["trust_of"]


def trust_of(store: StationStore) -> Callable[[], ssl.SSLContext]:
    """Makes a context for each connection, so that a root counts as soon as it is installed."""

    def context() -> ssl.SSLContext:
        trusted = client_context()
        for root in CertificateStore(store).roots(CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE):
            trusted.load_verify_locations(cadata=pem(root.certificate))
        return trusted

    return context
