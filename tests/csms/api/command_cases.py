"""Every command with a payload that its schema allows, and a station on the `ocpp` library that answers it as told."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, get_type_hints

import websockets
from ocpp.exceptions import InternalError
from ocpp.routing import create_route_map, on
from ocpp.v16 import ChargePoint, call, call_result
from tests.csms.wire import PASSWORD

from chargewright.csms.commands.validation import COMMANDS

__all__ = ["PAYLOADS", "LibraryStation", "library_station", "response_of", "statuses_of"]

_HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa" * 32,
    "issuerKeyHash": "bb" * 32,
    "serialNumber": "01",
}
_SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
_LATER = "2036-01-01T00:00:00Z"

PAYLOADS: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 7},
    "CertificateSigned": {"certificateChain": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
    "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "ClearCache": {},
    "ClearChargingProfile": {"id": 7},
    "DataTransfer": {"vendorId": "com.example", "messageId": "hello", "data": "1"},
    "DeleteCertificate": {"certificateHashData": _HASH},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
    "GetConfiguration": {"key": ["HeartbeatInterval"]},
    "GetDiagnostics": {"location": "https://files.example/"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "https://files.example/"}},
    "InstallCertificate": {
        "certificateType": "CentralSystemRootCertificate",
        "certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    },
    "RemoteStartTransaction": {"idTag": "TAG", "connectorId": 1},
    "RemoteStopTransaction": {"transactionId": 7},
    "ReserveNow": {"connectorId": 1, "expiryDate": _LATER, "idTag": "TAG", "reservationId": 7},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []},
    "SetChargingProfile": {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 7,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": _SCHEDULE,
        },
    },
    "SignedUpdateFirmware": {
        "requestId": 7,
        "firmware": {
            "location": "https://files.example/firmware.bin",
            "retrieveDateTime": _LATER,
            "signingCertificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "signature": "AAAA",
        },
    },
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "https://files.example/firmware.bin", "retrieveDate": _LATER},
}


def statuses_of(action: str) -> list[str | None]:
    """Every `status` that the response may have; [None] where it has none."""
    kind = get_type_hints(COMMANDS[action].response).get("status")
    return [None] if kind is None else [member.value for member in kind]


def response_of(action: str, status: str | None) -> dict[str, Any]:
    """The payload of a response as it stands on the wire."""
    if status is not None:
        return {"status": status}
    return {"listVersion": 3} if action == "GetLocalListVersion" else {}


class LibraryStation(ChargePoint):
    """Answers commands with `behaviour`: a status, or one of `error`, `malformed`, `silence`."""

    behaviour: str | None = None

    async def route_message(self, raw_msg: Any) -> None:
        message = json.loads(raw_msg)
        if message[0] == 2 and self.behaviour == "silence":
            return
        if message[0] == 2 and self.behaviour == "malformed":
            await self._connection.send(json.dumps([3, message[1], ["no object"]]))
            return
        await super().route_message(raw_msg)

    def answer(self, action: str) -> Any:
        if self.behaviour == "error":
            raise InternalError("out of order", {"part": "relay"})
        response = response_of(action, self.behaviour)
        fields = {"list_version" if name == "listVersion" else name: value for name, value in response.items()}
        return getattr(call_result, action)(**fields)


def _handler(action: str) -> Callable[..., Any]:
    def handle(self: LibraryStation, **fields: Any) -> Any:
        return self.answer(action)

    handle.__name__ = f"on_{action}"  # the library finds handlers by their names
    return on(action)(handle)


for _action in PAYLOADS:
    setattr(LibraryStation, f"on_{_action}", _handler(_action))


@asynccontextmanager
async def library_station(url: str, identity: str) -> AsyncIterator[LibraryStation]:
    """Connected and accepted."""
    credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(
        f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None
    ) as socket:
        station = LibraryStation(identity, socket)
        station.route_map = create_route_map(station)
        reader = asyncio.create_task(station.start())
        try:
            await station.call(call.BootNotification(charge_point_model="Shelf", charge_point_vendor="Library"))
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
