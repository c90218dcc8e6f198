"""What a transaction carries to its end: the samples of `StopTransaction.transactionData`, thinned out when too many.

Two bounds hold: the number that StopTransactionMaxMeterValues names, and `MAX_BYTES` for all together. A product may
claim a number that no message could carry; then the bytes decide.
"""

from collections import defaultdict
from datetime import datetime
from typing import Final

import msgspec

from chargewright.protocol.v16.coding import decode, encode
from chargewright.protocol.v16.datatypes import MeterValue
from chargewright.station.context import Context

__all__ = ["MAX_BYTES", "TransactionData"]

# A StopTransaction stays below 1 MiB; the margin is for the end values and for everything but the samples.
MAX_BYTES: Final = 1_048_576
MARGIN_BYTES: Final = 32_768
# Bytes are made room for in one go, so that not every sample of a long transaction looks at all the others.
KEPT_SHARE: Final = 0.7


class _Value(msgspec.Struct):
    context: str = "Sample.Periodic"


class _Stamp(msgspec.Struct, rename={"values": "sampledValue"}):
    """As much of a kept MeterValue as thinning out needs."""

    timestamp: str
    values: tuple[_Value, ...]


_STAMP: Final = msgspec.json.Decoder(_Stamp)


class _Size(msgspec.Struct):
    number: int = 0
    octets: int = 0


class TransactionData:
    """The samples of all running transactions, in the station's store."""

    def __init__(self, context: Context, max_bytes: int = MAX_BYTES) -> None:
        self._context = context
        self._store = context.store
        self._max_bytes = max_bytes - MARGIN_BYTES
        self._sizes: dict[int, _Size] = {}

    def keep(self, key: int, meter_value: MeterValue | None) -> None:
        """Add a sample of transaction `key`; what gets too much is thinned out at the next `keep_or_thin`."""
        if meter_value is not None:
            payload = encode(meter_value)
            size = self._size(key)
            self._store.add_sample(key, payload)
            size.number += 1
            size.octets += len(payload) + 1

    def keep_or_thin(self, key: int, meter_value: MeterValue | None) -> None:
        """Add a sample taken in between, and drop others where there are too many (errata v4.0 §3.89).

        The first and the last are never dropped, and what is left is spread evenly.
        """
        self.keep(key, meter_value)
        size = self._size(key)
        # One place is kept for the end values.
        if size.number >= self._context.configuration.integer("StopTransactionMaxMeterValues"):
            self._drop_least_missed(key)
        if size.octets > self._max_bytes:
            self._make_room(key, round(size.number * KEPT_SHARE * self._max_bytes / size.octets))

    def take(self, key: int) -> list[MeterValue]:
        """All samples of a transaction that has ended, oldest first."""
        self._sizes.pop(key, None)
        return [decode(MeterValue, payload) for _, payload in self._store.samples(key)]

    def _size(self, key: int) -> _Size:
        if key not in self._sizes:
            payloads = [payload for _, payload in self._store.samples(key)]
            self._sizes[key] = _Size(len(payloads), sum(len(payload) + 1 for payload in payloads))
        return self._sizes[key]

    def _drop_least_missed(self, key: int) -> None:
        """Drop the one with the nearest neighbours."""
        samples = self._store.samples(key)
        if len(samples) < 3:
            return
        moments = [datetime.fromisoformat(_STAMP.decode(payload).timestamp) for _, payload in samples]
        least_missed = min(range(1, len(samples) - 1), key=lambda index: moments[index + 1] - moments[index - 1])
        self._drop(key, samples[least_missed])

    def _make_room(self, key: int, number: int) -> None:
        """Keep about `number` samples: of each context those that are far enough apart."""
        samples = self._store.samples(key)
        by_context: dict[str, list[tuple[datetime, tuple[int, bytes]]]] = defaultdict(list)
        for sample in samples[1:-1]:
            stamp = _STAMP.decode(sample[1])
            by_context[stamp.values[0].context].append((datetime.fromisoformat(stamp.timestamp), sample))
        for group in by_context.values():
            share = max(1, number * len(group) // len(samples))
            step = (group[-1][0] - group[0][0]) / share
            due = group[0][0]
            for moment, sample in group:
                if moment < due:
                    self._drop(key, sample)
                else:
                    # From where it should have been, so that the gaps do not add up.
                    due = max(due + step, moment + step / 2)
        size = self._size(key)
        if size.octets > self._max_bytes:
            # Their times do not tell them apart, as when a clock was set back and forth.
            for sample in self._store.samples(key)[1:-1:2]:
                self._drop(key, sample)
        self._context.log.info("thinned out transaction data", key=key, samples=size.number, octets=size.octets)

    def _drop(self, key: int, sample: tuple[int, bytes]) -> None:
        self._store.remove_sample(sample[0])
        size = self._size(key)
        size.number -= 1
        size.octets -= len(sample[1]) + 1
