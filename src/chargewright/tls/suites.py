"""The cipher suites of both sides (security whitepaper A00.FR.317/318, 421/422)."""

from typing import Final

__all__ = ["SUITES"]

SUITES: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""TLS 1.2, in OpenSSL's words and the server's order of preference: the four that must be (the first and the last two),
and ECDHE for RSA keys between them. Those of TLS 1.3 are OpenSSL's own."""
