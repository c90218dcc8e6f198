"""Which URLs a product takes: those of its `file_transfer_protocols`, and no others."""

from collections.abc import Sequence

from chargewright.file_transfer.errors import UnsupportedScheme
from chargewright.file_transfer.locations import parse_location

__all__ = ["SchemeNotOffered", "check_scheme"]


class SchemeNotOffered(UnsupportedScheme):
    """Another protocol than those of the product, which the reason names: there is nothing to add."""

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}"


def check_scheme(location: str, protocols: Sequence[str]) -> None:
    """Raises `MalformedUrl`, or `SchemeNotOffered` for another protocol than the product's."""
    parsed = parse_location(location)
    if parsed.scheme not in protocols:
        offered = ", ".join(protocols) or "none"
        raise SchemeNotOffered(parsed.shown, f"{parsed.scheme[:40]!r} is not offered here (offered: {offered})")
