"""Lists in pages, by cursor: the page after the last one that was read, whatever came and went meanwhile."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from fastapi import Depends, Query

from chargewright.csms.api.errors import Problem, wrong
from chargewright.csms.api.models import View
from chargewright.csms.storage.base import Storage
from chargewright.csms.storage.rows.base import Row

__all__ = ["DEFAULT_LIMIT", "LARGEST_LIMIT", "PageAsked", "PageOf", "PageQuery", "cursor_of", "page_of", "read_page"]

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 500
_CURSOR_CHARACTERS: Final = 500
# A cursor's row id is one of ours.
_LARGEST_ID: Final = 2**63 - 1

Item = TypeVar("Item")
Kept = TypeVar("Kept", bound=Row)
Given = TypeVar("Given")
Shown = TypeVar("Shown", bound=View)


class PageOf(View, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None
    """`cursor` of the next page; null when this is the last one."""


class PageAsked(msgspec.Struct, frozen=True):
    """Which page somebody wants."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def after(self, name: str) -> tuple[Any, int] | None:
        """(order value, id) after which the page of the list `name` begins; None for the first one.

        Raises a 422 `Problem` for a cursor that this list did not give.
        """
        if self.cursor is None:
            return None
        try:
            text = self.cursor.encode("ascii")
            value, position, check = msgspec.json.decode(
                base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)), type=tuple[int | str | None, int, str]
            )
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise self.refused() from None
        numbers = [position, value] if isinstance(value, int) else [position]
        if check != _check(name) or any(abs(number) > _LARGEST_ID for number in numbers):
            raise self.refused()
        return value, position

    def refused(self) -> Problem:
        """What is answered to a cursor that its list did not give."""
        expected = "the `next` of a page of this very list"
        return Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"cursor: expected {expected}.",
            errors=[wrong("query", "cursor", self.cursor, expected)],
        )


def page_query(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="How many items a page has at most")] = (
        DEFAULT_LIMIT
    ),
    cursor: Annotated[
        str | None,
        Query(max_length=_CURSOR_CHARACTERS, description="`next` of the page before"),
    ] = None,
) -> PageAsked:
    """What every list takes."""
    return PageAsked(limit, cursor)


PageQuery = Annotated[PageAsked, Depends(page_query)]


async def page_of(
    name: str,
    asked: PageAsked,
    read: Callable[[tuple[Any, int] | None, int], Awaitable[Sequence[Given]]],
    show: Callable[[Given], Shown],
    *,
    order: str = "id",
    is_text: bool = False,
) -> PageOf[Shown]:
    """The page that was asked for of the list `name` (give different orders different names); rows come from
    `read`, which is given (order value, id) of the last row and a limit, in the order of (column `order`, id).
    `is_text` says that this column is a text; else it is a number."""
    after = asked.after(name)
    if after is not None and after[0] is not None and isinstance(after[0], str) is not is_text:
        # Made up: the database would fail over a value of the wrong type.
        raise asked.refused()
    rows = list(await read(after, asked.limit + 1))
    following = None
    if len(rows) > asked.limit:
        rows.pop()
        last: Any = rows[-1]
        following = cursor_of(getattr(last, order), last.id, name)
    return PageOf[Shown].model_construct(items=[show(row) for row in rows], next=following)


async def read_page(
    name: str,
    asked: PageAsked,
    storage: Storage,
    kind: type[Kept],
    where: Mapping[str, Any],
    show: Callable[[Kept], Shown],
    *,
    order: str = "id",
    is_text: bool = False,
    descending: bool = False,
) -> PageOf[Shown]:
    """`page_of` rows of a kind that the storage lists; conditions as in `Storage.page`."""

    async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[Kept]:
        return await storage.page(kind, where, order=order, descending=descending, after=after, limit=limit)

    full_name = f"{name} by {order}{' descending' if descending else ''}"
    return await page_of(full_name, asked, read, show, order=order, is_text=is_text)


def cursor_of(value: Any, row_id: int, name: str) -> str:
    """The `next` of a page of the list `name` that ends with that (order value, id)."""
    content = msgspec.json.encode((value, row_id, _check(name)))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _check(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
