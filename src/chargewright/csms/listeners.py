"""Where a CSMS listens: for stations without TLS and with it, and for HTTP. And its certificates, renewed meanwhile."""

import asyncio
import errno
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.admission import Doorkeeper
from chargewright.csms.api.server import HttpServer
from chargewright.csms.config import Settings, split_address
from chargewright.errors import ConfigurationError
from chargewright.tls.server import CertificateFiles, ServerCertificates
from chargewright.transport.choice import Listen, implementation
from chargewright.transport.connection import Limits, Listener

__all__ = ["Addresses", "Listeners"]

# What to do where an address cannot be had.
_ADVICE: Final = {
    errno.EADDRINUSE: "; something listens there already: end it, or choose another port, as in {option} {host}:0, "
    "which takes a free one",
    errno.EACCES: "; ports below 1024 want privileges: choose another port, as in {option} {host}:0, which takes a "
    "free one",
    errno.EADDRNOTAVAIL: "; this machine has no such address: choose one that it has, or 127.0.0.1",
}

_log = structlog.get_logger(__name__)

# Kinds of events, with what happened to the certificates.
RENEWED: Final = "certificates.renewed"
REFUSED: Final = "alarm.certificates_refused"


class Addresses(msgspec.Struct, frozen=True):
    """Where the listeners are, as `host:port`; `ocpps` is the one with TLS."""

    ocpp: tuple[str, ...] = ()
    http: tuple[str, ...] = ()
    ocpps: tuple[str, ...] = ()


class Listeners:
    """All listeners of one CSMS. `listen_with` stands for the WebSocket library of the settings where it is given;
    `tell` writes an event that concerns no station."""

    def __init__(
        self, settings: Settings, clock: Clock, listen_with: Listen | None, tell: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.addresses = Addresses()
        self._settings = settings
        self._clock = clock
        self._listen_with = listen_with
        self._tell = tell
        self._certificates: ServerCertificates | None = None
        self._reloading = asyncio.Lock()
        self._ocpp: list[Listener] = []
        self._http: HttpServer | None = None

    def read_certificates(self) -> None:
        """Read them, if there is to be TLS; before anything is opened. Raises `ConfigurationError`."""
        settings = self._settings
        if settings.ocpps == "off":
            return
        pairs = [
            CertificateFiles(certificate, key)
            for certificate, key in zip(settings.tls_certificates, settings.tls_keys, strict=True)
        ]
        self._certificates = ServerCertificates(pairs, self._clock.now())
        self._warn()

    async def open(self, doorkeeper: Doorkeeper, api: Any) -> None:
        """Listen. Raises OSError that names the option of an address that cannot be had."""
        settings = self._settings
        listen = self._listen_with or implementation(settings.websocket).listen
        limits = Limits(frame_bytes=settings.message_bytes, message_bytes=settings.message_bytes)
        ocpp: tuple[str, ...] = ()
        ocpps: tuple[str, ...] = ()
        http: tuple[str, ...] = ()
        if settings.ocpp != "off":
            host, port = split_address(settings.ocpp)
            listener = await _bound("--ocpp", settings.ocpp, listen(doorkeeper.admit, host, port, limits=limits))
            self._ocpp.append(listener)
            ocpp = _addresses(listener)
        if settings.ocpps != "off":
            assert self._certificates is not None, "read_certificates comes first"
            host, port = split_address(settings.ocpps)
            listening = listen(
                doorkeeper.admit_tls,
                host,
                port,
                limits=limits,
                ssl_context=self._certificates.current,
                on_handshake_failed=doorkeeper.handshake_failed,
            )
            listener = await _bound("--ocpps", settings.ocpps, listening)
            self._ocpp.append(listener)
            ocpps = _addresses(listener)
        if settings.http != "off":
            self._http = HttpServer(api)
            await _bound("--http", settings.http, self._http.start(*split_address(settings.http)))
            http = _addresses(self._http)
        self.addresses = Addresses(ocpp, http, ocpps)

    def close_ocpp(self) -> None:
        """Take no more stations; those that are connected stay. Idempotent."""
        for listener in self._ocpp:
            listener.close()

    async def stop_http(self, seconds: float) -> None:
        """End HTTP within that time. Idempotent."""
        http, self._http = self._http, None
        if http is not None:
            await http.stop(seconds)

    async def watch_certificates(self) -> None:
        """Read the certificates again whenever a file has changed, looked at every `tls_reload_seconds`; for ever."""
        while self._certificates is not None and self._settings.tls_reload_seconds > 0:
            await asyncio.sleep(self._settings.tls_reload_seconds)
            if self._certificates.has_changed():
                await self.reload_certificates()

    async def reload_certificates(self) -> bool:
        """Read the certificates again: new handshakes get the new ones, connections stay. False where something is
        wrong with them, which is logged and told as an event, and those in use stay."""
        certificates = self._certificates
        if certificates is None:
            return True
        async with self._reloading:
            try:
                # Reading files and checking keys takes milliseconds that others would wait.
                await asyncio.to_thread(certificates.reload, self._clock.now())
            except ConfigurationError as error:
                _log.error("the new certificates are refused, the old ones stay", error=str(error))
                self._tell(REFUSED, {"error": str(error)})
                return False
        _log.info("certificates read again", files=[str(path) for path in self._settings.tls_certificates])
        self._warn()
        self._tell(RENEWED, {"files": [str(path) for path in self._settings.tls_certificates]})
        return True

    def _warn(self) -> None:
        assert self._certificates is not None
        for warning in self._certificates.warnings:
            _log.warning("about the certificates", warning=warning)


async def _bound(option: str, address: str, listening: Any) -> Any:
    try:
        return await listening
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "").format(option=option, host=address.rpartition(":")[0])
        raise OSError(error.errno, f"cannot listen on {option} {address}: {error.strerror or error}{advice}") from error


def _addresses(listener: Any) -> tuple[str, ...]:
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in listener.addresses)
