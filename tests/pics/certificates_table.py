"""The five certificates once more, cell by cell as printed: a second typing, to hold the TOML files against.

One line per row: the row's id, a bar, the printed text. `\\n` stands for a line break inside a cell.
"""

from typing import Final

KEMPOWER: Final = r"""
certificate.holder | Kempower
certificate.number | OCA.0016.0802.CS
product_type | Charging Station
certificate.product_designation | Kempower S-series
certificate.ocpp_software_version | 3.2.2
certificate.certification_date | October 22, 2024
certificate.reference_specification | OCPP 1.6 (Edition 2 FINAL, 2017-09-28)
certificate.errata | Errata v4.0 Release, 2019-10-23
certificate.security_whitepaper | Security Whitepaper Edition 3 (Improved security for OCPP 1.6-J v1.3, 2022-02-17)
test_report.performed_by | DEKRA Certification B.V
test_report.performed_on | October 22, 2024
test_report.document_evidence | Kempower OCPP 1.6 PICS-v1.0.0
test_report.laboratory | DEKRA Certification B.V
test_report.location | Arnhem, NL
test_report.report_reference | 228498700
test_report.product_designation | Kempower S-series
test_report.vendor_name | Kempower
test_report.device_under_test | Charging Station
test_report.ocpp_software_version | 3.2.2
profiles.Core | Pass
profiles.Firmware Management | Not Tested
profiles.Local Authorization List Management | Pass
profiles.Smart Charging | Pass
profiles.Remote Trigger | Pass
profiles.Reservation | Not Tested
extensions.Security extension | Pass
HFS-1 | No
HFS-2 | Yes
HFS-3 | No
HFS-4 | Yes
HFS-5 | No
HFS-6 | No
HFS-7 | No
HFS-8 | 2
HFS-9 | Wifi, Mobile network, Ethernet
HFS-10 | Single
connectors.1.connector | 1
connectors.1.current | DC
connectors.1.type | cCCS2
connectors.1.cable | Fixed Cable
connectors.2.connector | 2
connectors.2.current | DC
connectors.2.type | cCCS2
connectors.2.cable | Fixed Cable
C-01 | Yes
C-02 | Yes
C-03 | No
C-04 | Yes
C-05 | No
C-06.1 | No
C-06.2 | Yes
C-07 | Yes
C-08 | Yes
SC-1.1 | No
SC-1.2 | Yes
SEC-1 | Yes
SEC-2 | Yes
SEC-3 | Yes
SEC-4 | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 + TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
AQ-1 | No
AQ-2 | No
AQ-3 | Yes
AQ-4 | Yes
AQ-5 | Yes
AQ-6 | No
AQ-7.1 | No
AQ-7.2 | Yes
ORS-1 | 1000
ORS-6 | 1
ORS-11 | 5
ORS-12 | 500000
ORS-13 | 10000
ORS-14 | 1000
ORS-15 | 1000
ORS-16 | ftp
performance.OCPP triggered function timeout.pics_maximum | 30
performance.OCPP triggered function timeout.pics_unit | seconds
performance.OCPP response timeout.pics_maximum | 30
performance.OCPP response timeout.pics_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.pics_maximum | 19
performance.Transaction authorization time by RemoteStartTransaction.pics_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.pics_maximum | 19
performance.Transaction authorization end time by RemoteStopTransaction.pics_unit | seconds
performance.OCPP triggered function timeout.measured_minimum | 0.10
performance.OCPP triggered function timeout.measured_maximum | 12.46
performance.OCPP triggered function timeout.measured_average | 0.41
performance.OCPP triggered function timeout.measured_unit | seconds
performance.OCPP response timeout.measured_minimum | 2.30
performance.OCPP response timeout.measured_maximum | 9.59
performance.OCPP response timeout.measured_average | 3.47
performance.OCPP response timeout.measured_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.measured_minimum | 8.37
performance.Transaction authorization time by RemoteStartTransaction.measured_maximum | 17.93
performance.Transaction authorization time by RemoteStartTransaction.measured_average | 15.35
performance.Transaction authorization time by RemoteStartTransaction.measured_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.measured_minimum | 8.37
performance.Transaction authorization end time by RemoteStopTransaction.measured_maximum | 17.93
performance.Transaction authorization end time by RemoteStopTransaction.measured_average | 15.35
performance.Transaction authorization end time by RemoteStopTransaction.measured_unit | seconds
performance.Communication technology | Ethernet
approval.vendor.company | Kempower
approval.vendor.location | Lahti, Finland
approval.vendor.date | 2024-10-22
approval.laboratory.company | DEKRA Certification B.V
approval.laboratory.location | Arnhem, NL
approval.laboratory.date | 2024-10-22
"""

