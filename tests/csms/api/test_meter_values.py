"""Meter values over REST: every sample as it was sent."""

from typing import Any

import httpx
import pytest
from tests.csms.api.charging_station import Station, items

URL = "/api/v1/stations/A1/meter-values"


async def send(station: Station, *samples: dict[str, str], minute: int = 0, **fields: Any) -> None:
    value = {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": list(samples)}
    await station.send("MeterValues", **{"connectorId": 1, "meterValue": [value]} | fields)


@pytest.mark.parametrize("unit", ["Celsius", "Celcius"])
async def test_both_spellings_of_a_temperature_are_kept_as_sent(
    station: Station, client: httpx.AsyncClient, unit: str
) -> None:
    await send(station, {"value": "21.50", "measurand": "Temperature", "unit": unit, "location": "Body"})
    ((sample,),) = [value["sampledValue"] for value in await items(client, URL)]
    assert (sample["value"], sample["measurand"], sample["unit"]) == ("21.50", "Temperature", unit)


async def test_signed_values_are_byte_for_byte_as_sent(station: Station, client: httpx.AsyncClient) -> None:
    signed = 'OCMF|{"x": 1}|  {}'
    await send(station, {"value": signed, "format": "SignedData"}, {"value": "0010.0"})
    (value,) = await items(client, URL)
    assert [sample["value"] for sample in value["sampledValue"]] == [signed, "0010.0"]
    assert value["energyWh"] == 10.0


async def test_common_measurands_are_numbers(station: Station, client: httpx.AsyncClient) -> None:
    await send(
        station,
        {"value": "1.5", "unit": "kWh"},
        {"value": "7.2", "unit": "kW", "measurand": "Power.Active.Import"},
        {"value": "80", "unit": "Percent", "measurand": "SoC"},
    )
    (value,) = await items(client, URL)
    assert (value["energyWh"], value["powerW"], value["socPercent"]) == (1500.0, 7200.0, 80.0)
    assert (value["connectorId"], value["transactionId"], value["stop"]) == (1, None, None)


async def test_values_are_filtered(station: Station, client: httpx.AsyncClient) -> None:
    await send(station, {"value": "1"}, minute=1, transactionId=5)
    await send(station, {"value": "2"}, minute=2, transactionId=-1)
    await send(station, {"value": "3"}, minute=3, connectorId=0)

    async def found(**query: Any) -> list[float]:
        return [value["energyWh"] for value in await items(client, URL, **query)]

    assert await found() == [1.0, 2.0, 3.0]
    assert await found(transaction_id=-1) == [2.0]
    assert await found(transaction_id=5, connector_id=1) == [1.0]
    assert await found(connector_id=0) == [3.0]
    assert await found(without_transaction=True) == [3.0]
    assert (await client.get("/api/v1/stations/NOBODY/meter-values")).status_code == 404
