"""The secret under which station passwords are hashed, and the hashing of new ones."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chargewright.csms.config import Settings
from chargewright.errors import ConfigurationError, ConfigurationProblem
from chargewright.transport.basic_auth import hash_credential, verify_credential

__all__ = ["CredentialKeeper"]

KEY_FILE: Final = "credential.key"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16


class CredentialKeeper:
    """Hashes passwords under `key`; `entropy(n)` gives n random bytes for salts."""

    def __init__(self, key: bytes, entropy: Callable[[int], bytes]) -> None:
        self.key = key
        self._entropy = entropy

    @classmethod
    def of(cls, settings: Settings, entropy: Callable[[int], bytes]) -> "CredentialKeeper":
        """With the key of the settings, or of the file in the data directory, which is made when it is missing.

        A database in memory keeps no hashes, so its key need not outlive the process either. Raises
        `ConfigurationError`.
        """
        if settings.credential_key is not None:
            return cls(_key(settings.credential_key.get_secret_value(), "CHARGEWRIGHT_CREDENTIAL_KEY"), entropy)
        if settings.is_in_memory:
            return cls(entropy(_KEY_BYTES), entropy)
        return cls(_key_in_file(settings.data / KEY_FILE, entropy), entropy)

    def hash(self, password: bytes, known: str | None) -> str:
        """The text to store; `known`, when it is one of this password under this key."""
        if known is not None and verify_credential(password, self.key, known):
            return known
        return hash_credential(password, self.key, self._entropy(_SALT_BYTES))


def _key_in_file(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _key(path.read_text(encoding="ascii").strip(), str(path))
        key = entropy(_KEY_BYTES)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return key
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationProblem(str(path), "", f"this process cannot make and read it: {error}") from error


def _key(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if not 16 <= len(key) <= 64:
        raise ConfigurationError(where, "", "(hidden)", "32 to 128 hexadecimal digits")
    return key
