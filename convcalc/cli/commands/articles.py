"""`convcalc articles`."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from convcalc.cli.options import CONFIRM, DEVICE


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from convcalc.checks.claims import shipped

    claims = shipped()
    names = dict.fromkeys([*(claim.article.name for claim in claims), *(claim.id for claim in claims)])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("articles", short_help="Claims of articles about blocks, judged by computing them.")
@click.argument("names", nargs=-1, metavar="[ARTICLE|ID]...", shell_complete=_complete)
@click.option("--file", "file", type=click.Path(path_type=Path), metavar="CLAIMS.toml", help="Your own claims.")
@click.option("--explain", is_flag=True, help="Show the arithmetic behind every figure.")
@click.option("--strict", is_flag=True, help="Fail if any claim is wrong.")
@click.option(
    "--format",
    type=click.Choice(("table", "json", "markdown")),
    default="table",
    show_default=True,
    help="How to answer.",
)
@CONFIRM
@DEVICE
def command(
    names: tuple[str, ...],
    file: Path | None,
    explain: bool,
    strict: bool,
    format: str,
    confirm: bool | None,
    device: str,
) -> int:
    """\b
    convcalc articles
    convcalc articles kernels --explain
    convcalc articles kernels/64-to-64-two-3x3 --no-confirm
    convcalc articles --file claims.toml --strict

    What articles state about the cost of convolution blocks, beside what is true. A verdict is computed:
    right; wrong; imprecise (true in the article's own set-up, a counter-example elsewhere is shown);
    unstated (the answer is given); outside (nothing that can be computed). Claims about equal outputs,
    dependence and time are measured with torch.

    Fails (1) if a verdict is not the one that the file expects. Your own claims are written like the
    shipped ones: id, says, specs, figures (expressions over the specs), stated, holds, generally.
    """
    from convcalc.cli.judging import Asked, answer_articles

    return answer_articles(Asked(names, file, explain, strict, format, confirm is not False, device))
