"""`convcalc check`: from its options to a report, to wherever reports go, to an exit code."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import FILE, ConfigurationError, Entry, Source
from convcalc.checks.budget.files import Budget, read_budget
from convcalc.checks.budget.judge import FAILED, PASSED, UNKNOWN, WARNED, Report, Verdict
from convcalc.checks.budget.models import Loader
from convcalc.checks.budget.run import Request, check
from convcalc.cli.failures import EXIT_WRONG_REQUEST
from convcalc.cli.options import Output
from convcalc.cli.proof import prove
from convcalc.core.errors import ConvcalcError, UsageError
from convcalc.language.source import Source as NetworkSource
from convcalc.report.write.verdicts import FORMATS, render
from convcalc.report.write.verdicts.text import LABELS, NOTE, printable

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions shows Markdown for a step."""


@dataclass(frozen=True)
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
    allowed: tuple[str, ...]
    python_path: tuple[str, ...]
    timeout: float
    specs_only: bool
    confirm: bool


def run_check(options: Options) -> int:
    """Judge, report, and give the exit code. Raises ConvcalcError where nothing can be judged."""
    files = [_report_file(text) for text in options.reports]
    try:
        budget = read_budget(options.config, Path.cwd())
        report = check(budget, _request(options), _loader(budget, options))
    except ConvcalcError as error:
        report = _as_report(error)
        _publish(report, options, files)
        if options.format == "github":  # with annotations, and nothing outside stop-commands
            _write_stdout(report, options)
            return EXIT_WRONG_REQUEST
        if options.format not in ("text", "json"):  # those say it themselves
            _write_stdout(report, options)
        raise
    _publish(report, options, files)
    _write_stdout(report, options)
    return report.exit_code(strict=options.strict)


def _request(options: Options) -> Request:
    return Request(
        options.only,
        options.update,
        options.locked,
        options.against or "",
        options.specs_only,
        _proof if options.confirm else None,
    )


def _loader(budget: Budget, options: Options) -> Loader:
    folders = (*map(Path, options.python_path), *budget.python_path)
    tell = _quote_for_github if options.format == "github" else _quote

    def trace(source: NetworkSource) -> Network:
        from convcalc.cli.targets import trace_model

        return trace_model(source, folders, options.timeout, tell)

    return Loader(options.allowed, trace)


def _quote(text: str) -> None:
    """Pass on what a model printed: beside our own output, where it cannot be taken for a report."""
    sys.stderr.write(printable(text))


def _quote_for_github(text: str) -> None:
    """The same for the runner's log, where it could be taken for a command."""
    from convcalc.report.write.verdicts.github import muted

    sys.stdout.write(muted(printable(text)))


def _proof(entry: Entry, side: NetworkSource, network: Network) -> Verdict:
    """The verdict of a proof on the real module, on the CPU."""
    proof = prove(network, Output("text", True, "cpu"))
    unproved = Verdict(entry.name, "proof", "confirm", UNKNOWN, "", path=entry.path)
    found = proof.confirmation
    if found is None:
        return unproved._replace(message=f"the proof cannot be made: {proof.declined}")
    if found.ok:
        return unproved._replace(status=PASSED, message=f"the real module agrees in {len(found.checks)} numbers")
    worst = found.failures[0]
    message = (
        f"{worst.what} of {worst.layer or 'the network'} is {worst.expected}, {worst.witness} says {worst.measured}"
    )
    return unproved._replace(status=FAILED, message=message, remedy="one of the two is wrong: please report it")


def _as_report(error: ConvcalcError) -> Report:
    """An error that stopped everything, as a report of one verdict: CI shows it where it shows the others."""
    file, line = (error.file, error.line or 1) if isinstance(error, ConfigurationError) else (FILE, 1)
    source = Source(file, "", (), {("budget",): line})
    verdict = Verdict("budget", "budget", error.kind, UNKNOWN, error.message, error.hint, path=("budget",))
    return Report(source, (verdict,))


def _report_file(text: str) -> tuple[str, Path]:
    """`junit=convcalc.xml`. Raises UsageError."""
    format, equals, path = text.partition("=")
    if format in FORMATS and equals and path:
        return format, Path(path)
    near = get_close_matches(format, FORMATS, 1)
    hint = f"did you mean {near[0]}=PATH?" if near and near[0] != format else f"one of {', '.join(FORMATS)}, then =PATH"
    raise UsageError(f"--report {text} is no FORMAT=PATH", hint=hint)


def _publish(report: Report, options: Options, files: list[tuple[str, Path]]) -> None:
    """Write the reports that go to files, and the summary of a step of GitHub Actions. Raises UsageError."""
    for format, path in files:
        _write_file(path, render(report, format, strict=options.strict))
    if os.environ.get(SUMMARY):
        _write_file(Path(os.environ[SUMMARY]), render(report, "markdown", strict=options.strict), append=True)


def _write_file(path: Path, text: str, *, append: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"the report {path} cannot be written: {error.strerror}") from None


def _write_stdout(report: Report, options: Options) -> None:
    text = render(report, options.format, strict=options.strict)
    sys.stdout.write(_coloured(text) if options.format == "text" and sys.stdout.isatty() else text)


_COLOURS = {LABELS[PASSED]: "32", LABELS[WARNED]: "33", LABELS[FAILED]: "1;31", LABELS[UNKNOWN]: "1;31", NOTE: "2"}


def _coloured(text: str) -> str:
    """The text with the word that each line begins with in its colour."""
    return "".join(map(_coloured_line, text.splitlines(keepends=True)))


def _coloured_line(line: str) -> str:
    word, space, rest = line.partition(" ")
    return f"\x1b[{_COLOURS[word]}m{word}\x1b[0m{space}{rest}" if word in _COLOURS else line
