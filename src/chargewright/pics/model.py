"""The PICS of a product: what stations and CSMSs have in common, and the PICS of a CSMS.

The TOML key of a row is its printed id or name. A row that a certificate does not print is `None`: absent, which is
neither No nor empty.
"""

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from chargewright.pics import reading
from chargewright.pics.enumerations import Answer, CertificationProfile, Support, TestResult
from chargewright.protocol.v16.actions import FeatureProfile

__all__ = [
    "Approval",
    "ApprovalParty",
    "Certificate",
    "CsmsDuration",
    "CsmsPerformance",
    "CsmsPics",
    "Extensions",
    "PicsRecord",
    "Profiles",
    "TestConfiguration",
    "TestReport",
    "Text",
]

Text = Annotated[str, Meta(min_length=1)]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The front page."""

    title: Text | None = None
    holder: Text
    number: Text
    product_designation: Text
    ocpp_software_version: Text
    certification_date: datetime.date
    reference_specification: Text
    errata: Text
    security_whitepaper: Text | None = None


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """Who tested what, where and under which reference."""

    __test__ = False  # not a test class, whatever its name tells pytest

    performed_by: Text | None = None
    performed_on: datetime.date | None = None
    document_evidence: Text
    laboratory: Text
    location: Text
    report_reference: Text
    test_location: Text | None = None
    product_designation: Text | None = None
    vendor_name: Text
    device_under_test: Text
    communication: Text | None = None
    ocpp_software_version: Text


class Profiles(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "core": "Core",
        "firmware_management": "Firmware Management",
        "local_auth_list_management": "Local Authorization List Management",
        "smart_charging": "Smart Charging",
        "remote_trigger": "Remote Trigger",
        "reservation": "Reservation",
    },
):
    """The test result of each certification profile."""

    core: TestResult
    firmware_management: TestResult
    local_auth_list_management: TestResult
    smart_charging: TestResult
    remote_trigger: TestResult
    reservation: TestResult


class Extensions(msgspec.Struct, frozen=True, kw_only=True, rename={"security": "Security extension"}):
    """The test result of each certification extension."""

    security: TestResult


class CsmsDuration(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a CSMS's performance table: durations as printed (`60s`, `00:00:02`), and parsed."""

    pics_value: Text
    measured_value: Text | None = None

    @property
    def pics_seconds(self) -> int:
        """The PICS value in seconds."""
        return reading.read_seconds(reading.Cell(where="performance", row="pics_value", text=self.pics_value))

    @property
    def measured_seconds(self) -> int | None:
        """The measured value in seconds; whole ones, so 0 means less than a second."""
        if self.measured_value is None:
            return None
        return reading.read_seconds(reading.Cell(where="performance", row="measured_value", text=self.measured_value))


class CsmsPerformance(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"response_timeout": "OCPP response timeout", "authorize_time": "Response time Authorize"},
):
    """The performance of a CSMS."""

    response_timeout: CsmsDuration
    authorize_time: CsmsDuration


class TestConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """With what a CSMS was tested."""

    __test__ = False  # not a test class, whatever its name tells pytest

    vendor: Text
    device_under_test: Text
    communication: Text
    ocpp_software_version: Text
    octt_version: Text
    milliseconds_in_timestamps: Answer


class ApprovalParty(msgspec.Struct, frozen=True, kw_only=True):
    """Who approved the report, as a company; persons are left out."""

    company: Text
    location: Text
    date: datetime.date


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """The statement of approval."""

    vendor: ApprovalParty
    laboratory: ApprovalParty


class PicsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the PICS of both kinds of product have.

    `printed` holds the text of a cell where it is odd, `wording` what a row or header is called where certificates
    differ, both by row id.
    """

    certificate: Certificate | None = None
    test_report: TestReport | None = None
    profiles: Profiles
    approval: Approval | None = None
    printed: dict[str, Text] = {}
    wording: dict[str, Text] = {}

    def support(self, profile: CertificationProfile) -> Support:
        """Whether a certification profile is supported, not supported, or was not tested."""
        result: TestResult = getattr(self.profiles, profile.name.lower())
        return result.support

    @property
    def feature_profiles(self) -> frozenset[FeatureProfile]:
        """The supported feature profiles; one that was not tested counts as not supported."""
        return frozenset(
            profile.feature_profile for profile in CertificationProfile if self.support(profile) is Support.SUPPORTED
        )


class CsmsPics(
    PicsRecord, frozen=True, kw_only=True, tag_field="product_type", tag="Charging Station Management System"
):
    """The PICS of a CSMS."""

    performance: CsmsPerformance | None = None
    test_configuration: TestConfiguration | None = None

    @property
    def product_type(self) -> str:
        """`Charging Station Management System`."""
        return str(self.__struct_config__.tag)
