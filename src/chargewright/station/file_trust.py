"""Whose certificates count for https and ftps: the system's authorities, and the roots that the CSMS has installed."""

import ssl

from chargewright.pki.certificates import pem
from chargewright.protocol.v16.security import CertificateUse
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.store import StationStore
from chargewright.tls.client import client_context

__all__ = ["InstalledRoots"]


class InstalledRoots:
    """The station's memory is read by `look`, on its own thread, before a transfer; `context` may run in any thread."""

    def __init__(self, store: StationStore) -> None:
        self._store = CertificateStore(store)
        self._pems: tuple[str, ...] = ()

    def look(self) -> None:
        """From now on those roots count that are installed now."""
        installed = self._store.roots(CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE)
        self._pems = tuple(pem(root.certificate) for root in installed)

    def context(self) -> ssl.SSLContext:
        """For one connection."""
        trusted = client_context()
        for text in self._pems:
            trusted.load_verify_locations(cadata=text)
        return trusted
