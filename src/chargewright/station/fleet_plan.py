"""What a fleet is to be: which stations, how they connect, and who comes to them."""

import hashlib
import hmac
from collections.abc import Callable

import msgspec

from chargewright.station.behaviour import Behaviour
from chargewright.station.dialect import Dialect
from chargewright.station.hardware.simulated_parts import NO_DELAYS, HardwareDelays
from chargewright.station.product import Product
from chargewright.station.security_profile import Provisioning
from chargewright.station.upkeep import MemoryShelf, Shelf

__all__ = ["FleetPlan", "identities", "key_of", "places"]

# Firmware images of stations without a disk: thousands of them share the memory of one process.
IMAGE_BYTES = 1024 * 1024


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`products` take turns; `password_of(identity)` is None where none is sent, and all else about the connection is
    `provisioning` (None: `csms_url`, as it is). `speed` divides battery sizes, waiting times and the times between
    accidents; power, clock and meters stay physical. `shelf_of(identity)` is where firmware images lie."""

    count: int
    products: tuple[Product, ...]
    csms_url: str
    behaviour: Behaviour
    prefix: str = "CW-F-"
    seed: int = 0
    speed: float = 1.0
    password_of: Callable[[str], bytes | None] = lambda identity: None
    provisioning: Provisioning | None = None
    spoken: frozenset[Dialect] = frozenset()
    delays: HardwareDelays = NO_DELAYS
    shelf_of: Callable[[str], Shelf] = lambda identity: MemoryShelf(IMAGE_BYTES)

    def provisioning_of(self, identity: str) -> Provisioning:
        """What a station is given before its first connection."""
        common = Provisioning(url=self.csms_url) if self.provisioning is None else self.provisioning
        return msgspec.structs.replace(common, password=self.password_of(identity))


def identities(prefix: str, count: int) -> list[str]:
    """`CW-F-00001` and so on."""
    return [f"{prefix}{number:05d}" for number in range(1, count + 1)]


def places(count: int, products: tuple[Product, ...]) -> int:
    """How many connectors so many stations can have at most, when `products` take turns."""
    return count * max(len(product.outlets) for product in products)


def key_of(identity: str, master_key: bytes) -> str:
    """The AuthorizationKey of a station, 40 hexadecimal digits that only `master_key` can tell (HMAC-SHA-256)."""
    return hmac.new(master_key, identity.encode(), hashlib.sha256).hexdigest()[:40]
