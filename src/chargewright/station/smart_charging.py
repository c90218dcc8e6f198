"""Charging profiles obeyed (§3.13, §5.5, §5.7, §5.16): kept on disk, and turned into what each vehicle is offered.

Nothing is polled: one timer waits for the next instant at which a profile says something else, or ends.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from chargewright.charging_profiles.composite_schedule import answer_get_composite_schedule
from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.recurrence import SECOND
from chargewright.charging_profiles.units import Limit
from chargewright.charging_profiles.validation import (
    ProfileLimits,
    Refusal,
    RunningTransaction,
    check_for_start,
    check_installable,
)
from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.coding import DECODE_FAILURES
from chargewright.protocol.v16.core import ChargePointStatus, Reason
from chargewright.protocol.v16.datatypes import ChargingProfile, ChargingRateUnitType
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfileRequest,
    ClearChargingProfileResponse,
    ClearChargingProfileStatus,
    GetCompositeScheduleRequest,
    SetChargingProfileRequest,
    SetChargingProfileResponse,
)
from chargewright.rpc.errors import NotSupportedAction, PropertyConstraintViolation, RpcError
from chargewright.station.context import Answer, Authorization, ConnectorPort, Context, TransactionLog
from chargewright.station.hardware.interface import NO_OFFER, MeterReading, Offer, Timer
from chargewright.station.power_sharing import Claim, shared, shares, station_supply
from chargewright.station.store import StationStoreError

__all__ = ["LimitedLog", "SmartCharging"]

_REFUSALS: Final[dict[ErrorCode, type[RpcError]]] = {
    ErrorCode.NOT_SUPPORTED: NotSupportedAction,
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION: PropertyConstraintViolation,
}
# Statuses of a transaction whose vehicle takes nothing, whatever it is offered.
_RESTING: Final = frozenset({ChargePointStatus.SUSPENDED_EV, ChargePointStatus.FAULTED})


class SmartCharging:
    """The charging profiles of one station.

    `connectors` are in the order of their numbers; they may still be added until `wake_up` is called.
    `transaction_id(key)` is the CSMS's id of a transaction. Raises `ConfigurationError` for a product without the
    feature profile.
    """

    def __init__(
        self,
        context: Context,
        connectors: Sequence[ConnectorPort],
        transaction_id: Callable[[int | None], int | None],
    ) -> None:
        product = context.product
        offered = product.smart_charging
        if offered is None:
            raise ConfigurationError("product", "smart_charging", None, "what charging profiles may be")
        self._context = context
        self._connectors = connectors
        self._transaction_id = transaction_id
        self._switches_phases: Final = offered.switches_3_to_1_phase
        self._records = context.store.records("charging_profile")
        self._supply = station_supply(product.outlets, product.nominal_voltage_v)
        self._limits = ProfileLimits(
            number_of_connectors=len(product.outlets),
            max_stack_level=offered.max_stack_level,
            max_periods=offered.max_periods,
            max_profiles=offered.max_profiles,
            allowed_units=tuple(map(ChargingRateUnitType, offered.units)),
        )
        self._profiles = ProfileSet(installed=sorted(self._read_back(), key=lambda profile: profile.installed_at))
        # The instants at which transactions began, by connector, the oldest first; and what their vehicles are offered.
        self._since: dict[int, int] = {}
        self._offers: dict[int, Offer] = {}
        self._phases: dict[int, int] = {}
        self._resting: set[int] = set()
        # Profiles that came with a remote start, and who was let in by it.
        self._awaiting: dict[int, tuple[Authorization, ChargingProfile]] = {}
        self._clock_lead = self._lead()
        self._timer: Timer | None = None
        self._is_sharing = False
        self._must_share_again = False

    @property
    def profiles(self) -> ProfileSet:
        """What is installed."""
        return self._profiles

    # Life.

    def wake_up(self) -> None:
        """After a start of the station: no transaction runs any more, so no TxProfile stays."""
        for number in range(1, self._limits.number_of_connectors + 1):
            if number not in self._since:
                self._let_go(self._profiles.end_transaction(number))
        self.clock_changed()

    def clock_changed(self) -> None:
        """Look again at what the clock says now: it was set, or time has passed unwatched.

        A running transaction has lasted as long as before.
        """
        lead = self._lead()
        jump, self._clock_lead = lead - self._clock_lead, lead
        self._since = {number: since + jump for number, since in self._since.items()}
        self._share()

    def stop(self) -> None:
        """Wait for nothing any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the CSMS asks.

    def set_charging_profile(self, request: SetChargingProfileRequest) -> Answer:
        """§5.16: the profile is on disk and obeyed before it is accepted; a refusal changes nothing."""
        profile, connector_id = request.cs_charging_profiles, request.connector_id
        now = self._now()
        self._let_go(self._profiles.remove_expired(now))
        refusal = check_installable(profile, connector_id, self._limits, self._profiles, self._running(connector_id))
        if refusal is not None:
            self._log_refusal(profile, connector_id, refusal)
            if isinstance(refusal.answer, ErrorCode):
                raise _REFUSALS[refusal.answer](str(refusal))
            return Answer(SetChargingProfileResponse(status=refusal.answer))
        self._install(profile, connector_id, now)
        self._share()
        return Answer(SetChargingProfileResponse(status=ChargingProfileStatus.ACCEPTED))

    def clear_charging_profile(self, request: ClearChargingProfileRequest) -> Answer:
        """§5.5, errata v4.0 §3.25: what is gone is gone from the disk, and obeyed no more."""
        removed = self._profiles.matching(request)
        self._forget(removed)
        self._profiles.clear(request)
        if removed:
            self._share()
        status = ClearChargingProfileStatus.ACCEPTED if removed else ClearChargingProfileStatus.UNKNOWN
        return Answer(ClearChargingProfileResponse(status=status))

    def get_composite_schedule(self, request: GetCompositeScheduleRequest) -> Answer:
        """§5.7: what the profiles will leave from now on, shared as it would be among those that charge now."""
        return Answer(
            answer_get_composite_schedule(
                request,
                self._profiles,
                self._supply,
                self._limits,
                self._now(),
                self._since,
                sharing=self._shares,
            )
        )

    # Remote starts (§5.11).

    def refuses_start(self, profile: ChargingProfile, connector_id: int) -> bool:
        """Whether the profile of a RemoteStartTransaction cannot be used; says why in the log."""
        refusal = check_for_start(profile, connector_id, self._limits, self._profiles)
        if refusal is not None:
            self._log_refusal(profile, connector_id, refusal)
        return refusal is not None

    def await_start(self, profile: ChargingProfile, connector_id: int, authorization: Authorization) -> None:
        """Install the profile when the transaction of this very authorization begins, and for no other."""
        self._awaiting[connector_id] = (authorization, profile)

    # What happens at connectors.

    def transaction_begins(self, connector_id: int, authorization: Authorization) -> None:
        """Inside the commit that opens it, before its vehicle is offered anything."""
        now = self._now()
        awaiting, since = self._awaiting.copy(), self._since.copy()
        self._context.store.if_taken_back(lambda: self._begun_in_vain(since, awaiting))
        self._since[connector_id] = now
        who, profile = self._awaiting.pop(connector_id, (None, None))
        if who is authorization and profile is not None and not self.refuses_start(profile, connector_id):
            self._install(profile, connector_id, now)
        self._share()

    def transaction_changed(self, connector_id: int) -> None:
        """It has begun, or it has ended: then its TxProfiles go with it (§3.13.1)."""
        if self._connectors[connector_id - 1].transaction_key is not None:
            return
        self._since.pop(connector_id, None)
        self._offers.pop(connector_id, None)
        self._phases.pop(connector_id, None)
        self._resting.discard(connector_id)
        self._let_go(self._profiles.end_transaction(connector_id))
        self._share()

    def status_changed(self, connector_id: int) -> None:
        """The vehicle may have come to rest, or want energy again."""
        if connector_id in self._since and self._note_resting():
            self._share()

    # Inside.

    def _read_back(self) -> list[InstalledProfile]:
        found = []
        for name, text in self._records.items():
            try:
                found.append(InstalledProfile.decoded(text))
            except (*DECODE_FAILURES, ValueError) as error:
                self._context.log.error(
                    "a kept charging profile cannot be read and is not obeyed; send it again",
                    charging_profile_id=name,
                    error=str(error),
                )
        return found

    def _install(self, profile: ChargingProfile, connector_id: int, now: int) -> None:
        """On disk first, and in memory no longer than there."""
        installed = InstalledProfile(profile, connector_id, now)
        with self._context.store.atomically():
            self._forget(self._profiles.replaced_by(profile, connector_id))
            self._records.put(str(installed.profile_id), installed.encoded())
        before = list(self._profiles)
        self._profiles.install(profile, connector_id, now)
        self._context.store.if_taken_back(lambda: self._put_back(before))

    def _put_back(self, profiles: list[InstalledProfile]) -> None:
        self._profiles = ProfileSet(installed=profiles)

    def _begun_in_vain(self, since: dict[int, int], awaiting: dict[int, tuple[Authorization, ChargingProfile]]) -> None:
        self._since, self._awaiting = since, awaiting

    def _let_go(self, removed: Sequence[InstalledProfile]) -> None:
        """Forget what is over; one that cannot be removed from the disk now counts no more after a start, either."""
        try:
            self._forget(removed)
        except StationStoreError as error:
            ids = [profile.profile_id for profile in removed]
            self._context.log.warning("charging profiles stay on disk", charging_profile_ids=ids, reason=str(error))

    def _forget(self, removed: Sequence[InstalledProfile]) -> None:
        if not removed:
            return
        with self._context.store.atomically():
            for profile in removed:
                self._records.remove(str(profile.profile_id))

    def _running(self, connector_id: int) -> RunningTransaction | None:
        if connector_id not in self._since:
            return None
        return RunningTransaction(self._transaction_id(self._connectors[connector_id - 1].transaction_key))

    def _log_refusal(self, profile: ChargingProfile, connector_id: int, refusal: Refusal) -> None:
        self._context.log.warning(
            "a charging profile is refused",
            connector=connector_id,
            charging_profile_id=profile.charging_profile_id,
            purpose=profile.charging_profile_purpose.value,
            reason=str(refusal),
        )

    def _now(self) -> int:
        return self._context.clock.now_microseconds()

    def _lead(self) -> int:
        """How far the time of day is ahead of monotonic time, in whole seconds as microseconds."""
        return round(self._now() / SECOND - self._context.clock.monotonic()) * SECOND

    def _share(self) -> None:
        """Offer each vehicle what may be offered now, and wait for the next change.

        What is offered may make vehicles rest or begin, which is found out here and not by calling this again.
        """
        self._must_share_again = True
        if self._is_sharing:
            return
        self._is_sharing = True
        now = self._now()
        try:
            self._let_go(self._profiles.remove_expired(now))
            # A vehicle can change its mind once or twice over one offer; more would be a fault of its own.
            for _ in range(2 + 2 * len(self._since)):
                if not self._must_share_again:
                    break
                self._must_share_again = False
                self._offer(now)
                if self._note_resting():
                    self._must_share_again = True
        finally:
            self._is_sharing = False
            self._wait_for_change(now)

    def _offer(self, now: int) -> None:
        claims = [
            self._claim(number, self._profiles.limit_at(number, now, since)) for number, since in self._since.items()
        ]
        offers = shared(self._profiles.limit_at(0, now), claims)
        # What is less comes first, so that all of it together is at no moment too much.
        for number, offer in sorted(
            offers.items(), key=lambda item: _rise(item[1], self._offers.get(item[0], NO_OFFER))
        ):
            self._offers[number] = offer
            if not offer.is_nothing:
                self._phases[number] = offer.phases
            self._connectors[number - 1].limit(offer)

    def _shares(self, maximum: Limit, limits: Mapping[int, Limit]) -> Mapping[int, Limit]:
        return shares(maximum, [self._claim(number, limit) for number, limit in limits.items()])

    def _claim(self, number: int, limit: Limit) -> Claim:
        return Claim(
            number=number,
            outlet=self._context.product.outlets[number - 1],
            supply=self._supply.connectors[number - 1],
            limit=limit,
            phases=self._phases.get(number),
            switches_phases=self._switches_phases,
            is_resting=number in self._resting,
        )

    def _note_resting(self) -> bool:
        """Look which vehicles take nothing of their own accord; returns whether that has changed.

        One that is offered nothing cannot show it, and stays what it was.
        """
        before = set(self._resting)
        for number in self._since:
            connector = self._connectors[number - 1]
            offer = self._offers.get(number)
            if connector.transaction_key is None or offer is None or offer.is_nothing:
                continue
            if connector.status in _RESTING:
                self._resting.add(number)
            elif connector.status is ChargePointStatus.CHARGING:
                self._resting.discard(number)
        return self._resting != before

    def _wait_for_change(self, now: int) -> None:
        self.stop()
        changes = [profile.timing.valid_to for profile in self._profiles]
        if self._since:
            changes.append(self._profiles.next_change(0, now))
            changes += [self._profiles.next_change(number, now, since) for number, since in self._since.items()]
        coming = [change for change in changes if change is not None]
        if coming:
            self._timer = self._context.call_later(max(0, min(coming) - self._now()) / SECOND, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        self._share()


class LimitedLog:
    """A transaction log that tells of each begin, inside its commit, before the vehicle is offered anything."""

    def __init__(self, log: TransactionLog, begins: Callable[[int, Authorization], None]) -> None:
        self._log = log
        self._begins = begins

    def start(
        self,
        connector_id: int,
        authorization: Authorization,
        reading: MeterReading,
        reservation_id: int | None = None,
    ) -> int:
        """Open a transaction."""
        key = self._log.start(connector_id, authorization, reading, reservation_id)
        self._begins(connector_id, authorization)
        return key

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        """Close it."""
        self._log.stop(key, reason, id_tag, reading)


def _rise(offer: Offer, before: Offer) -> int:
    """In how many ways it is more than before."""
    return (offer.power_w > before.power_w) + (offer.current_a > before.current_a)
