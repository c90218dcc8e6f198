"""Seeded frames of every kind of wrong, and what OCPP-J owes to each: judged by `json` alone, not by our own codec."""

import copy
import json
import random
from typing import Any

__all__ = ["Fuzzer", "legal_call_id"]

TIME = "2026-01-01T00:00:00Z"
STATION_CALLS: dict[str, Any] = {
    "Authorize": {"idTag": "TAG"},
    "BootNotification": {"chargePointVendor": "V", "chargePointModel": "M"},
    "DataTransfer": {"vendorId": "v", "messageId": "m", "data": "d"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle", "requestId": 1},
    "MeterValues": {
        "connectorId": 1,
        "transactionId": 1,
        "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": "1", "unit": "Wh", "context": "Trigger"}]}],
    },
    "SecurityEventNotification": {"type": "StartupOfTheDevice", "timestamp": TIME},
    "SignCertificate": {"csr": "x"},
    "SignedFirmwareStatusNotification": {"status": "Idle", "requestId": 1},
    "StartTransaction": {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": TIME},
    "StatusNotification": {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": TIME},
    "StopTransaction": {"transactionId": 1, "meterStop": 1, "timestamp": TIME, "idTag": "TAG", "transactionData": []},
}
# Of the CSMS, of other versions, and of nobody.
OTHER_ACTIONS = ("Reset", "RemoteStartTransaction", "TransactionEvent", "NotifyEvent", "heartbeat", "Nonsense", "")
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**40,
    0.5,
    -0.0,
    1e308,
    "",
    "null",
    " ",
    "x" * 21,
    "x" * 300,
    "é漢😀",
    "a\u0000b",
    "a\u0007b",
    "\ud800",
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59.999999+23:59",
    "0001-01-01T00:00:00Z",
    [],
    [[]],
    [None],
    {},
    {"a": {"b": [1]}},
)
NOISE = (
    "",
    " ",
    "\n",
    "\t",
    "\u0000",
    "]",
    "[",
    "{",
    "}",
    '"',
    ",",
    ":",
    "\\",
    "nan",
    "Infinity",
    "1e999",
    "\ufeff",
    "é",
)


def legal_call_id(message: str) -> str | None:
    """The id of what parses as a CALL with a legal id, else None."""
    try:
        frame = json.loads(message, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, list) or len(frame) != 4 or type(frame[0]) is not int or frame[0] != 2:
        return None
    call_id, action, payload = frame[1:]
    if not isinstance(call_id, str) or not 1 <= len(call_id) <= 36 or not isinstance(action, str):
        return None
    return call_id if isinstance(payload, dict) else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Fuzzer:
    """An endless supply of messages; ids are unique, unless they are spoilt."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._count = 0

    def message(self) -> str:
        """One text message, encodable as UTF-8."""
        dice = self._dice
        self._count += 1
        call_id = f"f{self._count}"
        action = dice.choice(list(STATION_CALLS)) if dice.random() < 0.8 else dice.choice(OTHER_ACTIONS)
        payload: Any = json.loads(json.dumps(STATION_CALLS.get(action, {})))
        for _ in range(dice.choice((0, 1, 1, 2, 4))):
            payload = self._spoil_value(payload)
        frame: Any = [2, call_id, action, payload]
        if dice.random() < 0.15:
            frame = self._spoil_frame(frame)
        # Escaped: surrogates and NUL travel as JSON's own escapes; else as they are.
        text = json.dumps(frame, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, None, 1)))
        if dice.random() < 0.15:
            text = self._spoil_text(text)
        return text.encode("utf-8", "replace").decode()

    def _spoil_value(self, value: Any) -> Any:
        """Change, drop, double or deepen something somewhere in it."""
        dice = self._dice
        if isinstance(value, dict) and value and dice.random() < 0.9:
            key = dice.choice(list(value))
            how = dice.randrange(6)
            if how == 0:
                del value[key]
            elif how == 1:
                value[key.swapcase()] = value.pop(key)
            elif how == 2:
                value[dice.choice(("vendorField", "", "x" * 60, "é"))] = self._odd()
            else:
                value[key] = self._spoil_value(value[key])
            return value
        if isinstance(value, list) and value and dice.random() < 0.8:
            place = dice.randrange(len(value))
            value[place] = self._spoil_value(value[place])
            return value + [self._odd() for _ in range(dice.choice((0, 0, 0, 3)))]
        if dice.random() < 0.05:
            deep: Any = value
            for _ in range(dice.choice((3, 30, 150))):
                deep = [deep]
            return deep
        return self._odd()

    def _odd(self) -> Any:
        return copy.deepcopy(self._dice.choice(ODD_VALUES))

    def _spoil_frame(self, frame: list[Any]) -> Any:
        dice = self._dice
        how = dice.randrange(8)
        if how == 0:
            frame[0] = dice.choice((0, 1, 3, 4, 5, "2", 2.0, None))
        elif how == 1:
            frame[1] = dice.choice(("", "y" * 37, "y" * 5000, None, 17, 1.5, True, [], {}))
        elif how == 2:
            frame[2] = self._odd()
        elif how == 3:
            frame[3] = self._odd()
        elif how == 4:
            frame.append({})
        elif how == 5:
            del frame[dice.randrange(len(frame))]
        elif how == 6:
            return [frame]
        else:
            return {"frame": frame}
        return frame

    def _spoil_text(self, text: str) -> str:
        dice = self._dice
        place = dice.randrange(len(text) + 1)
        how = dice.randrange(4)
        if how == 0:
            return text[:place]
        if how == 1:
            return text[:place] + dice.choice(NOISE) + text[place:]
        if how == 2:
            return text[:place] + text[place + dice.randrange(1, 4) :]
        return text + text[:place]
