"""What most people start from: a central system on the `ocpp` library and `websockets`, which stores nothing."""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, RegistrationStatus


class LibraryStation(ChargePoint):  # type: ignore[misc]  # the library ships no types
    """Answers as briefly as the schema allows."""

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]  # as above
    def on_boot_notification(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(
            current_time=datetime.now(UTC).isoformat(), interval=300, status=RegistrationStatus.accepted
        )

    @on(Action.start_transaction)  # type: ignore[untyped-decorator]
    def on_start_transaction(self, **_: Any) -> call_result.StartTransaction:
        return call_result.StartTransaction(transaction_id=1, id_tag_info={"status": "Accepted"})

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()


async def serve(connection: Any) -> None:
    """One connected station, until it goes."""
    try:
        await LibraryStation(connection.request.path.rsplit("/", 1)[-1], connection).start()
    except websockets.ConnectionClosed:
        return


async def main() -> None:
    """Listen on a free port, print it, serve until the process is ended."""
    logging.disable(logging.CRITICAL)
    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]  # a plain name does
        sys.stdout.write(f"{next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
