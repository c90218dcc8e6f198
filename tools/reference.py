"""Reference pages that are drawn from the code: `python -m tools.reference --write`, or without it to see what differs.

Each page is a function without arguments that returns Markdown; a test compares all of them with `docs/reference/`.
"""

import argparse
import enum
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer.main
from rich.console import Console

__all__ = ["PAGES", "STATE_TABLES", "main"]

FOLDER: Final = Path(__file__).parent.parent / "docs" / "reference"
NOTICE: Final = "<!-- Drawn from the code by `make docs`; edit the code instead. -->\n"

# Every state table of the package: module, name of the table, what it moves.
STATE_TABLES: Final = (
    ("chargewright.rpc.state", "TRANSITIONS", "Outgoing CALL of one connection (OCPP-J 4.1.1)"),
    ("chargewright.csms.commands.states", "TRANSITIONS", "Command to a station (§5)"),
    ("chargewright.protocol.v16.connector_status", "TRANSITIONS", "Connector status (§4.9)"),
    ("chargewright.protocol.v16.connector_status", "CONNECTOR_ZERO_TRANSITIONS", "Status of connector 0 (§4.9)"),
    ("chargewright.csms.services.firmware_states", "UNSIGNED_TRANSITIONS", "Firmware update (§4.5, §5.19)"),
    ("chargewright.csms.services.firmware_states", "SIGNED_TRANSITIONS", "Signed firmware update (L01)"),
    ("chargewright.csms.services.diagnostics_states", "DIAGNOSTICS_TRANSITIONS", "Upload of diagnostics (§4.4, §5.9)"),
    ("chargewright.csms.services.diagnostics_states", "LOG_TRANSITIONS", "Upload of a log (N01)"),
    ("chargewright.csms.services.charging_profile_states", "TRANSITIONS", "Charging profile of a station (§3.13)"),
    ("chargewright.csms.services.reservation_states", "TRANSITIONS", "Reservation (§3.11)"),
    ("chargewright.csms.services.local_list_states", "TRANSITIONS", "Local list of a station (§3.5.2)"),
    ("chargewright.station.boot", "TRANSITIONS", "Registration of our station (§4.2)"),
    ("chargewright.station.transaction", "TRANSITIONS", "Transaction of our station (§4.8, §4.10)"),
    ("chargewright.station.reservation", "TRANSITIONS", "Reservation at our station (§5.13)"),
    ("chargewright.station.firmware_stages", "TRANSITIONS", "Firmware update at our station (§5.19, L01)"),
    ("chargewright.station.uploads", "TRANSITIONS", "Upload by our station (§5.9, N01)"),
    ("chargewright.station.energy_path", "TRANSITIONS", "Way of energy through a connector (§4.9)"),
    ("chargewright.station.ev.pilot", "TRANSITIONS", "Control pilot (IEC 61851-1)"),
)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def words(value: Any) -> str:
    """How a value of the code is written on a page."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(words(each) for each in value))
    return "" if value is None else str(value)


def messages() -> str:
    """All actions."""
    from chargewright.protocol.v16.actions import ACTIONS, Role

    def rows() -> Iterator[tuple[str, ...]]:
        for action in sorted(ACTIONS.values(), key=lambda each: (each.feature_profile.value, each.name)):
            sender = " and ".join(role.value for role in Role if role in action.sent_by)
            module = action.request.__module__.rsplit(".", 1)[-1]
            repeatable = "yes" if action.is_repeatable else "no"
            yield f"`{action.name}`", words(action.feature_profile), sender, f"`{module}`", repeatable

    return (
        "# Messages\n\n"
        f"The {len(ACTIONS)} actions of OCPP 1.6 and its security extension. The structs `XxxRequest` and\n"
        "`XxxResponse` are in `chargewright.protocol.v16.<module>`. *Repeatable*: may be sent again when it is\n"
        "unknown whether the first one arrived.\n\n"
        + table(("action", "feature profile", "sent by", "module", "repeatable"), rows())
    )


def configuration_keys() -> str:
    """All standard configuration keys."""
    from chargewright.protocol.v16.configuration_keys import CONFIGURATION_KEYS
    from chargewright.station.keys import KEYS

    def rows() -> Iterator[tuple[str, ...]]:
        for key in CONFIGURATION_KEYS.values():
            fields = {field: words(getattr(key, field)) for field in key.__struct_fields__}
            yield (f"`{fields.pop('name')}`", *fields.values())

    def ours() -> Iterator[tuple[str, ...]]:
        for key in sorted(KEYS, key=lambda each: each.name.casefold()):
            access = "R" if key.check is None else "W" if key.is_write_only else "RW"
            yield f"`{key.name}`", access, "next connection" if key.after_reboot else "", key.effect

    first = next(iter(CONFIGURATION_KEYS.values()))
    head = tuple(field.replace("_", " ") for field in first.__struct_fields__)
    return (
        "# Configuration keys\n\n"
        "The standard keys of OCPP 1.6 edition 2 with errata, OCPP-J and the security extension. Names are compared\n"
        "without regard to letter case. What a station lists depends on its PICS.\n\n"
        + table(head, rows())
        + "\n## Keys of our station\n\n"
        "What our virtual station lists, where its PICS claims what a key belongs to, and what a change of it changes\n"
        "on the wire. Some of those that can be written are fixed for some products. Keys of the maker's own\n"
        "(`[assumed.vendor_keys]`) are kept and told untouched.\n\n"
        + table(("name", "access", "takes effect", "what it changes, or tells"), ours())
    )


def state_machines() -> str:
    """Every state table, as code and tests read it."""
    parts = ["# State machines\n\nEach of these is a table in the code; a test walks its full product.\n"]
    for module, name, title in STATE_TABLES:
        transitions: Mapping[Any, Mapping[Any, Any]] = getattr(importlib.import_module(module), name)
        rows = [
            (words(state), words(cue), words(after))
            for state, moves in transitions.items()
            for cue, after in moves.items()
        ]
        source = module.removeprefix("chargewright.").replace(".", "/")
        # The matrix of §4.9 names a cell for each pair; the other tables name a state for each cue.
        head = ("from", "to", "cell") if module.endswith("connector_status") else ("from", "on", "to")
        parts.append(f"## {title}\n\n`{source}.py`, `{name}`\n\n" + table(head, rows))
    return "\n".join(parts)


def settings() -> str:
    """All settings of the CSMS."""
    from chargewright.csms.config import ENVIRONMENT_PREFIX, Settings

    def rows() -> Iterator[tuple[str, ...]]:
        for name, field in Settings.model_fields.items():
            default = field.default
            shown = "" if default is None or default == "" else f"`{default}`"
            description = " ".join((field.description or "").split())
            yield f"`{name}`", f"`{ENVIRONMENT_PREFIX}{name.upper()}`", shown, description

    return (
        "# Settings of the CSMS\n\n"
        "From a TOML file (`--config`), over it the environment, over that the command line. Times in seconds,\n"
        "sizes in bytes.\n\n" + table(("setting", "environment", "default", "meaning"), rows())
    )


def commands() -> str:
    """Every command with its options."""
    from chargewright.cli.main import app

    parts = ["# Commands\n"]
    root = typer.main.get_command(app)
    for path, command in _walk(("chargewright",), root):
        parts.append(f"## `{' '.join(path)}`\n\n{(command.help or '').strip()}\n")
        rows = [
            (_option(parameter), _argument(parameter), _help(parameter))
            for parameter in command.params
            if parameter.name != "help"
        ]
        if rows and not hasattr(command, "commands"):
            parts.append(table(("option", "argument", "meaning"), rows))
    return "\n".join(parts)


def _walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _walk((*path, name), child)


def _argument(parameter: Any) -> str:
    return parameter.name.upper() if parameter.param_type_name == "argument" else ""


def _option(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return ""
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _help(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split())
    default = parameter.default
    if default is None or callable(default) or default is False or default == "" or str(default).startswith("Sentinel"):
        return text
    return f"{text} (default `{words(default)}`)"


def events() -> str:
    """Every kind of event."""
    from chargewright.csms.services.events import EVENT_KINDS

    rows = [(f"`{kind}`", meaning) for kind, meaning in sorted(EVENT_KINDS.items())]
    return (
        "# Events\n\n"
        "The kinds of the event log, as `GET /api/v1/events` serves them. The body of each is JSON; names are\n"
        "those of the wire.\n\n" + table(("kind", "meaning"), rows)
    )


def rest() -> str:
    """Every route of the REST API."""
    from tools.openapi import document

    parts = [
        "# REST API\n\n"
        "All of it is in [openapi.json](openapi.json), schemas and parameters included: a file, which the server does\n"
        "not serve. Routes under `/api/v1` want\n"
        "`Authorization: Bearer <key>`; names are camelCase, times RFC 3339 in UTC, ids texts without meaning, and a\n"
        "station's id is its identity. Lists have `limit` (100 unless told, 500 at most) and `cursor`, and answer\n"
        '`{"items": […], "next": "…"}`; `next` is the cursor of the next page, `null` on the last. Errors are problem\n'
        "details (RFC 9457) with a sentence in `detail`; those of 422 name each wrong part in `errors`, query\n"
        "parameters that a route does not have among them; a body without `Content-Type: application/json` gets 415.\n"
        "503 has `Retry-After`. How commands end is told in\n"
        "[operate from the command line](../how-to/operate-from-the-command-line.md#send-a-command).\n\n"
        "Inside v1 nothing is removed, required anew or given another type: what has been promised is kept beside the\n"
        "tests, and a test compares (`tools/openapi.py`).\n"
    ]
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            query = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            own = ", ".join(f"`{name}`" for name in query if name not in ("limit", "cursor"))
            about = f"{operation['summary']}. {operation.get('description', '')}".strip()
            row = (f"`{method.upper()}`", f"`{path}`", " ".join(about.split()), own)
            by_tag.setdefault(operation["tags"][0], []).append(row)
    for tag, rows in sorted(by_tag.items()):
        parts.append(f"## {tag}\n\n" + table(("method", "path", "what it does", "query"), rows))
    return "\n".join(parts)


def scenario_files() -> str:
    """What may stand in a scenario file."""
    import msgspec

    from chargewright.station.deeds import DEEDS, summary
    from chargewright.station.scenario import Condition, StationPlan

    def rows(kind: Any) -> Iterator[tuple[str, ...]]:
        properties = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
        for field in msgspec.structs.fields(kind):
            told = properties[field.encode_name]
            described = next(
                (each["description"] for each in (told, *told.get("anyOf", ())) if "description" in each), ""
            )
            if not described:
                described = str(getattr(field.type, "__metadata__", (None,))[0].description)
            default = "needed" if field.required else "" if field.default in (None, "") else f"`{field.default}`"
            yield f"`{field.encode_name}`", default, described

    head = ("field", "default", "meaning")
    parts = [
        "# Scenario files\n\nTOML with `description`, `seed`, any number of `[[station]]` and at least one `[[step]]`. "
        "A step has `station` (where there are several)\nand either `do` with fields of what is done, or `wait_for` "
        "and `within_seconds` (60 unless told).\n\nWhat can be done is the same in `chargewright station do` and the "
        "[control API](station-openapi.json).\n",
        "## `[[station]]`\n\n" + table(head, rows(StationPlan)),
        "## `wait_for`\n\n" + table(head, rows(Condition)),
    ]
    for word, kind in DEEDS.items():
        parts.append(
            f"## `{word}`\n\n{summary(kind)}\n" + (f"\n{table(head, rows(kind))}" if kind.__struct_fields__ else "")
        )
    return "\n".join(parts)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands,
    "configuration-keys.md": configuration_keys,
    "events.md": events,
    "messages.md": messages,
    "rest.md": rest,
    "scenario-files.md": scenario_files,
    "settings.md": settings,
    "state-machines.md": state_machines,
}


def main() -> int:
    """Write the pages, or tell which differ; 1 when any does."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.reference", description="Reference pages drawn from the code."
    )
    parser.add_argument("--write", action="store_true", help="write the pages instead of comparing them")
    options = parser.parse_args()
    console = Console()
    differing = 0
    for name, draw in PAGES.items():
        path = FOLDER / name
        text = NOTICE + "\n" + draw()
        if path.exists() and path.read_text() == text:
            continue
        if options.write:
            path.write_text(text)
            console.print(f"wrote {path.relative_to(FOLDER.parent.parent)}")
        else:
            differing += 1
            console.print(f"{path.relative_to(FOLDER.parent.parent)} differs from the code: run `make docs`")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
