"""HTTP Basic authentication as security profiles 1 and 2 use it (security whitepaper §2.3; OCPP-J 1.6 §6.2.2).

The user name is the identity as in the URL, decoded. The password is the configuration key AuthorizationKey, 32 to 40
hexadecimal digits, decoded to raw bytes. Neither need be text: identities may contain colons and passwords any byte, so
a header is taken apart by the identity that is already known, never at the first colon.
"""

import base64
import binascii
import hmac
import re
from hashlib import blake2b
from typing import Final

__all__ = [
    "CHALLENGE",
    "authorization_header",
    "hash_credential",
    "is_authorization_key",
    "password_from_header",
    "password_from_key",
    "verify_credential",
]

CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}
"""Headers of the 401 that asks for credentials (RFC 7617 §2)."""

# Security whitepaper A00.FR.205 and §7.2: 16 to 20 bytes, two digits each.
_AUTHORIZATION_KEY: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
_ALGORITHM: Final = "blake2b-256"
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16
_PASSWORD_BOUND_BYTES: Final = 255


def is_authorization_key(text: str) -> bool:
    """Whether `text` may be the value of AuthorizationKey: 32 to 40 hexadecimal digits, in pairs (A00.FR.205)."""
    return _AUTHORIZATION_KEY.fullmatch(text) is not None


def password_from_key(authorization_key: str) -> bytes:
    """The raw bytes that go over the wire; ValueError (without the value: it is a secret) where it is no such key."""
    if not is_authorization_key(authorization_key):
        raise ValueError(
            f"an AuthorizationKey has 32 to 40 hexadecimal digits in pairs; got {len(authorization_key)} characters"
        )
    return bytes.fromhex(authorization_key)


def authorization_header(identity: str, password: bytes) -> str:
    """The value of the Authorization header: `Basic` and the base64 of identity, colon and raw password."""
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode("ascii")


def password_from_header(header: str, identity: str) -> bytes | None:
    """The password that an Authorization header shows for `identity`.

    None where the scheme is not Basic, the base64 is broken, or the user name is not this identity.
    """
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        credentials = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    user = identity.encode() + b":"
    if not credentials.startswith(user):
        return None
    return credentials[len(user) :]


def hash_credential(password: bytes, key: bytes, salt: bytes) -> str:
    """The text to store for `password`: algorithm, salt and keyed hash, `$` between them.

    `key` (16 to 64 bytes) is the installation's secret, kept outside the database; `salt` is 16 random bytes. The hash
    is deliberately a fast one: passwords are 16 to 20 random bytes, beyond guessing, and a slow hash would turn every
    storm of reconnects into a denial of service.
    """
    if not 16 <= len(key) <= blake2b.MAX_KEY_SIZE:
        raise ValueError(f"the key of credential hashes has 16 to {blake2b.MAX_KEY_SIZE} bytes; got {len(key)}")
    if len(salt) != _SALT_BYTES:
        raise ValueError(f"the salt of a credential hash has {_SALT_BYTES} bytes; got {len(salt)}")
    digest = blake2b(password, digest_size=_HASH_BYTES, key=key, salt=salt).hexdigest()
    return f"{_ALGORITHM}${salt.hex()}${digest}"


def verify_credential(password: bytes, key: bytes, stored: str, *, accept_hex_text: bool = False) -> bool:
    """Whether `password` is the one that `stored` (from `hash_credential`) was made of, compared in constant time.

    `accept_hex_text` also accepts the hexadecimal text of the key sent as the password itself, in either case, as some
    stations in the field do. Raises ValueError where `stored` is not a credential hash.
    """
    parts = stored.split("$")
    if len(parts) != 3 or parts[0] != _ALGORITHM:
        raise ValueError(f"not a credential hash of algorithm {_ALGORITHM}: {len(parts)} parts, first {parts[0]!r}")
    salt = bytes.fromhex(parts[1])
    if len(password) > _PASSWORD_BOUND_BYTES:
        return False
    if hmac.compare_digest(hash_credential(password, key, salt), stored):
        return True
    if not accept_hex_text or not password.isascii() or not is_authorization_key(password.decode("ascii")):
        return False
    return hmac.compare_digest(hash_credential(bytes.fromhex(password.decode("ascii")), key, salt), stored)
