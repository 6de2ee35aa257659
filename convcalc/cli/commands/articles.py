"""`convcalc articles`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcalc.cli.options import CONFIRM, DEVICE, PLUGIN, is_demanded
from convcalc.core.errors import ConfirmError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from convcalc.checks.claims import Judged, Laboratory
    from convcalc.cli.progress import Progress

EXIT_UNEXPECTED = 1


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from convcalc.checks.claims import shipped

    claims = shipped()
    names = dict.fromkeys([*(claim.article.name for claim in claims), *(claim.name for claim in claims)])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("articles", short_help="Claims of articles about blocks, judged by computing them.")
@click.argument("names", nargs=-1, metavar="[ARTICLE|NAME]...", shell_complete=_complete)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="CLAIMS.toml",
    help="Your own claims: those of any convcalc.toml.",
)
@click.option("--explain", is_flag=True, help="Show the arithmetic behind every figure.")
@click.option("--strict", is_flag=True, help="Fail if any claim is wrong.")
@click.option(
    "--format",
    type=click.Choice(("table", "json", "markdown")),
    default="table",
    show_default=True,
    help="How to answer.",
)
@PLUGIN
@CONFIRM
@DEVICE
def command(
    names: tuple[str, ...],
    file: Path | None,
    explain: bool,
    strict: bool,
    format: str,
    plugins: tuple[str, ...],
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
    shipped ones: name, says, specs, figures (expressions over the specs), stated, holds, generally. They may
    stand in a budget, too: its checks are left to convcalc check, which judges its claims as well.
    """
    from convcalc.checks.claims import Judge, read_file, select, shipped
    from convcalc.cli.answer import emit, write
    from convcalc.cli.progress import Progress
    from convcalc.core.plugins import load_plugin
    from convcalc.report.build.articles import articles_document, articles_report
    from convcalc.report.build.document import dumps

    for plugin in plugins:
        load_plugin(plugin, (".",))
    claims = select(shipped() if file is None else read_file(file), names)
    with Progress("judging") as progress:
        if is_demanded(confirm):
            _check_device(device, progress)
        judge = Judge(lambda: _laboratory(progress, device, confirm=confirm is not False))
        judged = []
        for number, claim in enumerate(claims):
            progress(claim.name, done=number, total=len(claims))
            judged.append(judge.judge(claim))
    if format == "json":
        write(dumps(articles_document(judged)))
    else:
        emit(articles_report(judged, explain=explain), format)
    return EXIT_UNEXPECTED if _fails(judged, strict=strict) else 0


def _check_device(device: str, progress: Progress) -> None:
    """Raise ConfirmError or NotInstalledError where experiments are demanded and cannot run."""
    from convcalc.cli.proof import check_torch

    check_torch(load=True, progress=progress)
    from convcalc.pytorch.device import device_of

    device_of(device)


def _laboratory(progress: Progress, device: str, *, confirm: bool) -> Laboratory:
    """Where experiments run. Raises ConfirmError where none are wanted, or none can be."""
    from convcalc.analysis.proof import NotInstalledError, require_torch

    if not confirm:
        raise ConfirmError("left out by --no-confirm", hint="run it with --confirm")
    try:
        require_torch("it")
    except NotInstalledError as error:
        raise ConfirmError(error.message, hint=error.hint) from None
    from convcalc.pytorch.experiments import TorchLaboratory

    return TorchLaboratory(device, progress)


def _fails(judged: list[Judged], *, strict: bool) -> bool:
    wrong = strict and any(one.verdict == "wrong" for one in judged)
    return wrong or not all(one.is_expected for one in judged)
