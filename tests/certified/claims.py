"""The rows that the three certificates print, each as one claim that a scenario shows on the wire."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import pytest
from tests.station.world import World, live

from chargewright.pics.enumerations import Answer
from chargewright.pics.loading import load
from chargewright.pics.rows import ROW_ID, rows
from chargewright.pics.station import StationPics
from chargewright.station.product import Product
from chargewright.station.running import product_from

__all__ = ["CERTIFIED", "OURS", "Claim", "Scenario", "claims_of", "pics_of", "printed_by", "shown_by"]

CERTIFIED: Final = ("kempower_s_series", "koolsign_kcap7pg_cl5g", "xcharge_c6")
# Our own two are held to the same scenarios: they answer some rows the other way round.
OURS: Final = ("reference", "minimal")
# Who tested what when: nothing that a device does.
PAPER: Final = frozenset({"product_type", "certificate", "test_report", "approval"})


class Claim(msgspec.Struct, frozen=True):
    """One printed row of one station; `cells` by name, or the one cell under ""."""

    station: str
    row: str
    cells: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.station}-{self.row}"

    @property
    def value(self) -> Any:
        """What stands in the row's only cell."""
        return self.cells[""]

    @property
    def is_yes(self) -> bool:
        """Whether it stands there as Yes; anything but Yes and No is an error in the table."""
        assert isinstance(self.value, Answer), self.value
        return bool(self.value)

    @property
    def product(self) -> Product:
        """What `chargewright station run --pics NAME` makes of the PICS."""
        return product_from(self.station)

    def live(self, scenario: "Scenario", product: Product | None = None) -> None:
        """Run it at this station, in virtual time."""
        live(lambda world: scenario(self, world), self.product if product is None else product)


Scenario: TypeAlias = Callable[[Claim, World], Coroutine[Any, Any, None]]


def pics_of(station: str) -> StationPics:
    """The PICS by its name."""
    pics = load(station)
    assert isinstance(pics, StationPics)
    return pics


def printed_by(station: str) -> Iterator[Claim]:
    """Every row of a station's PICS that is about the device, as the certificate prints it."""
    cells: dict[str, dict[str, object]] = defaultdict(dict)
    for name, value in rows(pics_of(station)).items():
        row, cell = _row_and_cell(name)
        if name.partition(".")[0] not in PAPER:
            cells[row][cell] = value
    for row, found in cells.items():
        yield Claim(station, row, found)


def _row_and_cell(name: str) -> tuple[str, str]:
    found = ROW_ID.match(name)
    if found is not None:
        return found[0], name[found.end() + 1 :]
    section, _, rest = name.partition(".")
    if section in ("connectors", "performance"):
        row, _, cell = rest.partition(".")
        return f"{section}.{row}", cell
    return name, ""


def claims_of(scenarios: Mapping[str, Scenario], stations: tuple[str, ...] = CERTIFIED + OURS) -> list[Claim]:
    """The claims of those rows, station by station."""
    return [claim for station in stations for claim in printed_by(station) if claim.row in scenarios]


def shown_by(scenarios: Mapping[str, Scenario], stations: tuple[str, ...] = CERTIFIED + OURS) -> pytest.MarkDecorator:
    """One test for each claim that has a scenario here, named `station-row`."""
    return pytest.mark.parametrize("claim", claims_of(scenarios, stations), ids=str)
