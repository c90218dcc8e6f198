"""The table of keys, walked: each key that can be written changes something that is seen on the wire.

One scenario for each, played once for each of at least two values; what is seen must be what is expected of that value.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_csr
from cryptography.x509.oid import NameOID
from tests.station.scripted_csms import SILENCE
from tests.station.world import SOCKET, World, car, live, product

from chargewright.pki.authorities import make_authority
from chargewright.station.key_effects import EFFECTS
from chargewright.station.keys import KEYS, Key
from chargewright.station.product import LocalList, Reservations, Security

Scenario = Callable[[World], Awaitable[Any]]

EVERYTHING = product(
    SOCKET,
    local_list=LocalList(100, 100),
    has_authorization_cache=True,
    reservations=Reservations(has_connector_zero=True),
    limits_energy_on_invalid_id=True,
    limits_status_notifications=True,
    security=Security(
        profiles=(1, 2, 3),
        cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        max_chain_size=10_000,
        max_certificates=10,
        checks_additional_root=False,
        removes_last_root=False,
        removes_last_station_certificate=False,
    ),
)

WELL = {"idTagInfo": {"status": "Accepted"}, "transactionId": 7}
REFUSED = {"idTagInfo": {"status": "Invalid"}, "transactionId": 7}


async def charge(world: World, tag: str = "TAG") -> None:
    world.virtual.plug(1, car())
    world.virtual.show_tag(tag)
    await world.csms.expect("StartTransaction")


async def list_tag(world: World) -> None:
    entry = {"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}
    answer = await world.csms.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
    assert answer == {"status": "Accepted"}


async def starts_offline(world: World) -> int:
    """How many transactions one tag starts while nobody can be asked."""
    csms = world.csms
    csms.cut()
    world.virtual.plug(1, car())
    await asyncio.sleep(1)
    world.virtual.show_tag("TAG")
    await asyncio.sleep(60)
    csms.is_reachable = True
    await asyncio.sleep(60)
    return len(csms.of("StartTransaction"))


async def authorizes(world: World) -> int:
    """How often the CSMS is asked about a tag that starts a transaction."""
    await charge(world)
    return len(world.csms.of("Authorize"))


def seconds_between(world: World, action: str) -> list[int]:
    moments = [moment for moment, name, _ in world.csms.calls if name == action]
    return [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(moments)]


def contexts(world: World, action: str = "MeterValues") -> list[str]:
    return [
        sampled["context"]
        for payload in world.csms.of(action)
        for value in payload.get("meterValue", payload.get("transactionData", []))
        for sampled in value["sampledValue"]
    ]


def measurands(payload: Any) -> set[str]:
    values = payload.get("meterValue", payload.get("transactionData", []))
    return {sampled["measurand"] for value in values for sampled in value["sampledValue"]}


async def cache_lets_in(world: World) -> int:
    """Authorize calls for a tag that was seen before, with LocalPreAuthorize."""
    csms = world.csms
    await world.change("LocalPreAuthorize", "true")
    for visit in (1, 2):
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction", visit)
        await asyncio.sleep(1)
        world.virtual.show_tag("TAG")
        await csms.expect("StopTransaction", visit)
        world.virtual.unplug(1)
    return len(csms.of("Authorize"))


async def list_lets_in(world: World) -> int:
    await world.change("LocalPreAuthorize", "true")
    return await authorizes(world)


async def listed_tag_offline(world: World) -> int:
    await list_tag(world)
    return await starts_offline(world)


async def listed_tag_online(world: World) -> int:
    await list_tag(world)
    return await authorizes(world)


async def remote_start(world: World) -> int:
    await world.csms.call("RemoteStartTransaction", connectorId=1, idTag="TAG")
    world.virtual.plug(1, car())
    await world.csms.expect("StartTransaction")
    return len(world.csms.of("Authorize"))


async def aligned_readings(world: World) -> int:
    await asyncio.sleep(3601)
    return len(world.csms.of("MeterValues"))


async def let_in_without_a_plug(world: World) -> int:
    await world.csms.call("RemoteStartTransaction", connectorId=1, idTag="TAG")
    await world.csms.expect("StatusNotification", 4)
    begin, end = [moment for moment, name, _ in world.csms.calls if name == "StatusNotification"][2:4]
    assert world.csms.statuses(1) == ["Available", "Preparing", "Available"]
    return round((end - begin).total_seconds())


async def told(world: World, key: str) -> str:
    answer = await world.csms.call("GetConfiguration", key=[key])
    return str(answer["configurationKey"][0]["value"])


async def rotation(world: World) -> str:
    return await told(world, "ConnectorPhaseRotation")


async def beats(world: World) -> list[int]:
    await asyncio.sleep(601)
    return seconds_between(world, "Heartbeat")[:2]


async def refused_energy(world: World) -> int:
    """The energy that a refused tag still got, in steps of 10 Wh: a second more at 11 kW is 3 Wh."""
    world.csms.answers["StartTransaction"] = REFUSED
    await charge(world)
    stop = await world.csms.expect("StopTransaction")
    return int(stop["meterStop"]) // 10


async def patience(world: World) -> int:
    world.csms.answers["Authorize"] = SILENCE
    world.virtual.plug(1, car())
    await asyncio.sleep(1)
    world.virtual.show_tag("TAG")
    # With AllowOfflineTxForUnknownId, who is not answered about is let in when the time is over.
    await world.change("AllowOfflineTxForUnknownId", "true")
    start = await world.csms.expect("StartTransaction")
    assert start["idTag"] == "TAG"
    asked = next(moment for moment, name, _ in world.csms.calls if name == "Authorize")
    began = next(moment for moment, name, _ in world.csms.calls if name == "StartTransaction")
    return round((began - asked).total_seconds())


async def aligned_measurands(world: World) -> set[str]:
    await world.change("ClockAlignedDataInterval", "60")
    return measurands(await world.csms.expect("MeterValues"))


async def sampled_measurands(world: World) -> set[str]:
    await charge(world)
    return measurands(await world.csms.expect("MeterValues"))


async def samples(world: World) -> int:
    await charge(world)
    await asyncio.sleep(601)
    return contexts(world).count("Sample.Periodic")


async def short_visit(world: World) -> list[str]:
    world.virtual.plug(1, car())
    await asyncio.sleep(5)
    world.virtual.unplug(1)
    await asyncio.sleep(60)
    return world.csms.statuses(1)


async def failing_reset(world: World) -> int:
    world.virtual.restarter.failures = 2
    await world.csms.call("Reset", type="Hard")
    await asyncio.sleep(60)
    return len(world.csms.of("BootNotification"))


async def vehicle_drives_off(world: World) -> list[str]:
    await charge(world)
    await asyncio.sleep(5)
    world.virtual.connectors[0].disconnect_vehicle()
    await asyncio.sleep(5)
    return [stop["reason"] for stop in world.csms.of("StopTransaction")] + world.csms.statuses(1)[-1:]


async def invalid_tag(world: World) -> list[str]:
    world.csms.answers["StartTransaction"] = REFUSED
    await charge(world)
    await asyncio.sleep(5)
    return [stop["reason"] for stop in world.csms.of("StopTransaction")] + world.csms.statuses(1)[-1:]


async def transaction_data(world: World, seconds: float = 130) -> Any:
    await charge(world)
    await asyncio.sleep(seconds)
    world.virtual.show_tag("TAG")
    return await world.csms.expect("StopTransaction")


async def aligned_data(world: World) -> set[str]:
    await world.change("ClockAlignedDataInterval", "60")
    return measurands(await transaction_data(world))


async def sampled_data(world: World) -> set[str]:
    return measurands(await transaction_data(world))


async def refused_starts(world: World) -> int:
    await world.change("TransactionMessageRetryInterval", "1")
    world.csms.answers["StartTransaction"] = "InternalError"
    await charge(world)
    await asyncio.sleep(600)
    return len(world.csms.of("StartTransaction"))


async def waits_between_tries(world: World) -> list[int]:
    world.csms.answers["StartTransaction"] = "InternalError"
    await charge(world)
    await asyncio.sleep(600)
    return seconds_between(world, "StartTransaction")


async def cable_after_the_vehicle(world: World) -> bool:
    """Whether the socket still holds the cable."""
    await world.change("StopTransactionOnEVSideDisconnect", "true")
    await charge(world)
    await asyncio.sleep(5)
    world.virtual.connectors[0].disconnect_vehicle()
    await world.csms.expect("StopTransaction")
    is_held = world.virtual.is_locked(1)
    if not is_held:
        lock: Any = world.virtual.connectors[0].hardware.cable_lock
        lock.remove()
    await asyncio.sleep(5)
    assert world.csms.statuses(1)[-1] == ("Finishing" if is_held else "Available")
    return is_held


class Connections:
    """What the next connection of the station is made with, from now on."""

    def __init__(self, world: World) -> None:
        self._made: asyncio.Future[tuple[str, Any]] = asyncio.get_running_loop().create_future()
        station: Any = world.virtual.station
        self._connect = station._connect
        station._connect = self._watch

    async def _watch(self, url: str, **options: Any) -> Any:
        if not self._made.done():
            self._made.set_result((url, options))
        return await self._connect(url, **options)

    async def next(self) -> tuple[str, Any]:
        return await asyncio.wait_for(self._made, 60)


async def pings(world: World) -> float:
    connections = Connections(world)
    await world.csms.call("Reset", type="Soft")
    _, options = await connections.next()
    return float(options["keepalive"].interval_seconds)


FIRST_KEY, SECOND_KEY = "00112233445566778899AABBCCDDEEFF", "FFEEDDCCBBAA99887766554433221100"


async def prepare_profile_1(world: World) -> None:
    assert await world.change("AuthorizationKey", "AA" * 16) == "Accepted"
    assert await world.change("SecurityProfile", "1") == "Accepted"
    await asyncio.sleep(30)


async def prepare_profiles(world: World) -> None:
    """A password for profile 1, and a root for profile 2."""
    assert await world.change("AuthorizationKey", FIRST_KEY) == "Accepted"
    root = make_authority("Root", world.clock.now())
    answer = await world.csms.call(
        "InstallCertificate", certificateType="CentralSystemRootCertificate", certificate=root.pem
    )
    assert answer == {"status": "Accepted"}


async def password_of_the_next_connection(world: World) -> str:
    connections = Connections(world)
    _, options = await connections.next()
    return str(options["password"].hex().upper())


async def way_of_the_next_connection(world: World) -> tuple[str, bool]:
    connections = Connections(world)
    url, options = await connections.next()
    return url.partition(":")[0], options["password"] is not None


async def organisation(world: World) -> str:
    world.csms.answers["SignCertificate"] = {"status": "Accepted"}
    await world.csms.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    request = await world.csms.expect("SignCertificate")
    subject = load_pem_x509_csr(request["csr"].encode()).subject
    return str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)


PREPARATIONS: Mapping[str, Callable[[World], Awaitable[None]]] = {
    "AuthorizationKey": prepare_profile_1,
    "LocalAuthListEnabled": list_tag,
    "SecurityProfile": prepare_profiles,
}

MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import")
BOTH = ",".join(MEASURANDS)

# Key → scenario, and what it must show for each value.
SCENARIOS: Mapping[str, tuple[Scenario, Mapping[str, Any]]] = {
    "AuthorizationKey": (password_of_the_next_connection, {FIRST_KEY: FIRST_KEY, SECOND_KEY: SECOND_KEY}),
    "CpoName": (organisation, {"Acme Energy": "Acme Energy", "Volt": "Volt"}),
    "SecurityProfile": (way_of_the_next_connection, {"1": ("ws", True), "2": ("wss", True)}),
    "AllowOfflineTxForUnknownId": (starts_offline, {"true": 1, "false": 0}),
    "AuthorizationCacheEnabled": (cache_lets_in, {"true": 1, "false": 2}),
    "AuthorizeRemoteTxRequests": (remote_start, {"true": 1, "false": 0}),
    "ClockAlignedDataInterval": (aligned_readings, {"0": 0, "900": 4, "1800": 2}),
    "ConnectionTimeOut": (let_in_without_a_plug, {"30": 30, "90": 90}),
    "ConnectorPhaseRotation": (rotation, {"1.RST": "1.RST", "0.RST,1.TRS": "0.RST,1.TRS"}),
    "HeartbeatInterval": (beats, {"60": [60, 60], "200": [200, 200]}),
    "LocalAuthListEnabled": (list_lets_in, {"true": 0, "false": 1}),
    "LocalAuthorizeOffline": (listed_tag_offline, {"true": 1, "false": 0}),
    "LocalPreAuthorize": (listed_tag_online, {"true": 0, "false": 1}),
    "MaxEnergyOnInvalidId": (refused_energy, {"0": 0, "300": 30}),
    "MessageTimeout": (patience, {"10": 10, "50": 50}),
    "MeterValuesAlignedData": (aligned_measurands, {MEASURANDS[1]: {MEASURANDS[1]}, BOTH: set(MEASURANDS)}),
    "MeterValuesSampledData": (sampled_measurands, {MEASURANDS[1]: {MEASURANDS[1]}, BOTH: set(MEASURANDS)}),
    "MeterValueSampleInterval": (samples, {"0": 0, "60": 10, "300": 2}),
    "MinimumStatusDuration": (
        short_visit,
        {"0": ["Available", "Preparing", "Available"], "10": ["Available"]},
    ),
    "ResetRetries": (failing_reset, {"1": 1, "2": 2}),
    "StopTransactionOnEVSideDisconnect": (
        vehicle_drives_off,
        {"true": ["EVDisconnected", "Finishing"], "false": ["SuspendedEV"]},
    ),
    "StopTransactionOnInvalidId": (invalid_tag, {"true": ["DeAuthorized", "Finishing"], "false": ["SuspendedEVSE"]}),
    "StopTxnAlignedData": (aligned_data, {"": set(), MEASURANDS[1]: {MEASURANDS[1]}}),
    "StopTxnSampledData": (sampled_data, {"": set(), BOTH: set(MEASURANDS)}),
    "TransactionMessageAttempts": (refused_starts, {"1": 1, "4": 4}),
    "TransactionMessageRetryInterval": (waits_between_tries, {"10": [10, 20], "60": [60, 120]}),
    "UnlockConnectorOnEVSideDisconnect": (cable_after_the_vehicle, {"true": False, "false": True}),
    "WebSocketPingInterval": (pings, {"7": 7.0, "0": 0.0}),
}


@pytest.mark.parametrize("key", [key for key in KEYS if key.check is not None], ids=lambda key: key.name)
def test_each_key_that_can_be_written_is_obeyed(key: Key) -> None:
    assert key.name in SCENARIOS, f"{key.name} can be written, and no scenario here shows what it changes"
    scenario, expected = SCENARIOS[key.name]
    assert len(expected) >= 2
    for value, shown in expected.items():

        async def play(world: World, value: str = value) -> Any:
            await world.boot()
            if key.name in PREPARATIONS:
                await PREPARATIONS[key.name](world)
            status = await world.change(key.name, value)
            assert status == ("RebootRequired" if key.after_reboot else "Accepted")
            return await scenario(world)

        assert live(play, EVERYTHING) == shown, f"{key.name} = {value!r}"


def test_no_scenario_is_left_of_a_key_that_is_gone() -> None:
    assert set(SCENARIOS) <= {key.name for key in KEYS}


def test_each_key_says_what_it_changes() -> None:
    assert set(EFFECTS) == {key.name for key in KEYS}
    assert all(key.effect for key in KEYS)
