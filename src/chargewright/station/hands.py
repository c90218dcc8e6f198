"""The hands of everybody around one virtual station: driver, technician, vandal, and the world that cuts its power.

Each deed either happens or is refused with a sentence that names the station, the connector and what to do; nothing
that could not be done at a real station can be done here.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from chargewright.errors import ChargewrightError, LocalProtocolError
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus, ConfigurationStatus, Reason
from chargewright.station import deeds
from chargewright.station.deeds import Deed
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.hardware.firmware import InstallStep
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.presented_tag import TagOutcome
from chargewright.station.product import Product
from chargewright.station.snapshot import ConnectorSnapshot
from chargewright.station.station_state import StationState, station_state
from chargewright.station.virtual import VirtualStation

__all__ = ["HandRefused", "StationHands"]

# Messages of one kind are counted, all kinds together so many: what a CSMS sends may have any name.
COUNTED_KINDS: Final = 200


class HandRefused(ChargewrightError):
    """Something cannot be done at a station as it is. `connector` is None where no connector is meant.

    `is_unknown`: the connector does not exist, at any time.
    """

    def __init__(
        self,
        station: str,
        deed: str,
        reason: str,
        what_now: str,
        *,
        connector: int | None = None,
        is_unknown: bool = False,
    ) -> None:
        super().__init__(station, deed, reason, what_now)
        self.station = station
        self.deed = deed
        self.reason = reason
        self.what_now = what_now
        self.connector = connector
        self.is_unknown = is_unknown

    def __str__(self) -> str:
        place = self.station if self.connector is None else f"{self.station}, connector {self.connector}"
        return f"{place}: {self.deed} is not possible: {self.reason}; {self.what_now}"


class StationHands:
    """All hands at `virtual`; `do` is the one way in. Made and used on the event loop of the station."""

    def __init__(self, virtual: VirtualStation, product: Product, station_id: str) -> None:
        self.virtual: Final = virtual
        self.product: Final = product
        self.station_id: Final = station_id
        self.messages: dict[str, int] = {}
        # What is broken stays broken over a power cut.
        self._faults: dict[int, ChargePointErrorCode] = {}
        virtual.network.on_message = self._count
        self._hands: dict[type[Deed], Callable[[Any], None]] = {
            deeds.PlugIn: self._plug_in,
            deeds.ChangeVehicle: self._change_vehicle,
            deeds.Unplug: self._unplug,
            deeds.PresentTag: self._present_tag,
            deeds.PressStop: self._press_stop,
            deeds.Fault: self._fault,
            deeds.ClearFault: self._clear_fault,
            deeds.Warn: self._warn,
            deeds.JamLock: lambda deed: self._set_jam(deed, True),
            deeds.FreeLock: lambda deed: self._set_jam(deed, False),
            deeds.EmergencyStop: self._emergency_stop,
            deeds.ReleaseEmergencyStop: self._release_emergency_stop,
            deeds.CutPower: self._cut_power,
            deeds.ReturnPower: self._return_power,
            deeds.NetworkDown: self._network_down,
            deeds.NetworkUp: self._network_up,
            deeds.SetConfiguration: self._set_configuration,
            deeds.SetClock: self._set_clock,
            deeds.BreakResets: self._break_resets,
            deeds.BreakFirmware: self._break_firmware,
            deeds.SelectConnector: self._select_connector,
            deeds.Tamper: self._tamper,
            deeds.RemoveCertificate: self._remove_certificate,
        }

    def do(self, deed: Deed) -> None:
        """Do it now; raises `HandRefused` where that cannot be, and then nothing has changed but what a display says of
        a tag."""
        self._hands[type(deed)](deed)
        self.virtual.tell()

    def state(self) -> StationState:
        """What can be seen now."""
        return station_state(self.virtual, self.station_id, self._faults, self.virtual.emergency_stop.is_pressed)

    # Drivers.

    def _plug_in(self, deed: deeds.PlugIn) -> None:
        connector = self._connector(deed, deed.connector)
        if connector.vehicle is not None:
            raise self._refused(deed, "a vehicle is plugged in already", "unplug it first")
        is_open = self.virtual.has_power and self._shown(deed.connector).status is ChargePointStatus.PREPARING
        if self.product.locks_before_authorization and not is_open:
            raise self._refused(
                deed, "this product opens its outlet when somebody is let in, not before", "present a tag first"
            )
        if deed.target_soc_percent < deed.soc_percent:
            raise self._refused(
                deed,
                f"its battery is fuller ({deed.soc_percent:g} %) than it should become ({deed.target_soc_percent:g} %)",
                "raise target_soc_percent or lower soc_percent",
            )
        battery = Battery(deed.capacity_wh, deed.soc_percent / 100, max_power_w=deed.dc_power_w)
        self.virtual.plug(
            deed.connector,
            Vehicle(
                battery,
                phases=deed.phases,
                max_current_a=deed.max_current_a,
                efficiency=deed.efficiency_percent / 100,
                target_soc=deed.target_soc_percent / 100,
            ),
        )

    def _change_vehicle(self, deed: deeds.ChangeVehicle) -> None:
        connector = self._connector(deed, deed.connector)
        if connector.vehicle is None:
            raise self._refused(deed, "no vehicle is plugged in", "plug one in first")

        def change(vehicle: Vehicle) -> None:
            if deed.target_soc_percent is not None:
                vehicle.target_soc = deed.target_soc_percent / 100
            if deed.phases is not None:
                vehicle.phases = deed.phases
            if deed.max_current_a is not None:
                vehicle.max_current_a = deed.max_current_a
            if deed.dc_power_w is not None:
                vehicle.battery.max_power_w = deed.dc_power_w

        connector.change_vehicle(change)

    def _unplug(self, deed: deeds.Unplug) -> None:
        connector = self._connector(deed, deed.connector)
        lock = connector.lock
        has_cable = lock is not None and lock.has_cable
        if connector.vehicle is None and not has_cable:
            raise self._refused(deed, "nothing is plugged in", "plug a vehicle in first")
        side: Literal["station", "vehicle"] = "vehicle" if deed.side == "vehicle" or lock is None else "station"
        if deed.side == "station" and lock is None:
            raise self._refused(deed, "the cable is fixed to the station", "unplug at the side of the vehicle")
        if side == "vehicle":
            if connector.vehicle is None:
                raise self._refused(deed, "no vehicle is on the cable", "unplug at the side of the station")
            connector.disconnect_vehicle()
            return
        if lock is not None and lock.is_locked:
            raise self._refused(
                deed,
                "the station holds the cable",
                "present the tag that started, or press-stop, or send UnlockConnector; or unplug at the vehicle",
            )
        if connector.vehicle is None:
            connector.take_cable()
        else:
            self.virtual.unplug(deed.connector)

    def _present_tag(self, deed: deeds.PresentTag) -> None:
        if deed.connector is not None:
            self._connector(deed, deed.connector)
        elif not self.product.has_one_reader and len(self.product.outlets) > 1:
            raise self._refused(
                deed, "each connector of this product has a tag reader of its own", "say to which connector"
            )
        self._need_power(deed)
        before = self.virtual.station.last_tag
        self.virtual.show_tag(deed.id_tag, deed.connector)
        now = self.virtual.station.last_tag
        if now is not None and now is not before and now.outcome is TagOutcome.NO_CHOICE:
            raise self._refused(
                deed, "no connector was chosen", "choose a connector first (select-connector), or say which one"
            )

    def _select_connector(self, deed: deeds.SelectConnector) -> None:
        self._connector(deed, deed.connector)
        self._need_power(deed)
        self.virtual.station.select_connector(deed.connector)

    def _press_stop(self, deed: deeds.PressStop) -> None:
        if deed.connector is not None:
            self._connector(deed, deed.connector)
        self._need_power(deed)
        if not self.product.has_local_stop:
            raise self._refused(
                deed, "this product has no stop of its own", "stop from the CSMS, or unplug the vehicle"
            )
        self.virtual.station.end_transactions(Reason.LOCAL, deed.connector)

    # Technicians, vandals, and things that break.

    def _fault(self, deed: deeds.Fault) -> None:
        self._connector(deed, deed.connector)
        if deed.error_code is ChargePointErrorCode.NO_ERROR:
            raise self._refused(deed, "NoError is no fault", "use clear-fault")
        self._faults[deed.connector] = deed.error_code
        if self.virtual.has_power:
            self._apply_faults()

    def _clear_fault(self, deed: deeds.ClearFault) -> None:
        self._connector(deed, deed.connector)
        has_status = self.virtual.has_power and self._shown(deed.connector).status is ChargePointStatus.FAULTED
        if deed.connector not in self._faults and not has_status:
            raise self._refused(deed, "it has no fault", "look at `show`")
        self._faults.pop(deed.connector, None)
        if self.virtual.has_power:
            self.virtual.station.set_fault(deed.connector, ChargePointErrorCode.NO_ERROR)

    def _warn(self, deed: deeds.Warn) -> None:
        if deed.connector > 0:
            self._connector(deed, deed.connector)
        self._need_power(deed)
        self.virtual.station.set_warning(deed.connector, deed.error_code)

    def _set_jam(self, deed: deeds.JamLock | deeds.FreeLock, is_jammed: bool) -> None:
        lock = self._connector(deed, deed.connector).lock
        if lock is None:
            raise self._refused(deed, "its cable is fixed, and there is no lock", "choose a connector with a socket")
        lock.is_jammed = is_jammed

    def _emergency_stop(self, deed: deeds.EmergencyStop) -> None:
        if self.virtual.emergency_stop.is_pressed:
            raise self._refused(deed, "the button is pressed already", "release-emergency-stop")
        self.virtual.emergency_stop.press()

    def _release_emergency_stop(self, deed: deeds.ReleaseEmergencyStop) -> None:
        if not self.virtual.emergency_stop.is_pressed:
            raise self._refused(deed, "the button is not pressed", "press it first (emergency-stop)")
        self.virtual.emergency_stop.release()

    def _apply_faults(self) -> None:
        for number, code in self._faults.items():
            self.virtual.station.set_fault(number, code)

    def _cut_power(self, deed: deeds.CutPower) -> None:
        self._need_power(deed)
        self.virtual.cut_power()

    def _return_power(self, deed: deeds.ReturnPower) -> None:
        if self.virtual.has_power:
            raise self._refused(deed, "it has power", "cut-power takes it away")
        self.virtual.return_power()
        self._apply_faults()

    def _network_down(self, deed: deeds.NetworkDown) -> None:
        if not self.virtual.network.is_up:
            raise self._refused(deed, "the network is down already", "network-up mends it")
        self.virtual.network.cut()

    def _network_up(self, deed: deeds.NetworkUp) -> None:
        self.virtual.network.mend(deed.delay_seconds)

    def _set_configuration(self, deed: deeds.SetConfiguration) -> None:
        self._need_power(deed)
        status = self.virtual.station.change_configuration(deed.key, deed.value)
        if status is ConfigurationStatus.NOT_SUPPORTED:
            raise self._refused(deed, f"it has no key {deed.key!r}", "see docs/reference/configuration-keys.md")
        if status is ConfigurationStatus.REJECTED:
            raise self._refused(
                deed,
                f"{deed.key} cannot become {deed.value!r}, or cannot be written",
                "see docs/reference/configuration-keys.md",
            )

    def _set_clock(self, deed: deeds.SetClock) -> None:
        self._need_power(deed)
        clock = self.virtual.clock
        try:
            clock.set(clock.now() + timedelta(seconds=deed.ahead_seconds))
        except LocalProtocolError as error:
            raise self._refused(deed, str(error), "choose another time") from error

    def _break_firmware(self, deed: deeds.BreakFirmware) -> None:
        if self.product.firmware_management is None:
            raise self._refused(deed, "this product takes no firmware", "choose another PICS")
        self.virtual.firmware.failing = None if deed.step == "none" else InstallStep(deed.step)

    def _break_resets(self, deed: deeds.BreakResets) -> None:
        self.virtual.restarter.failures = deed.times

    def _tamper(self, deed: deeds.Tamper) -> None:
        self._need_power(deed)
        if self.product.security is None:
            raise self._refused(
                deed, "this product has no security extension, which knows such events", "choose another PICS"
            )
        self.virtual.station.security.tampered_with()

    def _remove_certificate(self, deed: deeds.RemoveCertificate) -> None:
        self._need_power(deed)
        reason = self.virtual.station.security.remove_certificate()
        if reason is not None:
            raise self._refused(deed, reason, "see `chargewright station show`, or choose another PICS")

    # Inside.

    def _connector(self, deed: Deed, number: int) -> SimulatedConnector:
        most = len(self.virtual.connectors)
        if not 1 <= number <= most:
            has = "connector 1 only" if most == 1 else f"connectors 1 to {most}"
            raise HandRefused(
                self.station_id,
                _word(deed),
                "there is no such connector",
                f"it has {has}",
                connector=number,
                is_unknown=True,
            )
        return self.virtual.connectors[number - 1]

    def _shown(self, number: int) -> ConnectorSnapshot:
        return self.virtual.look(number)

    def _need_power(self, deed: Deed) -> None:
        if not self.virtual.has_power:
            raise self._refused(deed, "the station has no power", "return-power first")

    def _refused(self, deed: Deed, reason: str, what_now: str) -> HandRefused:
        return HandRefused(self.station_id, _word(deed), reason, what_now, connector=getattr(deed, "connector", None))

    def _count(self, is_sent: bool, message: bytes) -> None:
        """Count CALLs of both sides by action."""
        try:
            frame = msgspec.json.decode(message, type=tuple[int, msgspec.Raw, str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return  # an answer, or nothing that a station could read
        if frame[0] == 2 and (frame[2] in self.messages or len(self.messages) < COUNTED_KINDS):
            self.messages[frame[2]] = self.messages.get(frame[2], 0) + 1
            self.virtual.tell()


def _word(deed: Deed) -> str:
    return str(type(deed).__struct_config__.tag)
