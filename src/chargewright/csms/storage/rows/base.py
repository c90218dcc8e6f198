"""What every row has in common.

A row is both what a list reads and what a unit writes: put into a unit, it overwrites the row with the same key, is
added, or changes some columns, as `storage/mapping.py` says for its type. `id` is the database's and is not written.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["In", "Range", "Removal", "Row"]


class Row(msgspec.Struct, kw_only=True):
    """One row of a table; a subclass's fields are columns of that table."""


class Removal(msgspec.Struct, frozen=True):
    """In a unit: delete the row of `kind` with this key (every field of the key named)."""

    kind: type[Row]
    key: Mapping[str, Any]


class In(msgspec.Struct, frozen=True):
    """A condition of `Storage.page`: the column has one of these values."""

    values: tuple[Any, ...]


class Range(msgspec.Struct, frozen=True):
    """A condition of `Storage.page`: the column is not less than `low` and less than `high`; None is no bound."""

    low: Any = None
    high: Any = None
