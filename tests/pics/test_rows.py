"""The rows of a PICS: what is claimed, by the certificate's ids, and nothing that is only assumed."""

from chargewright.pics.enumerations import Answer, ConnectorType
from chargewright.pics.loading import load, names
from chargewright.pics.rows import rows
from chargewright.protocol.v16.datatypes import Measurand


def test_rows_have_the_printed_ids() -> None:
    claimed = rows(load("koolsign_kcap7pg_cl5g"))
    assert claimed["product_type"] == "Charging Station"
    assert claimed["C-06.2"] is Answer.NO
    assert claimed["C-09.2.tested"] == (Measurand.ENERGY_ACTIVE_IMPORT_REGISTER, Measurand.POWER_ACTIVE_IMPORT)
    assert claimed["connectors.1.type"] is ConnectorType.C_TYPE1
    assert claimed["performance.OCPP response timeout.measured_maximum"] == 0.5


def test_what_is_not_printed_is_absent_and_not_empty() -> None:
    claimed = rows(load("kempower_s_series"))
    absent = {"C-09.1.tested", "C-09.1.supported", "R-1", "F-1", "ORS-2", "ORS-5", "test_report.test_location"}
    assert absent.isdisjoint(claimed)
    assert not any(value in (None, "", ()) for value in claimed.values())


def test_nothing_assumed_is_a_row() -> None:
    for name in names():
        assert not [row for row in rows(load(name)) if row.split(".")[0] in {"assumed", "printed", "wording"}]
