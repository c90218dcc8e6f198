"""The floor: a bare picows server that sends each message back. Nothing can serve a call for less on this machine."""

import asyncio
import sys

import picows
import uvloop


class Echo(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """Sends each text frame back as it came."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()


def admit(request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener:
    """Take everybody, with the subprotocol that stations offer."""
    response = picows.WSUpgradeResponse.create_101_response(extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"})
    return picows.WSUpgradeResponseWithListener(response, Echo())


async def main() -> None:
    """Listen on a free port, print it, serve until the process is ended."""
    server = await picows.ws_create_server(admit, "127.0.0.1", 0, read_buffer_init_size=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(), loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 12) else uvloop.run(main())
