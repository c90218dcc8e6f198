"""`chargewright ctl`: operate a running central system over its REST API; one group for each plural noun."""

import importlib
from typing import Annotated, Final

import typer

from chargewright.cli.ctl.client import DEFAULT_URL, URL_VARIABLE, Target
from chargewright.cli.extras import needs

__all__ = ["NOUNS", "ctl_app"]

ctl_app = typer.Typer(help="Operate a running central system over its REST API.", invoke_without_command=True)

# Plural noun → module, whose `app` is the group. Each brings its libraries when a command runs.
NOUNS: Final = {
    "bulk-commands": "chargewright.cli.ctl.bulk_commands",
    "charging-profiles": "chargewright.cli.ctl.charging_profiles",
    "commands": "chargewright.cli.ctl.commands",
    "configurations": "chargewright.cli.ctl.configuration",
    "connectors": "chargewright.cli.ctl.connectors",
    "diagnostics": "chargewright.cli.ctl.diagnostics",
    "events": "chargewright.cli.ctl.events",
    "firmware-updates": "chargewright.cli.ctl.firmware_updates",
    "groups": "chargewright.cli.ctl.groups",
    "id-tags": "chargewright.cli.ctl.id_tags",
    "local-lists": "chargewright.cli.ctl.local_lists",
    "personal-data": "chargewright.cli.ctl.personal_data",
    "reservations": "chargewright.cli.ctl.reservations",
    "retention": "chargewright.cli.ctl.retention",
    "security-events": "chargewright.cli.ctl.security_events",
    "stations": "chargewright.cli.ctl.stations",
    "transactions": "chargewright.cli.ctl.transactions",
}


@ctl_app.callback()
def _ctl(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar=URL_VARIABLE, help="Where the REST API is.")] = DEFAULT_URL,
) -> None:
    """Operate a running central system over its REST API.

    The bearer key is taken from CHARGEWRIGHT_TOKEN, or else CHARGEWRIGHT_BOOTSTRAP_TOKEN; it is never an argument.

    Exit codes: 0 done, 1 it failed or was not accepted, 2 the command or a value is wrong, 3 the server cannot be
    reached, is not ready or refuses the key, 4 there is no such thing, 5 the station is offline or did not answer.
    """
    context.obj = Target(url)
    if context.invoked_subcommand is None:
        with needs("ctl", "ctl"):
            import httpx  # noqa: F401 - only to see whether it is there
        typer.echo(context.get_help())


for _noun, _module in NOUNS.items():
    ctl_app.add_typer(importlib.import_module(_module).app, name=_noun)
