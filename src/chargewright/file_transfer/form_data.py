"""The first file of a form (multipart/form-data, RFC 7578), read as it comes, in bounded memory."""

from collections.abc import AsyncIterator
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from chargewright.errors import ChargewrightError

__all__ = ["FormFile", "MalformedForm"]

_HEADER_BYTES: Final = 8 * 1024


class MalformedForm(ChargewrightError):
    """A form that is none, or has no file in it."""


class FormFile:
    """Takes the body of a request apart: `content` gives the bytes of the file, `file_name` what it is called."""

    def __init__(self, content_type: str) -> None:
        """`content_type` is the header with the boundary; raises `MalformedForm`."""
        boundary = parse_options_header(content_type.encode("latin-1"))[1].get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise MalformedForm("Content-Type names a boundary of 1 to 70 characters")
        self._name: str | None = None
        self._is_whole = False
        self._is_file = False
        self._field = bytearray()
        self._value = bytearray()
        self._pieces: list[bytes] = []
        self._first: bytes | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
            },
        )

    async def content(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of the file. What follows it in the form is read and dropped. Raises `MalformedForm`."""
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise MalformedForm("the body is no form with the boundary that was announced") from error
            if self._name is not None and self._first is None:
                # Now the name is known, which is what `file_name` waits for.
                self._first = b""
                yield b""
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
        if not self._is_whole:
            raise MalformedForm("there is no whole file in the form")

    async def file_name(self, content: AsyncIterator[bytes]) -> str:
        """What the form calls the file; reads `content` as far as that takes. Raises `MalformedForm`."""
        await anext(content, b"")
        if self._name is None:
            raise MalformedForm("there is no file in the form")
        return self._name

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._gather(self._field, data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._gather(self._value, data[start:end])

    def _gather(self, into: bytearray, data: bytes) -> None:
        if len(into) + len(data) > _HEADER_BYTES:
            raise MalformedForm(f"a header in the form has more than {_HEADER_BYTES} bytes")
        into += data

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition" and self._name is None:
            name = parse_options_header(bytes(self._value))[1].get(b"filename")
            if name is not None:
                self._name = name.decode(errors="replace").replace("%22", '"')
                self._is_file = True
        self._field.clear()
        self._value.clear()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])

    def _on_part_end(self) -> None:
        if self._is_file:
            self._is_whole = True
        self._is_file = False
