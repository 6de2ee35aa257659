"""`convcalc check`: from its options to a report, to wherever reports go, to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convcalc.cli.answer import is_styled, quote, write
from convcalc.cli.options import MEMORY, TIMEOUT
from convcalc.core.errors import ConvcalcError, UsageError, suggest
from convcalc.report.write import check_formats

if TYPE_CHECKING:
    from convcalc.analysis.proof import require_torch
    from convcalc.checks.budget.files import Budget
    from convcalc.checks.budget.run import Request
    from convcalc.checks.models import Loader
    from convcalc.checks.verdict import Report

FORMATS = check_formats()

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions shows Markdown for a step."""

EXIT_WRONG_REQUEST = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `convcalc check`."""

    config: str | None
    only: tuple[str, ...]
    format: str
    reports: tuple[str, ...]
    strict: bool
    update: bool
    locked: bool
    against: str | None
    allow_edits: bool
    allowed: tuple[str, ...]
    plugins: tuple[str, ...]
    python_path: tuple[str, ...]
    timeout: float
    memory: float | None
    specs_only: bool
    confirm: bool


def _not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A text that says something: an empty variable in a CI script must not pass for an option left out."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty: leave the option out, or give a value")
    return value


@click.command("check", short_help="Hold blocks and models to the budget in convcalc.toml.")
@click.option(
    "--config",
    callback=_not_empty,
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
    "--against",
    callback=_not_empty,
    metavar="GITREF",
    help="Compare with the lock at a git revision; fail on edits since that make a limit easier to keep.",
)
@click.option("--allow-edits", is_flag=True, help="Show the edits that --against finds, and do not fail on them.")
@click.option(
    "--allow-import",
    "allowed",
    multiple=True,
    metavar="MODULE",
    help="Let the budget import this module of a model, or this plugin (repeatable).",
)
@click.option(
    "--plugin", "plugins", multiple=True, metavar="MODULE", help="Import this module, which adds metrics (repeatable)."
)
@click.option("--python-path", multiple=True, metavar="DIR", help="Import models from here, too (repeatable).")
@TIMEOUT
@MEMORY
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

    Metrics have one key for each part of their names: params, rf, memory.peak, layers.conv; convcalc
    schema lists them. A whole number is exact; one with decimals, k, M, G, % or "about" holds to its last
    digit where a share, a ratio or a claim is stated. A claim may also be written in the language of
    convcalc articles. A model's module is imported only with --allow-import, in a process of its own.
    """
    return _run(Options(**options))


def _run(options: Options) -> int:
    """Judge, report, and give the exit code. Raises ConvcalcError where nothing can be judged."""
    from convcalc.checks.budget.files import read_budget
    from convcalc.checks.budget.run import check
    from convcalc.cli.progress import Progress

    files = [_report_file(text) for text in options.reports]
    try:
        loader = _loader(options)
        for plugin in options.plugins:
            loader.plugin(plugin, (*options.python_path, "."))
        budget = read_budget(options.config, Path.cwd(), loader.plugin)
        with Progress("checking") as progress:
            report = check(budget, _request(options, progress), _loader(options, budget))
    except ConvcalcError as error:
        report = _as_report(error)
        _publish(report, options, files)
        if options.format == "github":  # with annotations, and nothing outside stop-commands
            return _written(report, options, EXIT_WRONG_REQUEST)
        if options.format not in ("text", "json"):  # those say it themselves
            _written(report, options, EXIT_WRONG_REQUEST)
        raise
    _publish(report, options, files)
    return _written(report, options, report.exit_code(strict=options.strict))


