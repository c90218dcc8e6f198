"""`make bench`: speed as ratios, measured side by side in one run.

Absolute figures belong to the machine; ratios between servers that take turns on it do not. CPU time of the server
process per call is the steadiest of them.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable

import msgspec
from rich.console import Console

from bench import (
    answers,
    authorize,
    charging_profiles,
    durable_calls,
    fan_out,
    fleet,
    idle,
    local_list,
    originate,
    storm,
    week,
)
from bench.results import Result, failed, show, write

SECTIONS: dict[str, Callable[[argparse.Namespace, Console], list[Result]]] = {
    durable_calls.SECTION: lambda options, console: durable_calls.run(options.seconds, options.rounds, console),
    authorize.SECTION: lambda options, console: authorize.run(options.authorize_seconds, console),
    storm.SECTION: lambda options, console: storm.run(options.storm, console),
    fan_out.SECTION: lambda _, console: fan_out.run(console),
    idle.SECTION: lambda options, console: idle.run(options.idle, console),
    charging_profiles.SECTION: lambda _, console: charging_profiles.run(console),
    local_list.SECTION: lambda _, console: local_list.run(console),
    answers.SECTION: lambda _, console: answers.run(console),
    fleet.SECTION: lambda options, console: fleet.run(options.fleet, console),
    originate.SECTION: lambda options, console: originate.run(options.originate, console),
    week.SECTION: lambda options, console: week.run(options.week, console),
}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Speed as ratios, measured side by side. Exit code 1 when a target is missed."
    )
    parser.add_argument("--only", type=sections, default=list(SECTIONS), help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each run of durable calls (8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of durable calls in turn (3)")
    parser.add_argument("--authorize-seconds", type=float, default=4.0, help="length of each open loop (4)")
    parser.add_argument("--storm", type=int, default=5000, help="stations that reconnect (5000)")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections to weigh (5000)")
    parser.add_argument("--fleet", type=int, default=2000, help="idle stations of our own to weigh (2000)")
    parser.add_argument("--originate", type=int, default=1500, help="stations that send all they can (1500)")
    parser.add_argument("--week", type=int, default=100, help="stations that live a week in virtual time (100)")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON line at the end")
    return parser


def sections(text: str) -> list[str]:
    """The value of `--only`."""
    names = text.split(",")
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return names


def main() -> int:
    """Run, print, write; 1 when a target is missed."""
    options = arguments().parse_args()
    console = Console(stderr=options.json)
    console = console if console.is_terminal else Console(stderr=options.json, width=140)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()
    results: list[Result] = []
    for name in options.only:
        results += SECTIONS[name](options, console)
    show(results, console, f"Chargewright bench, {time.monotonic() - began:.0f} s")
    write(results)
    if options.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(results)) + "\n")
    return 1 if failed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
