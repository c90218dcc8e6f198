"""The certificates that a station keeps, with its private keys.

They lie in the station's memory, a file that is readable for its owner only. Nothing tells a key to anybody: no
message, no log line, no other way out (A02.FR.05).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509

from chargewright.pki.certificates import PkiError, check_issued_by, fingerprint, load_certificate, load_chain, pem
from chargewright.protocol.v16.security import CertificateUse
from chargewright.station.store import StationStore

__all__ = ["CertificateStore", "OwnCertificate", "Root"]

_PENDING: Final = "pending key"


class _StoredRoot(msgspec.Struct, frozen=True):
    pem: str
    issuer_pem: str | None = None
    is_fallback: bool = False


class _StoredOwn(msgspec.Struct, frozen=True):
    chain_pem: str
    key_pem: str


class Root(msgspec.Struct, frozen=True):
    """An installed root. `issuer` is itself unless another installed root has signed it; `is_fallback`: it was replaced
    and waits for the new one to prove itself (M05.FR.12)."""

    use: CertificateUse
    certificate: x509.Certificate
    issuer: x509.Certificate
    is_fallback: bool

    @property
    def fingerprint(self) -> str:
        """What tells it apart."""
        return fingerprint(self.certificate)


class OwnCertificate(msgspec.Struct, frozen=True):
    """A certificate of the station, with its chain and its key."""

    certificate: x509.Certificate
    chain_pem: str
    key_pem: str

    def __repr__(self) -> str:
        return f"OwnCertificate({fingerprint(self.certificate)})"


class CertificateStore:
    """Roots, the station's own certificates, and the key of a request under way; every change is on disk at once."""

    def __init__(self, store: StationStore) -> None:
        self._store = store
        self._records = store.records("certificate")

    def roots(self, use: CertificateUse | None = None) -> list[Root]:
        """All installed roots, or those of one use; fallbacks are among them."""
        found = []
        for name, value in self._named("root"):
            stored = msgspec.json.decode(value, type=_StoredRoot)
            certificate = load_certificate(stored.pem)
            issuer = certificate if stored.issuer_pem is None else load_certificate(stored.issuer_pem)
            root = Root(CertificateUse(name.split("/")[1]), certificate, issuer, stored.is_fallback)
            if use is None or root.use is use:
                found.append(root)
        return found

    def put_root(self, use: CertificateUse, certificate: x509.Certificate, *, is_fallback: bool = False) -> None:
        """Install a root, or change whether it is a fallback."""
        issuer = self._issuer_of(certificate)
        stored = _StoredRoot(pem(certificate), None if issuer is None else pem(issuer), is_fallback)
        self._records.put(_root_name(use, certificate), msgspec.json.encode(stored))

    def replace_root(self, old: Root, new: x509.Certificate) -> None:
        """Install a root in place of another, which becomes the only fallback."""
        with self._store.atomically():
            self.drop_fallbacks()
            self.put_root(old.use, new)
            self.put_root(old.use, old.certificate, is_fallback=True)

    def remove_root(self, root: Root) -> None:
        """Forget a root."""
        self._records.remove(_root_name(root.use, root.certificate))

    def drop_fallbacks(self) -> None:
        """Forget the roots that were replaced."""
        for root in self.roots():
            if root.is_fallback:
                self.remove_root(root)

    def own(self) -> list[OwnCertificate]:
        """The station's certificates, the newest beginning first (A02.FR.09)."""
        found = []
        for _, value in self._named("own"):
            stored = msgspec.json.decode(value, type=_StoredOwn)
            found.append(OwnCertificate(load_chain(stored.chain_pem)[0], stored.chain_pem, stored.key_pem))
        return sorted(found, key=lambda item: item.certificate.not_valid_before_utc, reverse=True)

    def own_valid(self, at: datetime) -> list[OwnCertificate]:
        """Those of them that can be used at an instant, in the same order."""
        return [
            item
            for item in self.own()
            if item.certificate.not_valid_before_utc <= at <= item.certificate.not_valid_after_utc
        ]

    def put_own(self, chain_pem: str, key_pem: str) -> None:
        """Keep a certificate of the station."""
        certificate = load_chain(chain_pem)[0]
        self._records.put(f"own/{fingerprint(certificate)}", msgspec.json.encode(_StoredOwn(chain_pem, key_pem)))

    def remove_own(self, own: OwnCertificate) -> None:
        """Forget one."""
        self._records.remove(f"own/{fingerprint(own.certificate)}")

    @property
    def pending_key(self) -> str | None:
        """The key that a certificate was asked for, in PEM."""
        value = self._records.get(_PENDING)
        return None if value is None else value.decode("ascii")

    @pending_key.setter
    def pending_key(self, key_pem: str | None) -> None:
        if key_pem is None:
            self._records.remove(_PENDING)
        else:
            self._records.put(_PENDING, key_pem.encode("ascii"))

    def _named(self, kind: str) -> Iterator[tuple[str, bytes]]:
        for name, value in self._records.items():
            if name.startswith(f"{kind}/"):
                yield name, value

    def _issuer_of(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for root in self.roots():
            if root.certificate != certificate:
                try:
                    check_issued_by(certificate, root.certificate)
                except PkiError:
                    continue
                return root.certificate
        return None


def _root_name(use: CertificateUse, certificate: x509.Certificate) -> str:
    return f"root/{use.value}/{fingerprint(certificate)}"