KOOLSIGN: Final = r"""
certificate.holder | Koolsign Co.,Ltd.
certificate.number | OCA.0016.0885.CS
product_type | Charging Station
certificate.product_designation | KCAP7PG-CL5G
certificate.ocpp_software_version | v2.0.1
certificate.certification_date | September 13, 2024
certificate.reference_specification | OCPP 1.6 (Edition 2 FINAL, 2017-09-28)
certificate.errata | Errata v4.0 Release, 2019-10-23
certificate.security_whitepaper | Security Whitepaper Edition 3 (Improved security for OCPP 1.6-J v1.3, 2022-02-17)
test_report.document_evidence | KTC2024-00593_OCPP 1.6 PICS CS - v1.1.6 - Koolsign_signed
test_report.laboratory | Korea Testing Certification institute
test_report.location | Gunpo city
test_report.report_reference | KTC2024-00593
test_report.test_location | KTC LAB
test_report.product_designation | KCAP7PG-CL5G
test_report.vendor_name | Koolsign Co.,Ltd.
test_report.device_under_test | Charging Station
test_report.ocpp_software_version | v2.0.1
profiles.Core | Pass
profiles.Firmware Management | Pass
profiles.Local Authorization List Management | Pass
profiles.Smart Charging | Pass
profiles.Remote Trigger | Pass
profiles.Reservation | Pass
extensions.Security extension | Pass
HFS-1 | No
HFS-2 | Yes
HFS-3 | Yes
HFS-4 | No
HFS-5 | Yes
HFS-6 | No
HFS-7 | Yes
HFS-8 | 1
HFS-9 | Ethernet
HFS-10 | Single
connectors.1.connector | 1
connectors.1.current | AC
connectors.1.phases | 1&3
connectors.1.type | cType1
connectors.1.cable | Fixed Cable
C-01 | Yes
C-02 | Yes
C-03 | No
C-04 | No
C-05 | No
C-06.1 | Yes
C-06.2 | Νο
C-07 | Yes
C-08 | Yes
C-09.1.tested | Energy.Active.Import.Register Power.Active.Import
C-09.1.supported | Energy.Active.Import.Register Power.Active.Import
C-09.2.tested | Energy.Active.Import.Register Power.Active.Import
C-09.2.supported | Energy.Active.Import.Register Power.Active.Import
SC-1.1 | Yes
SC-1.2 | No
R-1 | No
F-1 | True
SEC-1 | No
SEC-2 | Yes
SEC-3 | Yes
SEC-4 | TLS_RSA_WITH_AES_128_GCM_SHA256 + TLS_RSA_WITH_AES_256_GCM_SHA384
AQ-1 | Yes
AQ-2 | Νο
AQ-3 | Yes
AQ-4 | Νο
AQ-5 | No
AQ-6 | Νο
AQ-7.1 | Νο
AQ-7.2 | Yes
ORS-1 | 30
ORS-2 | 8
ORS-3 | 8
ORS-4 | 10
ORS-5 | 3600
ORS-6 | 10
ORS-7 | 3600
ORS-8 | 100000
ORS-9 | 256
ORS-10 | 256
ORS-11 | 60
ORS-12 | 48
ORS-13 | 48
ORS-14 | 8
ORS-15 | 24
ORS-16 | http, https, ftp, ftps
performance.OCPP response timeout.pics_maximum | 60
performance.OCPP response timeout.pics_unit | seconds
performance.OCPP triggered function timeout.pics_maximum | 60
performance.OCPP triggered function timeout.pics_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.pics_maximum | 60
performance.Transaction authorization time by RemoteStartTransaction.pics_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.pics_maximum | 60
performance.Transaction authorization end time by RemoteStopTransaction.pics_unit | seconds
performance.OCPP response timeout.measured_minimum | 0.27
performance.OCPP response timeout.measured_maximum | 0.50
performance.OCPP response timeout.measured_average | 0.28
performance.OCPP response timeout.measured_unit | seconds
performance.OCPP triggered function timeout.measured_minimum | 0.27
performance.OCPP triggered function timeout.measured_maximum | 0.30
performance.OCPP triggered function timeout.measured_average | 0.28
performance.OCPP triggered function timeout.measured_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.measured_minimum | O.61
performance.Transaction authorization time by RemoteStartTransaction.measured_maximum | 0.61
performance.Transaction authorization time by RemoteStartTransaction.measured_average | 0.61
performance.Transaction authorization time by RemoteStartTransaction.measured_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.measured_minimum | 3.51
performance.Transaction authorization end time by RemoteStopTransaction.measured_maximum | 3.56
performance.Transaction authorization end time by RemoteStopTransaction.measured_average | 3.53
performance.Transaction authorization end time by RemoteStopTransaction.measured_unit | seconds
performance.Communication technology | Ethernet Linemet
approval.vendor.company | Koolsign Co.,Ltd.
approval.vendor.location | Seoul, Korea
approval.vendor.date | 2024-09-13
approval.laboratory.company | Korea Testing Certification institute
approval.laboratory.location | Gunpo city
approval.laboratory.date | 2024-09-13
"""

