"""Which protocol a URL asks for: one table."""

import ssl
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chargewright.file_transfer.base import Transfer
from chargewright.file_transfer.errors import UnsupportedScheme
from chargewright.file_transfer.ftp_client import FtpTransfer, Security
from chargewright.file_transfer.http_client import HttpTransfer
from chargewright.file_transfer.memory import MemoryFiles, MemoryTransfer
from chargewright.tls.client import client_context

__all__ = ["TRANSFERS", "TransferTools", "transfer_for"]


class TransferTools(msgspec.Struct, frozen=True):
    """What protocols need: whose certificates are trusted, and the files of the scheme `memory`, if there are any."""

    trust: Callable[[], ssl.SSLContext] = client_context
    """Asked anew for each connection, so that new root certificates count at once."""
    memory: MemoryFiles | None = None
    simulated: bool = False
    """Every scheme means `memory`: no sockets, no threads."""


def _memory(tools: TransferTools) -> Transfer:
    if tools.memory is None:
        raise UnsupportedScheme("memory:", "files in memory exist only in simulations")
    return MemoryTransfer(tools.memory)


TRANSFERS: Final[Mapping[str, Callable[[TransferTools], Transfer]]] = {
    "http": lambda tools: HttpTransfer(tools.trust),
    "https": lambda tools: HttpTransfer(tools.trust),
    "ftp": lambda tools: FtpTransfer(tools.trust, Security.NONE),
    "ftps": lambda tools: FtpTransfer(tools.trust, Security.BY_PORT),
    "ftpes": lambda tools: FtpTransfer(tools.trust, Security.EXPLICIT),
    "memory": _memory,
}


def transfer_for(scheme: str, tools: TransferTools) -> Transfer:
    """The protocol of `scheme` (lower case); raises `UnsupportedScheme` that names the others."""
    maker = TRANSFERS.get(scheme)
    if maker is None:
        raise UnsupportedScheme(f"{scheme}:", f"{scheme[:40]!r} is not one of {', '.join(sorted(TRANSFERS))}")
    return _memory(tools) if tools.simulated else maker(tools)