def _request(options: Options, progress: Callable[..., None]) -> Request:
    from convcalc.checks.budget.run import Request
    from convcalc.checks.claims.words import Laboratory
    from convcalc.core.errors import ConfirmError

    def open_laboratory() -> Laboratory:
        try:
            require_torch("it")
        except UsageError as error:
            raise ConfirmError(error.message, hint=error.hint) from None
        from convcalc.pytorch.experiments import TorchLaboratory

        return TorchLaboratory("cpu")

    return Request(
        only=options.only,
        update=options.update,
        locked=options.locked,
        against=options.against or "",
        allow_edits=options.allow_edits,
        specs_only=options.specs_only,
        confirm=options.confirm,
        open_laboratory=open_laboratory,
        progress=progress,
    )


def _loader(options: Options, budget: Budget | None = None) -> Loader:
    from convcalc.checks.models import Loader

    return Loader(
        allowed=(*options.allowed, *options.plugins),
        folders=(*map(Path, options.python_path), *(budget.python_path if budget else ())),
        timeout=options.timeout,
        memory=options.memory,
        tell=_quote_for_github if options.format == "github" else quote,
    )


def _quote_for_github(text: str) -> None:
    """What a model printed, for the runner's log, where it could be taken for a command."""
    from convcalc.report.printable import printable
    from convcalc.report.write.check.github import muted

    sys.stdout.write(muted(printable(text)))


def _as_report(error: ConvcalcError) -> Report:
    """An error that stopped everything, as a report of one verdict: CI shows it where it shows the others."""
    from convcalc.checks.budget.configuration import FILE
    from convcalc.checks.toml import ConfigurationError, Document
    from convcalc.checks.verdict import UNKNOWN, Report, Verdict

    file, line = (error.file, error.line or 1) if isinstance(error, ConfigurationError) else (FILE, 1)
    verdict = Verdict(
        name="budget",
        metric="budget",
        operator=error.kind,
        status=UNKNOWN,
        message=error.message,
        remedy=error.hint,
        path=("budget",),
    )
    return Report(source=Document(file=file, known={("budget",): line}), verdicts=(verdict,))


# Where reports go


def _report_file(text: str) -> tuple[str, Path]:
    """`junit=convcalc.xml`. Raises UsageError."""
    format, equals, path = text.partition("=")
    if format in FORMATS and equals and path:
        return format, Path(path)
    known = "" if format in FORMATS else suggest(format, FORMATS)
    hint = known or f"one of {', '.join(FORMATS)}, then =PATH"
    raise UsageError(f"--report {text} is not FORMAT=PATH", hint=hint)


def _publish(report: Report, options: Options, files: list[tuple[str, Path]]) -> None:
    """Write the reports that go to files, and the summary of a step of GitHub Actions. Raises UsageError."""
    from convcalc.report.write.check import render

    for format, path in files:
        _write_file(path, render(report, format, strict=options.strict))
    if os.environ.get(SUMMARY):
        _write_file(Path(os.environ[SUMMARY]), render(report, "markdown", strict=options.strict), append=True)


def _write_file(path: Path, text: str, *, append: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"the report {path} cannot be written: {reason}") from None


def _written(report: Report, options: Options, code: int) -> int:
    """Write the report to stdout; the exit code is the report's, even where nobody reads it to its end."""
    from convcalc.report.write.check import render

    text = render(report, options.format, strict=options.strict)
    write(_coloured(text) if options.format == "text" and is_styled(sys.stdout) else text)
    return code


def _coloured(text: str) -> str:
    """The text with the word that each line begins with in its colour."""
    from convcalc.checks.verdict import FAILED, PASSED, UNKNOWN, WARNED
    from convcalc.report.build.check import LABELS, NOTE

    colours = {
        LABELS[PASSED]: "32",
        LABELS[WARNED]: "33",
        LABELS[FAILED]: "1;31",
        LABELS[UNKNOWN]: "1;31",
        NOTE: "2",
    }

    def line(text: str) -> str:
        word, space, rest = text.partition(" ")
        return f"\x1b[{colours[word]}m{word}\x1b[0m{space}{rest}" if word in colours else text

    return "".join(map(line, text.splitlines(keepends=True)))