XCHARGE: Final = r"""
certificate.holder | XCHARGE GROUP
certificate.number | OCA.0016.0970.CS
product_type | Charging Station
certificate.product_designation | C6
certificate.ocpp_software_version | V2.1.29_OCPP_C6
certificate.certification_date | January 24, 2025
certificate.reference_specification | OCPP 1.6 (Edition 2 FINAL, 2017-09-28)
certificate.errata | Errata v4.0 Release, 2019-10-23
certificate.security_whitepaper | Security Whitepaper Edition 3 (Improved security for OCPP 1.6-J v1.3, 2022-02-17)
test_report.performed_by | DNV Singapore Pte. Ltd.
test_report.performed_on | December 18, 2024
test_report.document_evidence | PICS_PRJ_10537119_ signed
test_report.laboratory | DNV Singapore Pte. Ltd.
test_report.location | Singapore
test_report.report_reference | PRJ_10537119
test_report.test_location | China, Beijing
test_report.product_designation | C6
test_report.vendor_name | XCHARGE GROUP
test_report.device_under_test | Charging Station
test_report.ocpp_software_version | V2.1.29_OCPP_C6
profiles.Core | Pass
profiles.Firmware Management | Pass
profiles.Local Authorization List Management | Pass
profiles.Smart Charging | Pass
profiles.Remote Trigger | Pass
profiles.Reservation | Pass
extensions.Security extension | Pass
HFS-1 | No
HFS-2 | Yes
HFS-3 | No
HFS-4 | Yes
HFS-5 | No
HFS-6 | No
HFS-7 | No
HFS-8 | 2
HFS-9 | Ethernet, WiFi, Mobile Network
HFS-10 | Single
connectors.1.connector | 1
connectors.1.current | DC
connectors.1.type | cCCS2
connectors.1.cable | Fixed Cable
connectors.2.connector | 2
connectors.2.current | DC
connectors.2.type | cCCS2
connectors.2.cable | Fixed Cable
C-01 | Yes
C-02 | Yes
C-03 | Yes
C-04 | Yes
C-05 | No
C-06.1 | No
C-06.2 | Yes
C-07 | Yes
C-08 | Yes
C-09.1.tested | Current.Import SoC Power.Active.Import Temperature Energy.Active.Import.Register Voltage \
Current.Offered Power.Offered
C-09.1.supported | Current.Export, Current.Import, Current.Offered, Energy.Active.Export.Register, \
Energy.Active.Import.Register, Energy.Reactive.Export.Regist er, Energy.Reactive.Import.Regist er, \
Power.Active.Import, SoC, Voltage, Power.Offered, Temperature
C-09.2.tested | Energy.Active.Import.Register
C-09.2.supported | Energy.Active.Import.Register
SC-1.1 | Yes
SC-1.2 | Yes
R-1 | No
F-1 | True
SEC-1 | Yes
SEC-2 | Yes
SEC-3 | Yes
SEC-4 | TLS_RSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_256_GCM_SHA384
AQ-1 | Yes
AQ-2 | No
AQ-3 | Yes
AQ-4 | Yes
AQ-5 | No
AQ-6 | No
AQ-7.1 | No
AQ-7.2 | Yes
ORS-1 | 60
ORS-2 | 2147483647
ORS-3 | 2147483647
ORS-4 | 0
ORS-6 | 0
ORS-8 | 2147483647
ORS-9 | 2147483647
ORS-10 | 2147483647
ORS-11 | 60
ORS-12 | 50
ORS-13 | 50
ORS-14 | 3
ORS-16 | http https ftp ftps
performance.OCPP response timeout.pics_maximum | 15
performance.OCPP response timeout.pics_unit | seconds
performance.OCPP triggered function timeout.pics_maximum | 5
performance.OCPP triggered function timeout.pics_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.pics_maximum | 90
performance.Transaction authorization time by RemoteStartTransaction.pics_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.pics_maximum | 60
performance.Transaction authorization end time by RemoteStopTransaction.pics_unit | seconds
performance.OCPP response timeout.measured_minimum | 0.25
performance.OCPP response timeout.measured_maximum | 5.13
performance.OCPP response timeout.measured_average | 0.37
performance.OCPP response timeout.measured_unit | seconds
performance.OCPP triggered function timeout.measured_minimum | 0.63
performance.OCPP triggered function timeout.measured_maximum | 1.78
performance.OCPP triggered function timeout.measured_average | 1.41
performance.OCPP triggered function timeout.measured_unit | seconds
performance.Transaction authorization time by RemoteStartTransaction.measured_minimum | 42.87
performance.Transaction authorization time by RemoteStartTransaction.measured_maximum | 42.87
performance.Transaction authorization time by RemoteStartTransaction.measured_average | 42.87
performance.Transaction authorization time by RemoteStartTransaction.measured_unit | seconds
performance.Transaction authorization end time by RemoteStopTransaction.measured_minimum | 5.21
performance.Transaction authorization end time by RemoteStopTransaction.measured_maximum | 5.21
performance.Transaction authorization end time by RemoteStopTransaction.measured_average | 5.21
performance.Transaction authorization end time by RemoteStopTransaction.measured_unit | seconds
performance.Communication technology | Ethernet
approval.vendor.company | XCHARGE GROUP
approval.vendor.location | Beijing, China
approval.vendor.date | 2025-01-24
approval.laboratory.company | DNV Singapore Pte. Ltd.
approval.laboratory.location | Singapore
approval.laboratory.date | 2025-01-24
"""

