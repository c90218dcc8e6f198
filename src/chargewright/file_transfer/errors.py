"""What can go wrong with a file on its way, and on the shelf.

::

    FileTransferError           names the URL without its password, and says what to do
    ├── MalformedUrl            no URL that could be fetched
    ├── UnsupportedScheme       another protocol than those of `chargewright.file_transfer.choice`
    ├── AccessDenied            the server wants other credentials, or lets nobody
    ├── NotFound                no such file or directory
    ├── TooLarge                more bytes than are wanted here, or than the server takes
    ├── NoSpace                 the disk or the quota of one side is full
    ├── BadCertificate          the server is not who it says, or nobody we trust says so
    ├── UnsafeRedirect          sent on for ever, or to a less safe protocol
    ├── RefusedByServer         another refusal that waiting does not mend
    ├── LocalFileTrouble        our own file cannot be read or written
    └── TransferBroken          cut off: may be resumed
        ├── CouldNotConnect     nobody there
        ├── TimedOut            nothing came or went for too long
        └── ServerTrouble       the server says that it cannot now

    StoreError                  what a server's store refuses
    ├── BadName                 a name that leaves the store, or that no disk takes
    ├── NotThere                no such file or folder
    ├── StoreFull               beyond the quota
    ├── FileTooLarge            beyond the bound for one file
    ├── WrongOffset             an upload wants to go on where it did not end
    └── Superseded              a newer upload of the same name took its place
"""

from typing import ClassVar

from chargewright.errors import ChargewrightError
from chargewright.file_transfer.masking import mask_url

__all__ = [
    "AccessDenied",
    "BadCertificate",
    "BadName",
    "CouldNotConnect",
    "FileTooLarge",
    "FileTransferError",
    "LocalFileTrouble",
    "MalformedUrl",
    "NoSpace",
    "NotFound",
    "NotThere",
    "RefusedByServer",
    "ServerTrouble",
    "StoreError",
    "StoreFull",
    "Superseded",
    "TimedOut",
    "TooLarge",
    "TransferBroken",
    "UnsafeRedirect",
    "UnsupportedScheme",
    "WrongOffset",
]


class FileTransferError(ChargewrightError):
    """A file did not arrive. `url` has no password and no query, `reason` is one clause, `advice` says what to do."""

    advice: ClassVar[str] = ""

    def __init__(self, url: str, reason: str) -> None:
        self.url = mask_url(url)
        self.reason = reason
        super().__init__(self.url, reason)

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}; {self.advice}"


class MalformedUrl(FileTransferError):
    """No URL that could be fetched."""

    advice = "correct the URL: scheme://user:password@host:port/path, special characters percent-encoded"


class UnsupportedScheme(FileTransferError):
    """Another protocol than those that are here."""

    advice = "use http, https, ftp or ftps"


class AccessDenied(FileTransferError):
    """The server wants other credentials, or lets nobody."""

    advice = "check user and password in the URL, and what they may do on the server"


class NotFound(FileTransferError):
    """No such file or directory on the server."""

    advice = "check the path, and that the file has been put there"


class TooLarge(FileTransferError):
    """More bytes than are wanted here, or than the server takes."""

    advice = "send a smaller file, or raise the bound"


class NoSpace(FileTransferError):
    """The disk or the quota of one side is full."""

    advice = "make room, or raise the quota"


class BadCertificate(FileTransferError):
    """The server's certificate does not bear its name, is out of date, or comes from nobody who is trusted."""

    advice = "install the root certificate of the server's authority, and check the name in the URL and the clocks"


class UnsafeRedirect(FileTransferError):
    """The server sends on for ever, or to a protocol that is less safe."""

    advice = "use the final URL"


class RefusedByServer(FileTransferError):
    """A refusal that waiting does not mend."""

    advice = "ask whoever runs the server"


class LocalFileTrouble(FileTransferError):
    """Our own file cannot be read or written."""

    advice = "check the folder, its permissions and the disk"


class TransferBroken(FileTransferError):
    """Cut off on its way; what came is kept, and the transfer may be resumed."""

    advice = "try again: it goes on where it broke off, where the server allows"


class CouldNotConnect(TransferBroken):
    """Nobody answers there."""

    advice = "check host and port, and whether a firewall is in between"


class TimedOut(TransferBroken):
    """Nothing came or went for too long."""


class ServerTrouble(TransferBroken):
    """The server says that it cannot now."""

    advice = "try again later"


class StoreError(ChargewrightError):
    """What a store refuses. `name` is the name as it was asked for, `reason` one clause."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name!r}: {self.reason}"


class BadName(StoreError):
    """A name that would leave the store, or that no disk takes."""


class NotThere(StoreError):
    """No such file or folder."""


class StoreFull(StoreError):
    """Beyond the quota of the store."""


class FileTooLarge(StoreError):
    """Beyond the bound for one file."""


class WrongOffset(StoreError):
    """An upload wants to go on where the earlier one did not end; `kept` is where it did."""

    def __init__(self, name: str, reason: str, kept: int) -> None:
        super().__init__(name, reason)
        self.kept = kept


class Superseded(StoreError):
    """A newer upload of the same name took this one's place."""
