"""The closed enumerations of a PICS: every cell that is not a number, a date or a name holds one of these."""

import enum

from chargewright.protocol.v16.actions import FeatureProfile

__all__ = [
    "Answer",
    "Cable",
    "CertificationExtension",
    "CertificationProfile",
    "CipherSuite",
    "ConnectorType",
    "Current",
    "FileTransferProtocol",
    "Phases",
    "RfidReaders",
    "Support",
    "Technology",
    "TestResult",
]


class Answer(enum.Enum):
    """A cell of a "Supported / Present" column. False in a condition when it is No."""

    YES = "Yes"
    NO = "No"

    def __bool__(self) -> bool:
        return self is Answer.YES


class Support(enum.Enum):
    """What a test result means for a device. A virtual device does not offer what was not tested."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    NOT_TESTED = "not tested"


class TestResult(enum.Enum):
    """The result column of the test result summary; `Supported` is the claim of a product without a certificate."""

    __test__ = False  # not a test class, whatever its name tells pytest

    PASS = "Pass"
    SUPPORTED = "Supported"
    NOT_TESTED = "Not Tested"
    NOT_SUPPORTED = "Not Supported"

    @property
    def support(self) -> Support:
        """What the result means for a device."""
        return SUPPORT_OF[self]


SUPPORT_OF = {
    TestResult.PASS: Support.SUPPORTED,
    TestResult.SUPPORTED: Support.SUPPORTED,
    TestResult.NOT_TESTED: Support.NOT_TESTED,
    TestResult.NOT_SUPPORTED: Support.NOT_SUPPORTED,
}


class CertificationProfile(enum.Enum):
    """The certification profiles, by their printed names."""

    CORE = "Core"
    FIRMWARE_MANAGEMENT = "Firmware Management"
    LOCAL_AUTH_LIST_MANAGEMENT = "Local Authorization List Management"
    SMART_CHARGING = "Smart Charging"
    REMOTE_TRIGGER = "Remote Trigger"
    RESERVATION = "Reservation"

    @property
    def feature_profile(self) -> FeatureProfile:
        """The feature profile that the certification profile tests (§3.2)."""
        return FEATURE_PROFILE_OF[self]


FEATURE_PROFILE_OF = {
    CertificationProfile.CORE: FeatureProfile.CORE,
    CertificationProfile.FIRMWARE_MANAGEMENT: FeatureProfile.FIRMWARE_MANAGEMENT,
    CertificationProfile.LOCAL_AUTH_LIST_MANAGEMENT: FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT,
    CertificationProfile.SMART_CHARGING: FeatureProfile.SMART_CHARGING,
    CertificationProfile.REMOTE_TRIGGER: FeatureProfile.REMOTE_TRIGGER,
    CertificationProfile.RESERVATION: FeatureProfile.RESERVATION,
}


class CertificationExtension(enum.Enum):
    """What is certified beside the profiles of the specification."""

    SECURITY = "Security extension"


class Technology(enum.Enum):
    """How a station reaches its CSMS."""

    ETHERNET = "Ethernet"
    WIFI = "Wifi"
    MOBILE_NETWORK = "Mobile network"


class RfidReaders(enum.Enum):
    """How many readers of id tags a station has."""

    NONE = "None"
    SINGLE = "Single"
    MULTIPLE = "Multiple"


class Current(enum.Enum):
    """What flows through a connector."""

    AC = "AC"
    DC = "DC"


class Phases(enum.Enum):
    """The numbers of phases an AC connector can charge with; the cell is absent for DC."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    ONE_AND_TWO = "1&2"
    ONE_AND_THREE = "1&3"
    TWO_AND_THREE = "2&3"
    ONE_TWO_AND_THREE = "1&2&3"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The same as integers, ascending."""
        return tuple(int(number) for number in self.value.split("&"))


class ConnectorType(enum.Enum):
    """Plugs (c…), sockets (s…) and what is neither, in the names that OCPP 2.0.1 gave them."""

    C_CCS1 = "cCCS1"
    C_CCS2 = "cCCS2"
    C_G105 = "cG105"
    C_TESLA = "cTesla"
    C_TYPE1 = "cType1"
    C_TYPE2 = "cType2"
    S_309_1P_16A = "s309-1P-16A"
    S_309_1P_32A = "s309-1P-32A"
    S_309_3P_16A = "s309-3P-16A"
    S_309_3P_32A = "s309-3P-32A"
    S_BS1361 = "sBS1361"
    S_CEE_7_7 = "sCEE-7-7"
    S_TYPE2 = "sType2"
    S_TYPE3 = "sType3"
    OTHER_1PH_MAX_16A = "Other1PhMax16A"
    OTHER_1PH_OVER_16A = "Other1PhOver16A"
    OTHER_3PH = "Other3Ph"
    PANTOGRAPH = "Pan"
    W_INDUCTIVE = "wInductive"
    W_RESONANT = "wResonant"


class Cable(enum.Enum):
    """Whether the cable belongs to the station or to the driver."""

    FIXED = "Fixed Cable"
    DETACHABLE = "Detachable Cable"


class CipherSuite(enum.Enum):
    """The TLS cipher suites that the security whitepaper names (A00.FR.317, A00.FR.318)."""

    ECDHE_ECDSA_AES_128_GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    ECDHE_ECDSA_AES_256_GCM = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    RSA_AES_128_GCM = "TLS_RSA_WITH_AES_128_GCM_SHA256"
    RSA_AES_256_GCM = "TLS_RSA_WITH_AES_256_GCM_SHA384"


class FileTransferProtocol(enum.Enum):
    """How firmware comes and logs go (errata v4.0 §3.88)."""

    FTP = "ftp"
    FTPS = "ftps"
    HTTP = "http"
    HTTPS = "https"
