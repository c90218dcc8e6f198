"""Frames become messages, or the right close code."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.transport.errors import FrameRefused
from chargewright.transport.messages import BINARY, CONTINUATION, TEXT, MessageAssembler, checked_text

Step = tuple[int, bytes, bool]


def run(assembler: MessageAssembler, steps: list[Step]) -> list[bytes]:
    results = [
        assembler.receive_frame(opcode, payload, is_final=is_final, has_reserved_bits=False)
        for opcode, payload, is_final in steps
    ]
    return [message for message in results if message is not None]


def test_one_frame_is_handed_on_without_a_copy() -> None:
    payload = '[2,"1","Heartbeat",{}] ä'.encode()
    assert MessageAssembler(100, 4).receive_frame(TEXT, payload, is_final=True, has_reserved_bits=False) is payload
    assert checked_text(payload) is payload


@given(text=st.text(max_size=200), cuts=st.lists(st.integers(0, 800), max_size=8))
def test_any_cut_gives_the_message_back(text: str, cuts: list[int]) -> None:
    message = text.encode()
    places = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    parts = [message[a:b] for a, b in itertools.pairwise(places)]
    steps = [(TEXT if index == 0 else CONTINUATION, part, index == len(parts) - 1) for index, part in enumerate(parts)]
    assembler = MessageAssembler(10_000, 100)
    assert run(assembler, steps) == [message]
    assert assembler.is_idle
    assert run(assembler, [(TEXT, b"next", True)]) == [b"next"]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([(CONTINUATION, b"x", True)], 1002),
        ([(CONTINUATION, b"x", False)], 1002),
        ([(TEXT, b"x", True), (CONTINUATION, b"x", True)], 1002),
        ([(TEXT, b"x", False), (TEXT, b"y", True)], 1002),
        ([(TEXT, b"x", False), (BINARY, b"y", True)], 1002),
        ([(3, b"x", True)], 1002),
        ([(BINARY, b"x", True)], 1003),
        ([(BINARY, b"x", False)], 1003),
        ([(TEXT, b"\xff", True)], 1007),
        ([(TEXT, b"\xed\xa0\x80", True)], 1007),  # a surrogate
        ([(TEXT, b"\xc0\x80", True)], 1007),  # overlong
        ([(TEXT, b"a\xc3", False), (CONTINUATION, b"a", True)], 1007),
        ([(TEXT, b"a\xc3", False), (CONTINUATION, b"", True)], 1007),
        ([(TEXT, b"x" * 11, True)], 1009),
        ([(TEXT, b"x" * 6, False), (CONTINUATION, b"x" * 5, False)], 1009),
        ([(TEXT, b"", False), *[(CONTINUATION, b"", False)] * 3], 1009),
        ([(TEXT, b"", False), *[(CONTINUATION, b"", False)] * 2, (CONTINUATION, b"", True)], 1009),
    ],
)
def test_what_is_forbidden_has_its_close_code(steps: list[Step], code: int) -> None:
    assembler = MessageAssembler(10, 3)
    run(assembler, steps[:-1])
    with pytest.raises(FrameRefused) as caught:
        run(assembler, steps[-1:])
    assert caught.value.code == code


@pytest.mark.parametrize(
    "steps", [[(TEXT, b"x" * 10, True)], [(TEXT, b"", False), (CONTINUATION, b"", False), (CONTINUATION, b"", True)]]
)
def test_the_bounds_themselves_are_allowed(steps: list[Step]) -> None:
    assert len(run(MessageAssembler(10, 3), steps)) == 1


@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION])
def test_reserved_bits_need_an_extension(opcode: int) -> None:
    with pytest.raises(FrameRefused) as caught:
        MessageAssembler(10, 3).receive_frame(opcode, b"x", is_final=True, has_reserved_bits=True)
    assert caught.value.code == 1002
