"""What is assumed: complete, within the bounds of the messages that carry it, and never a claim."""

from dataclasses import dataclass

import pytest
from tests.pics.edited import FILE, load_edited

from chargewright.errors import ConfigurationError
from chargewright.pics.loading import load, names
from chargewright.pics.station import StationPics

STATIONS = [name for name in names() if isinstance(load(name), StationPics)]


@pytest.mark.parametrize("name", STATIONS)
def test_a_virtual_device_introduces_itself_as_ours(name: str) -> None:
    pics = load(name)
    assert isinstance(pics, StationPics)
    assert pics.assumed.vendor == "Chargewright"
    assert pics.assumed.model.startswith("CW-")
    if pics.certificate is not None:
        assert pics.certificate.holder.split()[0].lower() not in pics.assumed.model.lower()


def test_no_two_built_in_stations_introduce_themselves_alike() -> None:
    shown = [pics.assumed for name in STATIONS if isinstance(pics := load(name), StationPics)]
    assert len({assumed.model for assumed in shown}) == len(STATIONS)
    assert len({assumed.serial_number for assumed in shown}) == len(STATIONS)


@dataclass
class Refusal:
    old: str
    new: str
    row: str
    value: object
    expected: str


@pytest.mark.parametrize(
    "refusal",
    [
        # BootNotification.req bounds these texts (§6.5).
        Refusal('"CW-MINIMAL"', f'"{"M" * 21}"', "assumed.model", "M" * 21, "1 to 20 characters"),
        Refusal('"CW-MIN-0001"', '""', "assumed.serial_number", "", "1 to 25 characters"),
        Refusal("rated_power_w = 3680", "rated_power_w = 0", "assumed.connectors.1.rated_power_w", 0, "above 0"),
        Refusal(
            "has_cable_lock = true", "has_cable_lock = 1", "assumed.connectors.1.has_cable_lock", 1, "true or false"
        ),
        Refusal("mains_frequency_hz = 50", "mains_frequency_hz = '50'", "assumed.mains_frequency_hz", "50", "above 0"),
    ],
    ids=lambda refusal: refusal.row,
)
def test_a_wrong_assumption_is_refused(refusal: Refusal) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_edited("minimal", (refusal.old, refusal.new))
    assert (error.value.where, error.value.key, error.value.value) == (FILE, refusal.row, refusal.value)
    assert refusal.expected in error.value.expected


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_an_assumption_is_a_finite_number(number: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_edited("minimal", ("maximum_current_a = 16", f"maximum_current_a = {number}"))
    assert error.value.key == "assumed.connectors.1.maximum_current_a"
