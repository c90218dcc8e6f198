"""Certificates over the air: roots come and go (M03–M05), and the station gets one of its own (A02, A03)."""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chargewright.pki.authorities import KeyKind, make_key, private_pem
from chargewright.pki.certificates import (
    PkiError,
    check_chain,
    check_issued_by,
    check_validity,
    common_name,
    is_authority,
    is_self_issued,
    load_certificate,
    load_chain,
    organisation,
    public_key,
    same_key,
)
from chargewright.pki.csr import make_csr
from chargewright.pki.hash_data import hash_data, is_named_by
from chargewright.protocol.v16.security import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateSignedStatus,
    CertificateUse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GenericStatus,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateStatus,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.context import Answer, CallFailed, Context
from chargewright.station.hardware.interface import Timer
from chargewright.station.product import Security
from chargewright.station.store import StationStoreError

__all__ = ["Certificates"]

_CENTRAL: Final = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
# A03: a new certificate is asked for in the last month of the old one; so long an old one stays behind a new one.
MONTH: Final = timedelta(days=30)
# Timers are set for no longer than this, so that a clock that was put right meanwhile is noticed.
LOOK_SECONDS: Final = 86_400.0


class Certificates:
    """Serves the certificates of one station.

    `roots_in_use` are the fingerprints of the roots that the present connection may rest on; `renewed` is called,
    after the answer, when the station has a new certificate of its own.
    """

    def __init__(
        self,
        context: Context,
        security: Security,
        store: CertificateStore,
        roots_in_use: Callable[[], Collection[str]],
        renewed: Callable[[], None],
    ) -> None:
        self._context = context
        self._security = security
        self._store = store
        self._roots_in_use = roots_in_use
        self._renewed = renewed
        self._timer: Timer | None = None
        self._asked_for: x509.Certificate | None = None

    # Roots.

    def install_certificate(self, request: InstallCertificateRequest) -> Answer:
        """M05: Rejected for what is no certificate that counts now, and where no more may be stored; Failed for a good
        one that cannot be written down."""
        use = request.certificate_type
        try:
            with self._context.store.atomically():
                self._install(use, request.certificate)
        except StationStoreError as error:
            self._context.log.error("a root certificate cannot be stored", use=use.value, reason=str(error))
            return Answer(InstallCertificateResponse(status=InstallCertificateStatus.FAILED))
        except PkiError as error:
            if use is _CENTRAL:
                self._context.note_security_event(SecurityEvent.INVALID_CENTRAL_SYSTEM_CERTIFICATE, str(error))
            else:
                self._context.log.warning("a root certificate was refused", use=use.value, reason=str(error))
            return Answer(InstallCertificateResponse(status=InstallCertificateStatus.REJECTED))
        return Answer(InstallCertificateResponse(status=InstallCertificateStatus.ACCEPTED))

    def _install(self, use: CertificateUse, text: str) -> None:
        certificate = load_certificate(text, use.value)
        check_validity(certificate, self._context.clock.now(), use.value)
        if not is_authority(certificate, use.value, is_trusted=is_self_issued(certificate)):
            raise PkiError(use.value, "it is not the certificate of an authority")
        roots = self._store.roots()
        same = next((root for root in roots if root.use is use and root.certificate == certificate), None)
        if same is not None and not same.is_fallback:
            return
        if use is _CENTRAL and self._security.checks_additional_root:
            current = [root for root in roots if root.use is use and not root.is_fallback]
            if current:
                check_issued_by(certificate, current[0].certificate, use.value, is_trusted=True)
                self._store.replace_root(current[0], certificate)
                self._note_change(f"{use.value} replaced")
                return
        if sum(not root.is_fallback for root in roots) >= self._security.max_certificates:
            raise PkiError(use.value, f"the store is full: it holds {self._security.max_certificates} certificates")
        self._store.put_root(use, certificate)
        self._note_change(f"{use.value} installed")

    def get_installed_certificate_ids(self, request: GetInstalledCertificateIdsRequest) -> Answer:
        """M03: the names of all roots of that use, or NotFound without a list."""
        found = [hash_data(root.certificate, root.issuer) for root in self._store.roots(request.certificate_type)]
        if not found:
            return Answer(GetInstalledCertificateIdsResponse(status=GetInstalledCertificateStatus.NOT_FOUND))
        return Answer(
            GetInstalledCertificateIdsResponse(
                status=GetInstalledCertificateStatus.ACCEPTED, certificate_hash_data=found
            )
        )

    def delete_certificate(self, request: DeleteCertificateRequest) -> Answer:
        """M04: Failed for a root that the connection rests on, for the last one where the product keeps it, and for the
        station's own certificate; and where the disk does not take it."""
        try:
            with self._context.store.atomically():
                status = self._delete(request)
                if status is DeleteCertificateStatus.ACCEPTED:
                    self._note_change("root certificate deleted")
        except StationStoreError as error:
            self._context.log.error("a root certificate cannot be deleted", reason=str(error))
            status = DeleteCertificateStatus.FAILED
        return Answer(DeleteCertificateResponse(status=status))

    def _delete(self, request: DeleteCertificateRequest) -> DeleteCertificateStatus:
        name = request.certificate_hash_data
        roots = self._store.roots()
        named = [root for root in roots if is_named_by(root.certificate, root.issuer, name)]
        if not named:
            is_own = any(
                is_named_by(own.certificate, above[1] if len(above) > 1 else root.certificate, name)
                for own in self._store.own()
                for above in [load_chain(own.chain_pem)]
                for root in roots
            )
            return DeleteCertificateStatus.FAILED if is_own else DeleteCertificateStatus.NOT_FOUND
        central = [root for root in roots if root.use is _CENTRAL and not root.is_fallback]
        for root in named:
            if root.use is _CENTRAL and root.fingerprint in self._roots_in_use():
                return DeleteCertificateStatus.FAILED
            if root in central and len(central) == 1 and not self._security.removes_last_root:
                return DeleteCertificateStatus.FAILED
        for root in named:
            self._store.remove_root(root)
        return DeleteCertificateStatus.ACCEPTED

    # The station's own certificate.

    def request_certificate(self) -> bool:
        """Ask the CSMS for a certificate on a new key (A02); returns False where no request can be made."""
        company = self._context.configuration.text("CpoName")
        is_ecdsa = any("ECDSA" in suite for suite in self._security.cipher_suites)
        kind: KeyKind = "EC" if is_ecdsa else "RSA"
        key = make_key(kind)
        try:
            csr = make_csr(key, company, self._context.product.serial_number)
        except PkiError as error:
            self._context.log.warning("no certificate can be asked for", reason=str(error))
            return False
        self._store.pending_key = private_pem(key)
        self._context.spawn(self._request(csr))
        return True

    async def _request(self, csr: str) -> None:
        try:
            answer = await self._context.call(
                SignCertificateRequest(csr=csr), SignCertificateResponse, is_triggered=True
            )
        except CallFailed as failure:
            self._context.log.warning("the certificate was not asked for", reason=str(failure))
            return
        if answer.status is GenericStatus.REJECTED:
            self._context.log.warning("the CSMS will not have a certificate signed")

    def certificate_signed(self, request: CertificateSignedRequest) -> Answer:
        """A02.FR.06–10: a good certificate is kept and used, a bad one refused and forgotten."""
        try:
            self._accept(request.certificate_chain)
        except PkiError as error:
            self._context.log.warning("a station certificate was refused", reason=str(error))

            def tell(reason: str = str(error)) -> None:
                self._context.note_security_event(SecurityEvent.INVALID_CHARGE_POINT_CERTIFICATE, reason)

            return Answer(CertificateSignedResponse(status=CertificateSignedStatus.REJECTED), then=tell)
        return Answer(CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED), then=self._use)

    def _accept(self, text: str) -> None:
        what = "station certificate"
        now = self._context.clock.now()
        chain = load_chain(text, what, self._security.max_chain_size)
        own = chain[0]
        key_pem = self._store.pending_key
        if key_pem is None:
            raise PkiError(what, "none was asked for")
        key = load_pem_private_key(key_pem.encode("ascii"), None).public_key()
        if not same_key(public_key(own, what), key):  # type: ignore[arg-type]  # a key that make_key made
            raise PkiError(what, "it is for another key than the one that it was asked for")
        check_validity(own, now, what, may_begin_later=True)
        company, serial = self._context.configuration.text("CpoName"), self._context.product.serial_number
        if organisation(own.subject) != company:
            raise PkiError(what, f"its O is {organisation(own.subject)!r}, not {company!r} (CpoName)")
        if common_name(own.subject) != serial:
            raise PkiError(what, f"its CN is {common_name(own.subject)!r}, not the serial number {serial!r}")
        check_chain(chain, [root.certificate for root in self._store.roots(_CENTRAL)], now, what)
        with self._context.store.atomically():
            for old in self._store.own():
                if now - old.certificate.not_valid_after_utc > MONTH:
                    self._store.remove_own(old)
            self._store.put_own(text, key_pem)
            self._store.pending_key = None
            self._note_change("station certificate installed")

    def _use(self) -> None:
        self.online()
        valid = self._store.own_valid(self._context.clock.now())
        if valid and valid[0].certificate == self._store.own()[0].certificate:
            self._renewed()

    # Renewal.

    def online(self) -> None:
        """Ask for a new certificate in the last month of the newest one (A03), now or when that comes."""
        self.stop()
        own = self._store.own()
        if not own:
            return
        newest = own[0].certificate
        now = self._context.clock.now()
        is_due = newest.not_valid_after_utc - MONTH <= now
        if is_due and self._asked_for != newest and self._context.is_online():
            # Once: nobody says that a request which was not answered is to be repeated.
            self._asked_for = newest
            self.request_certificate()
        if newest.not_valid_before_utc > now:
            seconds = (newest.not_valid_before_utc - now).total_seconds()
            self._timer = self._context.call_later(min(LOOK_SECONDS, seconds), self._use)
        elif not is_due:
            self._timer = self._context.call_later(LOOK_SECONDS, self.online)

    def stop(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note_change(self, what: str) -> None:
        self._context.note_security_event(SecurityEvent.RECONFIGURATION_OF_SECURITY_PARAMETERS, what)