KERI: Final = r"""
certificate.title | OCPP 1.6 Full Certificate
certificate.holder | KERI (Korea Electrotechnology\n\nResearch Institute)
certificate.number | OCA.0016.0073.CSMS
product_type | Charging Station Management System
certificate.product_designation | KCSMS-001
certificate.ocpp_software_version | v1.0
certificate.certification_date | February 17, 2022
certificate.reference_specification | OCPP 1.6 - Edition 2
certificate.errata | OCPP 1.6 Errata sheet (v4.0 Release, 2019-10-23)
test_report.performed_by | Korea Smart Grid Association
test_report.performed_on | February 17, 2022
test_report.document_evidence | KSGA_20220217_TestReport_KERI
test_report.laboratory | Korea Smart Grid Association
test_report.location | Seoul / Korea
test_report.report_reference | KSGA-OCPP1.6TEST-017-2022
test_report.vendor_name | KERI
test_report.device_under_test | CSMS
test_report.communication | JSON
test_report.ocpp_software_version | v1.0
profiles.Core | Pass
profiles.Firmware Management | Pass
profiles.Smart Charging | Pass
profiles.Reservation | Pass
profiles.Local Authorization List Management | Pass
profiles.Remote Trigger | Pass
performance.OCPP response timeout.pics_value | 60s
performance.OCPP response timeout.measured_value | 00:00:02
performance.Response time Authorize.pics_value | 1s
performance.Response time Authorize.measured_value | 00:00:00
test_configuration.vendor | KERI
test_configuration.device_under_test | CSMS
test_configuration.communication | JSON
test_configuration.ocpp_software_version | v1.0
test_configuration.octt_version | OCTT 1.6 v1.4.2
test_configuration.milliseconds_in_timestamps | Yes
approval.vendor.company | KERI
approval.vendor.location | Gyeonggi-do, Korea
approval.vendor.date | 2022.02.17
approval.laboratory.company | Korea Smart Grid Association
approval.laboratory.location | Seoul, Korea
approval.laboratory.date | 2022.02.17
"""

