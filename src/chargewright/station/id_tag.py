"""What an id tag may be (§7.28): whatever else a reader, a person or a file brings is refused before it is anywhere.

Once in the queue it would be somebody's bill that no message can carry.
"""

import re
from typing import Annotated, Final

import msgspec

__all__ = ["ID_TAG_EXPECTED", "IdTag", "is_id_tag"]

ID_TAG_EXPECTED: Final = "1 to 20 printable ASCII characters"
# Not `$`, which would let a line end pass; JSON schemas know this way to say it as well.
_PATTERN: Final = r"^[ -~]{1,20}(?![\s\S])"

IdTag = Annotated[str, msgspec.Meta(pattern=_PATTERN, description=f"Id tag: {ID_TAG_EXPECTED} (§7.28).")]


def is_id_tag(text: str) -> bool:
    """Whether that can be an id tag."""
    return re.match(_PATTERN, text) is not None
