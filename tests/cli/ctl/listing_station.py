"""A station on the independent `ocpp` library that has a local list by the rules of §5.15, and takes reservations."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from tests.csms.wire import PASSWORD

__all__ = ["ListingStation", "listing_station"]


class ListingStation(ChargePoint):  # type: ignore[misc]  # the library has no types
    """`moods` are the statuses of the next SendLocalLists instead of the right ones; `has_list` is told when the list
    changed."""

    def __init__(self, identity: str, socket: Any) -> None:
        super().__init__(identity, socket)
        self.has_lists = True
        self.entries: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.sent: list[tuple[str, int]] = []
        self.moods: list[str] = []
        self.changed = asyncio.Event()
        self.reserved: set[int] = set()

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        values = {"LocalAuthListEnabled": "true", "LocalAuthListMaxLength": "5", "SendLocalListMaxLength": "2"}
        listed = [{"key": name, "readonly": True, "value": value} for name, value in values.items()]
        return call_result.GetConfiguration(configuration_key=listed)

    @on(Action.get_local_list_version)  # type: ignore[untyped-decorator]
    def on_get_local_list_version(self) -> Any:
        if not self.has_lists:
            raise NotSupportedError
        return call_result.GetLocalListVersion(list_version=self.version if self.entries else 0)

    @on(Action.send_local_list)  # type: ignore[untyped-decorator]
    def on_send_local_list(
        self, list_version: int, update_type: str, local_authorization_list: list[dict[str, Any]] | None = None
    ) -> Any:
        entries = local_authorization_list or []
        self.sent.append((update_type, len(entries)))
        status = self.moods.pop(0) if self.moods else self._take(list_version, update_type, entries)
        self.changed.set()
        return call_result.SendLocalList(status=status)

    def _take(self, version: int, kind: str, entries: list[dict[str, Any]]) -> str:
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        after = {} if kind == "Full" else dict(self.entries)
        for entry in entries:
            key = entry["id_tag"].casefold()
            if "id_tag_info" in entry:
                after[key] = entry["id_tag_info"]
            elif kind == "Full":
                return "Failed"
            else:
                after.pop(key, None)
        if len(entries) > 2 or len(after) > 5 or version <= 0:
            return "Failed"
        self.entries, self.version = after, version
        return "Accepted"

    @on(Action.reserve_now)  # type: ignore[untyped-decorator]
    def on_reserve_now(self, reservation_id: int, **rest: Any) -> Any:
        self.reserved.add(reservation_id)
        return call_result.ReserveNow(status="Accepted")

    @on(Action.cancel_reservation)  # type: ignore[untyped-decorator]
    def on_cancel_reservation(self, reservation_id: int) -> Any:
        known = reservation_id in self.reserved
        self.reserved.discard(reservation_id)
        return call_result.CancelReservation(status="Accepted" if known else "Rejected")


@asynccontextmanager
async def listing_station(url: str, identity: str) -> AsyncIterator[ListingStation]:
    """One that is connected, and whose boot is accepted."""
    credentials = base64.b64encode(identity.encode() + b":" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(
        f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None
    ) as socket:
        station = ListingStation(identity, socket)
        reader = asyncio.create_task(station.start())
        try:
            answer = await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
            assert answer.status == "Accepted"
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
