"""The root of the exception tree, and what two rooms share.

::

    ChargewrightError
    ├── LocalProtocolError      our own code tried something the protocol forbids: a bug, and loud
    ├── RemoteProtocolError     the peer did: counted and answered, never fatal for its neighbours
    ├── RpcError                becomes a CALLERROR, and is what a CALLERROR becomes (`chargewright.rpc.errors`)
    ├── ConnectionLost          the socket went away before or while something was sent
    ├── ConfigurationError      names the file or option, the key, the value, and what would be right
    │   └── ConfigurationProblem    the same where no single value is wrong: unreadable, missing, contradictory
    └── StorageError            the database could not do it (`chargewright.csms.storage.base`)

Values are attributes; the sentence is `__str__`.
"""

__all__ = [
    "ChargewrightError",
    "ConfigurationError",
    "ConfigurationProblem",
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

    `where` names the file or option, `key` the entry inside it, `value` what was found (None: nothing stands there),
    `expected` what would be right.
    """

    def __init__(self, where: str, key: str, value: object, expected: str) -> None:
        super().__init__(where, key, value, expected)
        self.where = where
        self.key = key
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.place} is missing; expected {self.expected}"
        return f"{self.place}: {self.value!r} is not right; expected {self.expected}"

    @property
    def place(self) -> str:
        """File or option, and the entry inside it."""
        return f"{self.where}: {self.key}" if self.key else self.where


class ConfigurationProblem(ConfigurationError):
    """A setting, option or file is wrong, and there is no single value to show: it cannot be read, two settings
    contradict each other, a name is unknown and what stands under it may be a secret.

    `problem` is the rest of a sentence that begins with the place: `cannot be read: …`.
    """

    def __init__(self, where: str, key: str, problem: str) -> None:
        super().__init__(where, key, None, problem)
        self.args = (where, key, problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"
