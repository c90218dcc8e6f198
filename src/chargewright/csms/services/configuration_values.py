"""What the specification lets a configuration key have, and when two texts say the same value."""

from collections.abc import Iterable
from typing import Final

from chargewright.protocol.v16.configuration_keys import Access, ConfigurationKey, ValueType, configuration_key

__all__ = ["SECRET_KEYS", "is_same_value", "standard_name", "value_problem"]

# Casefolded. Their values are never stored with the configuration, nor shown.
SECRET_KEYS: Final = frozenset({"authorizationkey"})
_TEXTS: Final = frozenset({"true", "false"})


def standard_name(name: str) -> str:
    """The standard spelling of a key (§5.3: case-insensitive); a vendor's own key as it was written."""
    key = configuration_key(name)
    return name if key is None else key.name


def value_problem(name: str, value: str) -> str | None:
    """Why a station will hardly take this value, in a sentence without the value; None where nothing speaks against
    it, or it is a vendor's own key."""
    key = configuration_key(name)
    if key is None:
        return None
    if key.access is Access.READ_ONLY:
        return f"{key.name} is read-only ({key.section})"
    if key.value_type is ValueType.BOOLEAN:
        return None if value.casefold() in _TEXTS else f"{key.name} is true or false ({key.section})"
    if key.value_type is ValueType.INTEGER:
        return _integer_problem(key, value)
    if key.value_type is ValueType.LIST:
        unknown = [item for item in _items(value) if key.words and item not in key.words]
        return f"{key.name} has items of {', '.join(key.words)} ({key.section})" if unknown else None
    if not _is_between(key, len(value)):
        return f"{key.name} has {_range(key)} characters ({key.section})"
    return None


def _integer_problem(key: ConfigurationKey, value: str) -> str | None:
    text = value.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        return f"{key.name} is a whole number ({key.section})"
    if not _is_between(key, int(text)):
        return f"{key.name} is {_range(key)}{f' {key.unit}' if key.unit else ''} ({key.section})"
    return None


def _is_between(key: ConfigurationKey, number: int) -> bool:
    return (key.minimum is None or number >= key.minimum) and (key.maximum is None or number <= key.maximum)


def _range(key: ConfigurationKey) -> str:
    if key.maximum is None:
        return f"at least {key.minimum}"
    return f"{key.minimum or 0} to {key.maximum}"


def is_same_value(name: str, one: str | None, other: str | None) -> bool:
    """Whether two texts are the same value of that key: `TRUE` and `true`, `060` and `60`, `a, b` and `a,b`."""
    if one is None or other is None:
        return one is other
    if one == other:
        return True
    key = configuration_key(name)
    if key is None:
        return False
    if key.value_type is ValueType.BOOLEAN:
        return one.strip().casefold() == other.strip().casefold()
    if key.value_type is ValueType.INTEGER:
        return _integer_problem(key, one) is None and _integer_problem(key, other) is None and int(one) == int(other)
    if key.value_type is ValueType.LIST:
        return list(_items(one)) == list(_items(other))
    return False


def _items(value: str) -> Iterable[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
