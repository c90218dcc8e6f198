"""The frame structs are arrays of exactly the elements of OCPP-J 4.2."""

import msgspec
import pytest
from msgspec import Raw

from chargewright.rpc.frames import CALL_ID_LENGTH, Call, CallError, CallResult, Frame

DECODER = msgspec.json.Decoder(Frame)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (b'[2,"19","Heartbeat",{}]', Call("19", "Heartbeat", Raw(b"{}"))),
        (b'[3,"19",{"a":1}]', CallResult("19", Raw(b'{"a":1}'))),
        (b'[4,"19","GenericError","no",{}]', CallError("19", "GenericError", "no", Raw(b"{}"))),
        (b'[4,"19","GenericError","no"]', CallError("19", "GenericError", "no", Raw(b"{}"))),
    ],
)
def test_frames_decode_by_their_number(text: bytes, frame: Frame) -> None:
    decoded = DECODER.decode(text)
    assert type(decoded) is type(frame)
    assert [bytes(item) if isinstance(item, Raw) else item for item in msgspec.structs.astuple(decoded)] == [
        bytes(item) if isinstance(item, Raw) else item for item in msgspec.structs.astuple(frame)
    ]


@pytest.mark.parametrize(
    "text",
    [
        b'[2,"19","Heartbeat",{},0]',
        b'[2,"19","Heartbeat"]',
        b'[3,"19",{},0]',
        b'[3,"19"]',
        b'[4,"19","GenericError","no",{},0]',
        b'[4,"19","GenericError"]',
        b'[5,"19","Heartbeat",{}]',
        b'[2,"","Heartbeat",{}]',
        b'[2,"' + b"x" * (CALL_ID_LENGTH + 1) + b'","Heartbeat",{}]',
        b'[2,19,"Heartbeat",{}]',
    ],
)
def test_one_element_too_many_or_too_few_is_no_frame(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        DECODER.decode(text)


def test_a_uuid_fits_exactly() -> None:
    call_id = "123e4567-e89b-12d3-a456-426614174000"
    assert len(call_id) == CALL_ID_LENGTH
    assert DECODER.decode(f'[2,"{call_id}","Heartbeat",{{}}]'.encode()).call_id == call_id
