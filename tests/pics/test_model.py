"""The sections of a PICS: kinds of product, support, parsed durations; and every row is documented."""

from pathlib import Path

import msgspec
import pytest

from chargewright.pics.enumerations import Answer, CertificationProfile, Support
from chargewright.pics.loading import load
from chargewright.pics.model import CsmsPics
from chargewright.pics.station import StationPics
from chargewright.protocol.v16.actions import FeatureProfile

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "pics.md"


def keys(kind: type[msgspec.Struct]) -> set[str]:
    """Every TOML key below a struct, its own and those of the structs in its fields."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        found.add(field.encode_name)
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                found |= keys(inner)
    return found


def csms(name: str) -> CsmsPics:
    pics = load(name)
    assert isinstance(pics, CsmsPics)
    return pics


def test_the_kind_of_product_is_its_type() -> None:
    assert csms("ampeco_platform").product_type == "Charging Station Management System"
    station = load("xcharge_c6")
    assert isinstance(station, StationPics)
    assert station.product_type == "Charging Station"


@pytest.mark.parametrize(
    ("name", "response", "authorize"),
    [("keri_kcsms_001", (60, 2), (1, 0)), ("ampeco_platform", (30, 3), (60, 0))],
)
def test_durations_of_a_csms_are_kept_as_printed_and_parsed(
    name: str, response: tuple[int, int], authorize: tuple[int, int]
) -> None:
    performance = csms(name).performance
    assert performance is not None
    row = performance.response_timeout
    assert (row.pics_seconds, row.measured_seconds) == response
    row = performance.authorize_time
    assert (row.pics_seconds, row.measured_seconds) == authorize


def test_a_csms_states_milliseconds_and_the_tool_it_was_tested_with() -> None:
    configuration = csms("keri_kcsms_001").test_configuration
    assert configuration is not None
    assert configuration.milliseconds_in_timestamps is Answer.YES
    assert configuration.octt_version == "OCTT 1.6 v1.4.2"


def test_not_tested_is_neither_supported_nor_unsupported_and_gives_no_feature_profile() -> None:
    pics = load("kempower_s_series")
    assert pics.support(CertificationProfile.RESERVATION) is Support.NOT_TESTED
    assert pics.support(CertificationProfile.CORE) is Support.SUPPORTED
    assert load("minimal").support(CertificationProfile.RESERVATION) is Support.NOT_SUPPORTED
    assert pics.feature_profiles == {
        FeatureProfile.CORE,
        FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT,
        FeatureProfile.SMART_CHARGING,
        FeatureProfile.REMOTE_TRIGGER,
        FeatureProfile.SECURITY,
    }


def test_the_feature_profiles_of_a_csms_are_the_tested_six() -> None:
    assert csms("keri_kcsms_001").feature_profiles == set(FeatureProfile) - {FeatureProfile.SECURITY}


@pytest.mark.parametrize("kind", [StationPics, CsmsPics])
def test_every_section_and_row_is_documented(kind: type[msgspec.Struct]) -> None:
    page = PAGE.read_text()
    assert sorted(key for key in keys(kind) if f"`{key}`" not in page and f"`[{key}]`" not in page) == []
