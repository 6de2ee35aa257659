"""`convcalc schema`."""

from __future__ import annotations

import click


@click.command("schema", short_help="The JSON Schema of convcalc.toml, for editors.")
def command() -> None:
    """\b
    convcalc schema > convcalc.schema.json

    Editors with a TOML language server complete and check a budget that begins with the line
    "#:schema ./convcalc.schema.json".
    """
    import json

    from convcalc.checks.budget.schema import schema

    click.echo(json.dumps(schema(), indent=2))
