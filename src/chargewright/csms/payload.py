"""What of a frame tells two messages apart: a message that is sent again has another id, and the same payload."""

import re
from hashlib import blake2b
from typing import Final

__all__ = ["payload_digest"]

# `[2, "id", "Action", `: what stands before the payload of a CALL (OCPP-J 4.2.1).
_HEAD: Final = re.compile(rb'\s*\[[^,"]*,\s*"(?:[^"\\]|\\.)*"\s*,\s*"(?:[^"\\]|\\.)*"\s*,\s*', re.DOTALL)


def payload_digest(frame: bytes) -> bytes:
    """16 bytes for the payload of a CALL as sent, byte for byte, whatever its message id; of all of a frame that is
    none."""
    head = _HEAD.match(frame)
    return blake2b(memoryview(frame)[head.end() if head else 0 :], digest_size=16).digest()