AMPECO: Final = r"""
certificate.title | OCPP 1.6 Full Certificate
certificate.holder | Ampeco LTD.
certificate.number | OCA.0016.0509.CSMS
product_type | Charging Station Management System
certificate.product_designation | AMPECO EV Charging Management Platform
certificate.ocpp_software_version | v.2.103.2
certificate.certification_date | October 18, 2023
certificate.reference_specification | OCPP 1.6 – Edition 2
certificate.errata | OCPP 1.6 Errata sheet (v4.0 Release, 2019-10-23)
test_report.performed_by | DNV Netherlands B.V.
test_report.performed_on | October 18, 2023
test_report.document_evidence | DNV 20231013_Test Report_AMPECO_v1.04
test_report.laboratory | DNV
test_report.location | Arnhem, The Netherlands
test_report.report_reference | DNV 20231013_Test Report_AMPECO_v1.04
test_report.vendor_name | Ampeco LTD.
test_report.device_under_test | CSMS
test_report.communication | JSON
test_report.ocpp_software_version | v2.103.2
profiles.Core | Pass
profiles.Firmware Management | Pass
profiles.Smart Charging | Pass
profiles.Reservation | Pass
profiles.Local Authorization List Management | Pass
profiles.Remote Trigger | Pass
performance.OCPP response timeout.pics_value | 30 Sec
performance.OCPP response timeout.measured_value | 3 Sec
performance.Response time Authorize.pics_value | 60 Sec
performance.Response time Authorize.measured_value | 0 Sec
test_configuration.vendor | Ampeco LTD.
test_configuration.device_under_test | CSMS
test_configuration.communication | JSON
test_configuration.ocpp_software_version | v2.103.2
test_configuration.octt_version | OCTT 1.6 v1.4.3
test_configuration.milliseconds_in_timestamps | Yes
approval.vendor.company | Ampeco
approval.vendor.location | Bulgaria
approval.vendor.date | 2023-10-18
approval.laboratory.company | DNV
approval.laboratory.location | Arnhem
approval.laboratory.date | 2023-10-18
"""


def cells(table: str) -> dict[str, str]:
    """Row id → printed text; a row that is typed twice is an error in the table."""
    found: dict[str, str] = {}
    for line in table.replace("\\\n", "").strip().splitlines():
        row, text = line.split(" | ")
        if row in found:
            raise AssertionError(f"{row} is in the table twice")
        found[row] = text.replace("\\n", "\n")
    return found


CERTIFICATES: Final = {
    "kempower_s_series": cells(KEMPOWER),
    "koolsign_kcap7pg_cl5g": cells(KOOLSIGN),
    "xcharge_c6": cells(XCHARGE),
    "keri_kcsms_001": cells(KERI),
    "ampeco_platform": cells(AMPECO),
}

# What a row or a header is called, where the certificates differ: product → {row: word}.
WORDINGS: Final = {
    "kempower_s_series": {
        "AQ-1": "CSMSRootCertificate",
        "AQ-3": "ChargingStationCertificate",
        "ORS-14": "ChargingProfileMaxStackLevel",
        "connectors.type": "Type",
    },
    "koolsign_kcap7pg_cl5g": {
        "AQ-1": "CentralSystemRootCertificate",
        "AQ-3": "ChargePointCertificate",
        "ORS-14": "ChargingProfileMaxStackLevel",
        "connectors.type": "Туре",
    },
    "xcharge_c6": {
        "AQ-1": "CentralSystemRootCertificate",
        "AQ-3": "ChargePointCertificate",
        "ORS-14": "ChargingProfileMaxStackLevel",
        "connectors.type": "Type",
    },
    "keri_kcsms_001": {},
    "ampeco_platform": {},
}
