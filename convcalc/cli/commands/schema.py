"""`convcalc schema`."""

from __future__ import annotations

import click

from convcalc.cli.options import PLUGIN


@click.command("schema", short_help="The JSON Schema of convcalc.toml, for editors.")
@PLUGIN
def command(plugins: tuple[str, ...]) -> None:
    """\b
    convcalc schema > convcalc.schema.json

    Editors with a TOML language server complete and check a budget that begins with the line
    "#:schema ./convcalc.schema.json". With --plugin it knows the metrics of a plugin, too.
    """
    import json

    from convcalc.checks.budget.schema import schema
    from convcalc.core.plugins import load_plugin

    for name in plugins:
        load_plugin(name, (".",))
    click.echo(json.dumps(schema(), indent=2))
