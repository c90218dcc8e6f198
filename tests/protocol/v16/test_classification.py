"""Every way in which decoding fails, and the error code of each."""

import msgspec
import pytest

from chargewright.protocol.v16 import core, datatypes, security
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.classification import classify
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode
from chargewright.protocol.v16.error_codes import ErrorCode

FORMATION = ErrorCode.FORMATION_VIOLATION
OCCURENCE = ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION
PROPERTY = ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
TYPE = ErrorCode.TYPE_CONSTRAINT_VIOLATION

START, BOOT, STATUS = core.StartTransactionRequest, core.BootNotificationResponse, core.StatusNotificationRequest
START_FIELDS = b'"connectorId":1,"idTag":"a","meterStart":0'


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        # Not JSON
        (core.HeartbeatRequest, b"", FORMATION),
        (core.HeartbeatRequest, b"{", FORMATION),
        (core.HeartbeatRequest, b"{}x", FORMATION),
        (core.HeartbeatRequest, b"{'a':1}", FORMATION),
        (core.AuthorizeRequest, b'{"idTag":"\xff"}', FORMATION),
        (core.AuthorizeRequest, b'{"idTag":"\n"}', FORMATION),
        (core.AuthorizeRequest, b'{"idTag":' + b"[" * 100_000, TYPE),  # a list is no text, however deep
        (core.HeartbeatRequest, b'{"a":' + b"[" * 100_000, FORMATION),
        # Not an object
        (core.HeartbeatRequest, b"[]", FORMATION),
        (core.HeartbeatRequest, b'""', FORMATION),
        (core.HeartbeatRequest, b"1", FORMATION),
        (core.HeartbeatRequest, b"null", FORMATION),
        # Unknown field, at any depth
        (core.HeartbeatRequest, b'{"a":1}', FORMATION),
        (core.AuthorizeResponse, b'{"idTagInfo":{"status":"Accepted","a":1}}', FORMATION),
        # Required missing, at any depth
        (core.AuthorizeRequest, b"{}", OCCURENCE),
        (core.AuthorizeResponse, b'{"idTagInfo":{}}', OCCURENCE),
        (
            security.GetInstalledCertificateIdsResponse,
            b'{"status":"NotFound","certificateHashData":[]}',
            OCCURENCE,
        ),
        # Wrong JSON type
        (core.AuthorizeRequest, b'{"idTag":1}', TYPE),
        (core.AuthorizeRequest, b'{"idTag":null}', TYPE),
        (core.AuthorizeResponse, b'{"idTagInfo":[]}', TYPE),
        (core.AuthorizeResponse, b'{"idTagInfo":null}', TYPE),
        (core.MeterValuesRequest, b'{"connectorId":1,"meterValue":{}}', TYPE),
        (core.MeterValuesRequest, b'{"connectorId":"1","meterValue":[]}', TYPE),
        (core.MeterValuesRequest, b'{"connectorId":true,"meterValue":[]}', TYPE),
        (core.MeterValuesRequest, b'{"connectorId":1.0,"meterValue":[]}', TYPE),
        (core.MeterValuesRequest, b'{"connectorId":1.5,"meterValue":[]}', TYPE),
        (datatypes.KeyValue, b'{"key":"a","readonly":"true"}', TYPE),
        (core.ResetRequest, b'{"type":1}', TYPE),
        (START, b"{" + START_FIELDS + b',"timestamp":1}', TYPE),
        (START, b"{" + START_FIELDS + b',"timestamp":null}', TYPE),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":"16"}', TYPE),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":true}', TYPE),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":[]}', TYPE),
        # Right type, wrong value
        (core.ResetRequest, b'{"type":"hard"}', PROPERTY),
        (core.ResetRequest, b'{"type":""}', PROPERTY),
        (core.ResetRequest, b'{"type":"Object missing required field `type`"}', PROPERTY),
        (core.ResetRequest, b'{"type":"Expected `object`, got `array`"}', PROPERTY),
        (core.AuthorizeRequest, b'{"idTag":"123456789012345678901"}', PROPERTY),
        (core.AuthorizeRequest, b'{"idTag":"\\u0000"}', PROPERTY),
        (core.AuthorizeRequest, b'{"idTag":"\\n"}', PROPERTY),
        (core.ClearCacheRequest, b'{"idTag":"\\n"}', FORMATION),
        (core.RemoteStopTransactionRequest, b'{"transactionId":9223372036854775808}', PROPERTY),
        (core.RemoteStopTransactionRequest, b'{"transactionId":-9223372036854775809}', PROPERTY),
        (core.RemoteStopTransactionRequest, b'{"transactionId":' + b"9" * 30 + b"}", PROPERTY),
        (core.RemoteStopTransactionRequest, b'{"transactionId":' + b"9" * 5000 + b"}", PROPERTY),
        (core.RemoteStopTransactionRequest, b'{"transactionId":1e400}', PROPERTY),
        (START, b"{" + START_FIELDS + b',"timestamp":"soon"}', PROPERTY),
        (START, b"{" + START_FIELDS + b',"timestamp":"0001-01-01T00:00:00+01:00"}', PROPERTY),
        (STATUS, b'{"connectorId":1,"status":"Occupied","errorCode":"NoError"}', PROPERTY),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":16.05}', PROPERTY),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":1e10}', PROPERTY),
        (datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":1e99999999999999999999}', PROPERTY),
    ],
)
def test_kind_of_failure_and_code(kind: type[Message], payload: bytes, code: ErrorCode) -> None:
    with pytest.raises(DECODE_FAILURES) as caught:
        decode(kind, payload)
    assert classify(caught.value) is code, repr(caught.value)


def test_a_failure_without_sentence_is_classified_by_its_type() -> None:
    assert classify(OverflowError()) is PROPERTY
    assert classify(RecursionError()) is FORMATION
    assert classify(msgspec.ValidationError("a sentence of a later version")) is ErrorCode.GENERIC_ERROR
