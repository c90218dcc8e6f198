"""What may listen where.

Without credentials a listener stays on loopback. Anywhere else the OCPP listener wants a password from every station
and takes no unknown one, and HTTP wants a bearer key; `insecure` waives both, in so many words.
"""

import ipaddress
from collections.abc import Iterable

from chargewright.csms.config import Settings, split_address
from chargewright.csms.storage.base import StationRow
from chargewright.errors import ConfigurationError

__all__ = ["check_exposure", "exposure_of", "is_loopback"]

_WAY_OUT = "or --insecure, if the network keeps strangers away"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_exposed(address: str) -> bool:
    return address != "off" and not is_loopback(split_address(address)[0])


def check_exposure(settings: Settings, stations: Iterable[StationRow]) -> None:
    """Raise `ConfigurationError` when a listener would be open to strangers and nobody asked for that."""
    if settings.insecure:
        return
    # Unknown stations have no profile on record: they may come by either listener.
    for option, address in (("--ocpp", settings.ocpp), ("--ocpps", settings.ocpps)):
        if settings.unknown_stations == "accept" and _is_exposed(address):
            raise ConfigurationError(option, "", address, f"--unknown-stations reject {_WAY_OUT}")
    if _is_exposed(settings.ocpp):
        open_ones = [row.identity for row in stations if row.security_profile == 0]
        if open_ones:
            shown = ", ".join(open_ones[:5]) + (" …" if len(open_ones) > 5 else "")
            raise ConfigurationError("--ocpp", "", settings.ocpp, f"a password for {shown} {_WAY_OUT}")
    if settings.bootstrap_token is None and _is_exposed(settings.http):
        raise ConfigurationError("--http", "", settings.http, f"CHARGEWRIGHT_BOOTSTRAP_TOKEN to be set {_WAY_OUT}")


def exposure_of(settings: Settings, station: StationRow) -> str | None:
    """What the station must have instead, where letting it in would open a listener to strangers; None where not."""
    if settings.insecure or station.security_profile != 0 or not _is_exposed(settings.ocpp):
        return None
    return f"1 or 2 with a password, because stations connect on {settings.ocpp}; {_WAY_OUT}"
