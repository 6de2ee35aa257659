"""`convcalc check`."""

from __future__ import annotations

from typing import Any

import click

FORMATS = ("text", "json", "junit", "github", "gitlab", "markdown")


def _said(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A text that says something: an empty variable in a CI script must not pass for an option left out."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty: leave the option out, or give a value")
    return value


@click.command("check", short_help="Hold blocks and models to the budget in convcalc.toml.")
@click.option(
    "--config",
    callback=_said,
    metavar="FILE",
    help="The budget. [default: convcalc.toml, or [tool.convcalc] in pyproject.toml]",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only the check or claim of this name (repeatable).")
@click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="How to answer.")
@click.option(
    "--report", "reports", multiple=True, metavar="FORMAT=PATH", help="Also write a report to a file (repeatable)."
)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--update", is_flag=True, help="Accept today's numbers: write the lock.")
@click.option("--locked", is_flag=True, help="Fail on any difference from the lock, improvements too.")
@click.option(
    "--against", callback=_said, metavar="GITREF", help="Compare with the lock at a git revision; show edited limits."
)
@click.option(
    "--allow-import", "allowed", multiple=True, metavar="MODULE", help="Let checks import this module (repeatable)."
)
@click.option("--python-path", multiple=True, metavar="DIR", help="Import models from here, too (repeatable).")
@click.option("--timeout", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds for one model.")
@click.option("--specs-only", is_flag=True, help="Leave out what imports a model.")
@click.option("--confirm", is_flag=True, help="Prove the numbers on the real PyTorch modules, too.")
def command(**options: Any) -> int:
    """\b
    convcalc check
    convcalc check --only stem --format json
    convcalc check --update
    convcalc check --against origin/main --format github --report junit=convcalc.xml
    convcalc check --allow-import mypkg.models

    Exit code 0 where every limit holds (warnings too, unless --strict), 1 where one is broken, 2 where
    the request or the budget is wrong or a number is missing. A budget is TOML:

    \b
      [[check]]
      name = "stem"
      spec = "7x7c64s2, bn, relu, maxpool3x3s2p1"    # a text, a catalogue entry, or package.module:attribute
      input = "3x224x224"
      params = { max = "10k", growth = "0%" }        # operators: max, min, equal, warn, growth

    \b
      [[claim]]
      name = "two 3x3 against one 5x5"
      left = "3x3,3x3"
      right = "5x5"
      params = { fewer = "28%" }                     # fewer, more, ratio, equal, at-least-fewer, at-least-more

    Metrics: params, weights, macs, flops, elementwise, rf, coverage, memory.params, memory.activations,
    memory.peak, memory.training, layers, layers by kind (layers.conv), output. A model's module is
    imported only with --allow-import, in a process of its own.
    """
    from convcalc.cli.checking import Options, run_check

    return run_check(Options(**options))
