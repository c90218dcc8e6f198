"""The OpenAPI document of the control API of virtual stations: `python -m tools.station_openapi --write`, or without it
to see whether `docs/reference/station-openapi.json` differs."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

__all__ = ["DOCUMENT", "document", "main", "text_of"]

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "reference" / "station-openapi.json"


def document() -> dict[str, Any]:
    """What the code makes."""
    from chargewright.station.control import Control

    made: dict[str, Any] = Control({}, "no token").api.openapi()
    return made


def text_of(value: Mapping[str, Any]) -> str:
    """As the file has it: the same for the same document."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or compare; 1 where it differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.station_openapi", description="The control API's document.")
    parser.add_argument("--write", action="store_true", help="write the document instead of comparing it")
    options = parser.parse_args()
    made = text_of(document())
    if options.write:
        DOCUMENT.write_text(made)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != made:
        Console().print(
            f"{DOCUMENT.relative_to(ROOT)} differs from the code: run python -m tools.station_openapi --write"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
