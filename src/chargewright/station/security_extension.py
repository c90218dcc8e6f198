"""The security extension of a station, joined: events, certificates, and how it connects (security whitepaper)."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from chargewright.errors import ChargewrightError, ConfigurationError
from chargewright.protocol.v16.remote_trigger import TriggerMessageRequest
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.certificates import Certificates
from chargewright.station.configuration import StationConfiguration
from chargewright.station.context import Answer, Context, Serve
from chargewright.station.extended_trigger import ExtendedTrigger, ExtendedTriggers
from chargewright.station.security import SecurityEvents
from chargewright.station.security_outbox import SecurityOutbox
from chargewright.station.security_profile import Access, Provisioning, SecurityProfiles
from chargewright.transport.security_profile import SecurityProfile

__all__ = ["SecurityExtension"]

Opened = TypeVar("Opened")


class SecurityExtension:
    """There on every product; one without the extension serves nothing of it, and its events are log lines.

    `renew` closes the connection in order and makes another. Raises `ConfigurationError` where a station cannot connect
    with what it was `given`.
    """

    def __init__(
        self,
        context: Context,
        configuration: StationConfiguration,
        given: Provisioning,
        renew: Callable[[], None],
    ) -> None:
        self._context = context
        self._outbox = SecurityOutbox(context)
        self.events: Final = SecurityEvents(context, self._outbox.put)
        self.store: Final = CertificateStore(context.store)
        self.profiles: Final = SecurityProfiles(context, self.store, given, configuration.set, renew)
        self.certificates: Final = (
            None
            if context.product.security is None
            else Certificates(
                context,
                context.product.security,
                self.store,
                lambda: self.profiles.roots_in_use,
                self.profiles.certificate_renewed,
            )
        )
        configuration.guards["SecurityProfile"] = self.profiles.allows_profile

    def started(self) -> None:
        """The device has booted."""
        self.events.note(SecurityEvent.STARTUP_OF_THE_DEVICE)

    def online(self) -> None:
        """The CSMS takes messages from now on."""
        self._outbox.online()
        if self.certificates is not None:
            self.certificates.online()

    def stop(self) -> None:
        """Do nothing more of our own accord."""
        self._outbox.stop()
        if self.certificates is not None:
            self.certificates.stop()

    def received_nonsense(self, what: str) -> None:
        """The CSMS sent something that is no OCPP message."""
        self.events.note(SecurityEvent.INVALID_MESSAGES, what)

    def tampered_with(self) -> None:
        """Somebody opens the housing (security whitepaper §8)."""
        self.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED)

    def remove_certificate(self) -> str | None:
        """Forget the newest certificate of the station by its maker's own means, which are not DeleteCertificate
        (M04.FR.06); returns the reason where that cannot be."""
        security = self._context.product.security
        if security is None:
            return "this product has no security extension, and no certificates"
        own = self.store.own()
        if not own:
            return "there is no certificate"
        if len(own) == 1 and not security.removes_last_station_certificate:
            return "the last certificate of this product cannot be removed (AQ-3)"
        if self.profiles.current is SecurityProfile.TLS_CLIENT_CERTIFICATE and len(own) == 1:
            return "the station connects with it: its security profile is 3"
        self.store.remove_own(own[0])
        self.events.note(SecurityEvent.RECONFIGURATION_OF_SECURITY_PARAMETERS, "a certificate was removed")
        return None

    async def open(self, connect: Callable[[Access], Awaitable[Opened]]) -> Opened:
        """Connect in the way that is due, or in the next where that one fails; raises what `connect` raises."""
        while True:
            try:
                return await connect(self.profiles.access())
            except ConfigurationError:
                raise
            except ChargewrightError as error:
                if not self.profiles.failed(error):
                    raise

    def served(
        self,
        common: Callable[[TriggerMessageRequest], Answer],
        may_send: Callable[[], bool],
        firmware_status: Callable[[], None] | None = None,
        log_status: Callable[[], None] | None = None,
    ) -> dict[str, Serve]:
        """The actions of the extension that are about certificates and triggers; none where there is no extension.

        `common` serves TriggerMessage; `may_send` is False as long as nothing but BootNotification may be sent; the
        other two send the status of firmware and log upload, None: never sent.
        """
        certificates = self.certificates
        if certificates is None:
            return {}
        triggers = ExtendedTriggers(
            common=common,
            may_send=may_send,
            sign_certificate=certificates.request_certificate,
            firmware_status=firmware_status,
            log_status=log_status,
        )
        return {
            "CertificateSigned": certificates.certificate_signed,
            "DeleteCertificate": certificates.delete_certificate,
            "ExtendedTriggerMessage": ExtendedTrigger(triggers).extended_trigger_message,
            "GetInstalledCertificateIds": certificates.get_installed_certificate_ids,
            "InstallCertificate": certificates.install_certificate,
        }
