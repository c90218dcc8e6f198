"""A store over FTP and FTPS (RFC 959, 3659, 4217): pyftpdlib in a thread of its own.

Uploads go to a part and get their name when the client has ended them properly, before it is told so. FTP marks the end
of a file by closing the connection, so a client that dies looks like one that is done: a file counts as cut when it is
shorter than the client announced (ALLO), or when the control connection broke or ended with it. SIZE then tells how
much there is, and REST with STOR, or APPE, goes on.
"""

import asyncio
import enum
import os
import socket
import threading
import warnings
from collections.abc import Sequence
from typing import Any, Final

from OpenSSL import SSL

from chargewright.errors import ConfigurationError
from chargewright.file_transfer.ftp_sessions import Data, Session, StoreAuthorizer, StoreFolders, TlsData
from chargewright.file_transfer.store import FileStore, Gatekeeper
from chargewright.tls.server import CertificateFiles
from chargewright.tls.suites import SUITES

with warnings.catch_warnings():
    # On Python 3.11 it takes asyncore from the standard library, which warns that it will go; later it brings its own.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import AsyncChat, IOLoop
    from pyftpdlib.servers import FTPServer

__all__ = ["FtpFileServer", "FtpSecurity"]

_CONNECTIONS: Final = 256
_STALLED_SECONDS: Final = 60
_LOGIN_PENALTY_SECONDS: Final = 3.0


class FtpSecurity(enum.Enum):
    """How a server uses TLS."""

    NONE = "plain FTP only"
    EXPLICIT = "AUTH TLS before the password, and on data connections"
    IMPLICIT = "TLS from the first byte, and on data connections"


class _Waker(AsyncChat):  # type: ignore[misc]  # pyftpdlib has no types
    """Lets another thread end the loop: the first byte closes everything in it."""

    def handle_read_event(self) -> None:
        self.ioloop.close()

    def writable(self) -> bool:
        return False


class FtpFileServer:
    """Serves a store over FTP, for whom `gatekeeper` admits; users without a name log in as `anonymous`.

    `passive_ports` are those of data connections, for firewalls (None: any); `public_address` is the IPv4 address to
    tell clients where the server is behind NAT. With TLS, `certificates` are one pair of files for each type of key.
    """

    def __init__(
        self,
        store: FileStore,
        gatekeeper: Gatekeeper,
        *,
        security: FtpSecurity = FtpSecurity.NONE,
        certificates: Sequence[CertificateFiles] = (),
        passive_ports: range | None = None,
        public_address: str | None = None,
        stalled_seconds: int = _STALLED_SECONDS,
        login_penalty_seconds: float = _LOGIN_PENALTY_SECONDS,
    ) -> None:
        """Raises `ConfigurationError` for certificates that are missing or wrong."""
        self._certificates = tuple(certificates)
        attributes: dict[str, Any] = {
            "store": store,
            "authorizer": StoreAuthorizer(gatekeeper),
            "abstracted_fs": StoreFolders,
            "banner": "file server ready",
            "timeout": stalled_seconds,
            "auth_failed_timeout": login_penalty_seconds,
            "passive_ports": passive_ports,
            "masquerade_address": public_address,
        }
        if security is FtpSecurity.NONE:
            data: type[Any] = type("_Data", (Data,), {"timeout": stalled_seconds})
            self._handler: type[Any] = type("_Handler", (Session, FTPHandler), attributes | {"dtp_handler": data})
        else:
            data = type("_Data", (TlsData,), {"timeout": stalled_seconds})
            attributes |= {
                "dtp_handler": data,
                "tls_control_required": True,
                "tls_data_required": True,
                "ssl_context": _context(self._certificates),
                "is_implicit": security is FtpSecurity.IMPLICIT,
            }
            self._handler = type("_Handler", (Session, TLS_FTPHandler), attributes)
        self._wake: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.address: tuple[str, int] = ("", 0)

    def reload_certificates(self) -> None:
        """Read the files again, for connections from now on. Raises `ConfigurationError`: what was in use stays."""
        self._handler.ssl_context = _context(self._certificates)

    async def start(self, host: str, port: int) -> None:
        """Listen (port 0: any); `address` then tells where. Raises OSError where it cannot be had."""
        loop = IOLoop()
        try:
            server = FTPServer((host, port), self._handler, ioloop=loop)
        except BaseException:
            loop.close()
            raise
        server.max_cons = _CONNECTIONS
        self.address = server.address
        self._wake, other_end = socket.socketpair()
        _Waker(other_end, ioloop=loop)
        self._thread = threading.Thread(target=loop.loop, name="ftp server", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Cut what is running, which may be resumed later, and close; returns when the thread has ended."""
        if self._wake is None or self._thread is None:
            return
        self._wake.send(b".")
        await asyncio.to_thread(self._thread.join)
        self._wake.close()
        self._wake = self._thread = None


def _context(certificates: Sequence[CertificateFiles]) -> SSL.Context:
    """The same rules as `chargewright.tls.server`, for the library that pyftpdlib uses."""
    if not certificates:
        raise ConfigurationError("FTPS", "", None, "at least one certificate with its key")
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(":".join(SUITES).encode())
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
    # Clients resume the session of the control connection on the data connection.
    context.set_session_id(b"chargewright files")
    for files in certificates:
        try:
            context.use_certificate_chain_file(os.fspath(files.certificate))
            context.use_privatekey_file(os.fspath(files.key))
            context.check_privatekey()
        except (SSL.Error, OSError) as error:
            expected = f"a certificate in PEM with its key in {files.key}"
            raise ConfigurationError("FTPS", "", str(files.certificate), expected) from error
    return context
