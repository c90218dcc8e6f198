"""What a PICS says, row by row: the table that a certificate prints and a test report is drawn from."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from chargewright.pics.model import CsmsPics
from chargewright.pics.station import StationPics

__all__ = ["OURS", "rows"]

# HFS-1, C-06.2, SEC-4 …: ids that stand alone; every other row is called by its section and its name.
ROW_ID = re.compile(r"[A-Z]+-[0-9]+(\.[0-9]+)?")
# Sections that no certificate prints.
OURS: Final = frozenset({"printed", "wording", "assumed"})


def rows(pics: StationPics | CsmsPics) -> dict[str, object]:
    """Every row that `pics` claims, by its id; rows that are absent are absent here too, and so is what is assumed.

    Ids are the printed ones (`HFS-1`, `C-09.1.tested`) or section and name (`certificate.number`,
    `connectors.1.type`, `profiles.Core`).
    """
    claimed: dict[str, object] = {"product_type": pics.product_type}
    for field in msgspec.structs.fields(pics):
        value = getattr(pics, field.name)
        if field.encode_name not in OURS and value is not None:
            claimed.update(_flatten(field.encode_name, value))
    return claimed


def _flatten(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            if inner is not None:
                key = field.encode_name
                yield from _flatten(key if ROW_ID.fullmatch(key) else f"{name}.{key}", inner)
    elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        for number, item in enumerate(value, start=1):
            yield from _flatten(f"{name}.{number}", item)
    else:
        yield name, value
