"""Configuration keys: those that this station obeys, and no others (§5.3, §5.8, §9).

Listing a key is a promise that changing it changes something; the rest are answered as unknown.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfigurationRequest,
    GetConfigurationResponse,
    KeyValue,
)
from chargewright.station.keys import KEYS, Key, vendor_key
from chargewright.station.product import Product
from chargewright.station.store import StationStore

__all__ = ["StationConfiguration"]

# The newest products whose keys were made ready; more than any fleet has.
_PREPARED: Final[deque[tuple[Product, Mapping[str, Key], Mapping[str, str]]]] = deque(maxlen=16)


def _prepared(product: Product) -> tuple[Mapping[str, Key], Mapping[str, str]]:
    """The keys of a product by folded name, and their first values by name: made once for all its stations."""
    for known, keys, values in _PREPARED:
        if known is product:
            return keys, values
    own = (vendor_key(name, value) for name, value in product.vendor_keys.items())
    keys = {key.name.casefold(): key for key in (*(key for key in KEYS if key.exists(product)), *own)}
    values = {key.name: _initial(key, product) for key in keys.values()}
    _PREPARED.append((product, keys, values))
    return keys, values


def _initial(key: Key, product: Product) -> str:
    value = product.defaults.get(key.name)
    if value is None:
        return key.default(product)
    if key.check is not None:
        checked = key.check(value, product)
        if checked is None:
            raise ConfigurationError("product defaults", key.name, value, "a value that the key may take")
        return checked
    return value


class StationConfiguration:
    """The keys of one station and their values; changes are on disk before they are acknowledged.

    `changed(name)` is called after each change. `guards` may refuse a value that is legal as such, by key: what decides
    may change while the station runs.
    """

    def __init__(self, product: Product, store: StationStore) -> None:
        self.changed: Callable[[str], None] = lambda name: None
        self.guards: dict[str, Callable[[str], bool]] = {}
        self._product = product
        self._store = store
        self._keys, self._first_values = _prepared(product)
        # What differs from the first values: thousands of stations of one product share those.
        self._own_values: dict[str, str] = {}
        for name, value in store.configuration().items():
            key = self._keys.get(name.casefold())
            # A kept value that this product no longer allows (it was given another PICS) falls back to the default.
            if key is not None and key.check is not None and key.check(value, product) is not None:
                self._own_values[key.name] = value

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def text(self, name: str) -> str:
        """The value as it travels."""
        value = self._own_values.get(name)
        return self._first_values[name] if value is None else value

    def integer(self, name: str) -> int:
        """The value of an integer key."""
        return int(self.text(name))

    def boolean(self, name: str) -> bool:
        """The value of a boolean key; False for one that this product does not have."""
        return name in self._first_values and self.text(name) == "true"

    def items(self, name: str) -> list[str]:
        """The items of a list key."""
        value = self.text(name)
        return value.split(",") if value else []

    def has(self, name: str) -> bool:
        """Whether this product has the key."""
        return name in self._first_values

    def is_read_only(self, key: Key) -> bool:
        """Whether the CSMS may not write it."""
        return key.check is None or key.is_read_only(self._product)

    def set(self, name: str, value: str) -> None:
        """Set a key to a value that is known to be legal, read-only keys included."""
        self._store.set_configuration(name, value)
        self._own_values[name] = value
        self.changed(name)

    def get_configuration(self, request: GetConfigurationRequest) -> GetConfigurationResponse:
        """§5.8: all keys, or those asked for; names that are not known come back as such."""
        asked = [] if request.key is UNSET else request.key
        if not asked:
            return GetConfigurationResponse(
                configuration_key=[self._key_value(key) for key in self._keys.values() if not key.is_write_only]
            )
        known = {folded: key for name in asked if (key := self._keys.get(folded := name.casefold())) is not None}
        unknown = list(dict.fromkeys(name for name in asked if name.casefold() not in self._keys))
        return GetConfigurationResponse(
            configuration_key=[self._key_value(key) for key in known.values()] or UNSET,
            unknown_key=unknown or UNSET,
        )

    def change_configuration(self, request: ChangeConfigurationRequest) -> ChangeConfigurationResponse:
        """§5.3: a change is kept before it is acknowledged; a refused one changes nothing."""
        return ChangeConfigurationResponse(status=self._change(request.key, request.value))

    def _change(self, name: str, value: str) -> ConfigurationStatus:
        key = self._keys.get(name.casefold())
        if key is None:
            return ConfigurationStatus.NOT_SUPPORTED
        if key.check is None or self.is_read_only(key):
            return ConfigurationStatus.REJECTED
        checked = key.check(value, self._product)
        if checked is None:
            return ConfigurationStatus.REJECTED
        guard = self.guards.get(key.name)
        if guard is not None and not guard(checked):
            return ConfigurationStatus.REJECTED
        self.set(key.name, checked)
        return ConfigurationStatus.REBOOT_REQUIRED if key.after_reboot else ConfigurationStatus.ACCEPTED

    def _key_value(self, key: Key) -> KeyValue:
        # A secret that can be written is a known key without a value; the list of all keys leaves it out (§6.2.2 of J).
        value = UNSET if key.is_write_only else self.text(key.name)
        return KeyValue(key=key.name, readonly=self.is_read_only(key), value=value)
