"""The CSMS as a process: `chargewright serve`.

Exit codes: 0 stopped as asked; 2 a setting or the seed file is wrong; 3 an address cannot be had; 4 the database or the
data directory cannot be used.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from importlib.metadata import entry_points
from typing import Final

import structlog
import uvloop

from chargewright.csms.allocator import return_large_blocks
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings, unknown_variables
from chargewright.csms.log import configure_log
from chargewright.csms.services.data_transfer import VendorExtension
from chargewright.csms.storage.base import StorageError
from chargewright.errors import ConfigurationError

__all__ = ["ADDRESS_IN_USE", "CONFIGURATION_WRONG", "STORAGE_FAILED", "VENDOR_GROUP", "serve", "vendor_extensions"]

CONFIGURATION_WRONG: Final = 2
ADDRESS_IN_USE: Final = 3
STORAGE_FAILED: Final = 4

COLLECT_THRESHOLDS: Final = (20_000, 50, 100)

# The group of entry points in which distributions offer their DataTransfer extensions.
VENDOR_GROUP: Final = "chargewright.data_transfer"

_log = structlog.get_logger(__name__)


def serve(settings: Settings, *, as_json: bool = False) -> int:
    """Run a CSMS until SIGTERM or SIGINT and return the exit code.

    When it is ready, one line on standard output tells the bound addresses: as JSON, or as a sentence.
    """
    configure_log(settings.log_level)
    for sentence in unknown_variables(os.environ):
        _log.warning(sentence)
    if settings.ocpps != "off":
        return_large_blocks()
    try:
        return uvloop.run(_serve(settings, as_json))
    except ConfigurationError as error:
        return _failed(CONFIGURATION_WRONG, error)
    except OSError as error:
        return _failed(ADDRESS_IN_USE, error.strerror or error)
    except StorageError as error:
        return _failed(STORAGE_FAILED, error)


async def _serve(settings: Settings, as_json: bool) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Before anything is opened: a signal during the start must not leave half of it behind.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    csms = Csms(settings, vendors=vendor_extensions())
    await csms.start()
    loop.add_signal_handler(signal.SIGHUP, csms.reload_certificates)
    # What is there now stays for good; what comes with messages is freed without the collector. Looking for cycles
    # through every session again and again would cost more than it finds.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_THRESHOLDS)
    try:
        _announce(csms, as_json)
        await stopping.wait()
        _log.info("stopping: a signal asked for it")
    finally:
        await csms.stop()
    return 0


def vendor_extensions() -> dict[str, VendorExtension]:
    """The DataTransfer extensions of the installed distributions, by vendorId.

    Raises `ConfigurationError` when one cannot be loaded: a vendor's messages would be refused without anybody
    noticing.
    """
    found: dict[str, VendorExtension] = {}
    for point in entry_points(group=VENDOR_GROUP):
        try:
            found[point.name] = point.load()
        except Exception as error:
            raise ConfigurationError(
                f"entry point {VENDOR_GROUP}", point.name, point.value, f"a function that can be imported ({error!r})"
            ) from error
    return found


def _announce(csms: Csms, as_json: bool) -> None:
    addresses = csms.addresses
    if as_json:
        told = {"ocpp": addresses.ocpp, "http": addresses.http}
        line = json.dumps(told | ({"ocpps": addresses.ocpps} if addresses.ocpps else {}))
    else:
        urls = [f"ws://{address}/<identity>" for address in addresses.ocpp]
        urls += [f"wss://{address}/<identity>" for address in addresses.ocpps]
        line = f"Ready. Stations connect to {', '.join(urls)}"
        if addresses.http:
            line += f"; HTTP is at {', '.join(f'http://{address}' for address in addresses.http)}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _failed(code: int, error: object) -> int:
    sys.stderr.write(f"chargewright serve: {error}\n")
    return code
