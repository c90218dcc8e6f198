"""Tables of meter values."""

import pytest

from chargewright.cli.ctl.meter_values import VALUES
from chargewright.cli.ctl.output import print_page


def test_each_sample_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [
        {"measurand": "Voltage", "phase": "L1-N", "value": "230.1", "unit": "V"},
        {"measurand": None, "phase": None, "value": "7", "unit": None},
    ]
    value = {"timestamp": "t", "connectorId": 1, "transactionId": None, "energyWh": 7.0, "sampledValue": samples}
    print_page({"items": [value], "next": None}, VALUES, as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "t",
        "1",
        "-",
        "7.0",
        "Voltage",
        "L1-N",
        "230.1",
        "V,",
        "7",
    ]
