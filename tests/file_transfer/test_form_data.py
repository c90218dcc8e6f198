"""Forms, in any pieces."""

import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.file_transfer.form_data import FormFile, MalformedForm

HEADER = "multipart/form-data; boundary=xYz"
FORM = (
    b'--xYz\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="a b.log"\r\nContent-Type: x/y\r\n\r\n'
    b"one\r\n--xY\r\ntwo\r\n"
    b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="second"\r\n\r\nignored\r\n--xYz--\r\n'
)


async def pieces(content: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    edges = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    for begin, end in itertools.pairwise(edges):
        yield content[begin:end]


async def read(content: bytes, cuts: list[int]) -> tuple[str, bytes]:
    form = FormFile(HEADER)
    stream = form.content(pieces(content, cuts))
    name = await form.file_name(stream)
    return name, b"".join([piece async for piece in stream])


@given(cuts=st.lists(st.integers(1, len(FORM) - 1), max_size=30))
async def test_the_first_file_comes_out_however_the_form_is_cut(cuts: list[int]) -> None:
    assert await read(FORM, cuts) == ("a b.log", b"one\r\n--xY\r\ntwo")


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"no form at all",
        FORM[:120],
        FORM[: FORM.index(b"two")],
        b'--xYz\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--xYz--\r\n',
        b"--xYz\r\nX: " + b"y" * 9000 + b"\r\n\r\nhello\r\n--xYz--\r\n",
    ],
)
async def test_what_has_no_whole_file_is_refused(form: bytes) -> None:
    with pytest.raises(MalformedForm):
        await read(form, [])


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 71])
def test_a_boundary_is_needed(header: str) -> None:
    with pytest.raises(MalformedForm):
        FormFile(header)
