"""How a run that fails says so: one message, on stderr, and as a document where JSON was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from convcalc.core.errors import ConvcalcError, UsageError

EXIT_WRONG_REQUEST = 2
EXIT_BUG = 3
EXIT_INTERRUPTED = 130


def report_failure(error: ConvcalcError | click.ClickException, args: Sequence[str]) -> int:
    """Say what is wrong with the request."""
    if isinstance(error, click.ClickException):
        error = _as_ours(error)
    if _asks_for_json(args):
        from convcalc.report.build.document import dumps, error_document

        sys.stdout.write(dumps(error_document(error)))
        sys.stdout.flush()
    click.echo(f"error: {error}", err=True)
    return EXIT_WRONG_REQUEST


def report_bug(error: Exception, args: Sequence[str]) -> int:
    """Say that the fault is ours, and where the traceback is."""
    import tempfile
    import traceback

    from convcalc import __version__

    trace = "".join(traceback.format_exception(error))
    if os.environ.get("CONVCALC_DEBUG") == "1":
        click.echo(trace, err=True)
        where = "the traceback is above"
    else:
        with tempfile.NamedTemporaryFile(
            "w", prefix="convcalc-", suffix=".txt", delete=False, errors="replace"
        ) as file:
            file.write(f"convcalc {__version__}, Python {sys.version}\narguments: {list(args)!r}\n\n{trace}")
        where = f"the traceback is in {file.name}"
    told = f"{type(error).__name__}: {error}".splitlines()[0]
    click.echo(f"convcalc has a bug ({told}): please open an issue in its repository; {where}", err=True)
    return EXIT_BUG


def _as_ours(error: click.ClickException) -> UsageError:
    """click's own complaint in our words, pointing at the help of the command."""
    message, _, hint = error.format_message().partition("\n  hint: ")
    context = getattr(error, "ctx", None)
    return UsageError(message, hint=hint or f"see {context.command_path if context else 'convcalc'} --help")


def _asks_for_json(args: Sequence[str]) -> bool:
    """Whether `--format json` stands in a command line that may be malformed."""
    given = [value for flag, value in pairwise(args) if flag == "--format"]
    given += [arg.removeprefix("--format=") for arg in args if arg.startswith("--format=")]
    return given[-1:] == ["json"]
