"""The root of the exception tree, and what two rooms share.

::

    ChargewrightError
    ├── LocalProtocolError      our own code tried something the protocol forbids: a bug, and loud
    ├── RemoteProtocolError     the peer did: counted and answered, never fatal for its neighbours
    ├── RpcError                becomes a CALLERROR, and is what a CALLERROR becomes (`chargewright.rpc.errors`)
    ├── ConnectionLost          the socket went away before or while something was sent
    ├── ConfigurationError      names the file or option, the key, the value, and what would be right
    └── StorageError            the database could not do it (`chargewright.csms.storage.base`)

Values are attributes; the sentence is `__str__`.
"""

__all__ = [
    "ChargewrightError",
    "ConfigurationError",
    "ConnectionLost",
    "LocalProtocolError",
    "RemoteProtocolError",
]


class ChargewrightError(Exception):
    """Everything this package raises on purpose."""


class LocalProtocolError(ChargewrightError):
    """Our own code tried something that the protocol forbids in this state."""


class RemoteProtocolError(ChargewrightError):
    """The peer sent something that the protocol forbids in this state."""


class ConnectionLost(ChargewrightError):
    """The connection was closed before or while something was sent."""


class ConfigurationError(ChargewrightError):
    """A setting, option or file is wrong.

    `where` names the file or option, `key` the entry inside it, `value` what was found, `expected` what would be right.
    """

    def __init__(self, where: str, key: str, value: object, expected: str) -> None:
        super().__init__(where, key, value, expected)
        self.where = where
        self.key = key
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        place = f"{self.where}: {self.key}" if self.key else self.where
        return f"{place}: {self.value!r} is not right; expected {self.expected}"
