"""How a run that fails says so: one message, on stderr, and as a document where JSON was asked for."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from convcalc.core.errors import ConvcalcError, UsageError

EXIT_WRONG_REQUEST = 2
EXIT_BUG = 3
EXIT_INTERRUPTED = 130

_FULL = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT)
"""What a write ends with that finds no room, or nowhere to go."""


def report_failure(error: ConvcalcError | click.ClickException | OSError, args: Sequence[str]) -> int:
    """Say what is wrong with the request, or with the machine it runs on."""
    from convcalc.report.printable import printable, without_commands

    ours = error if isinstance(error, ConvcalcError) else _as_ours(error)
    if _asks_for_json(args):
        from convcalc.report.build.document import dumps, error_document

        with contextlib.suppress(OSError):
            sys.stdout.write(dumps(error_document(ours)))
            sys.stdout.flush()
    _complain(without_commands(printable(str(ours))))
    return EXIT_WRONG_REQUEST


def report_bug(error: BaseException, args: Sequence[str]) -> int:
    """Say that the fault is ours, and where the traceback is."""
    import tempfile
    import traceback

    from convcalc import __version__
    from convcalc.report.printable import harmless

    trace = "".join(traceback.format_exception(error))
    if os.environ.get("CONVCALC_DEBUG") == "1":
        click.echo(trace, err=True)
        where = "the traceback is above"
    else:
        where = "CONVCALC_DEBUG=1 shows the traceback"
        with (
            contextlib.suppress(OSError),
            tempfile.NamedTemporaryFile("w", prefix="convcalc-", suffix=".txt", delete=False, errors="replace") as file,
        ):
            file.write(f"convcalc {__version__}, Python {sys.version}\narguments: {list(args)!r}\n\n{trace}")
            where = f"the traceback is in {file.name}"
    what = harmless(f"{type(error).__name__}: {error}".splitlines()[0])
    click.echo(f"convcalc has a bug ({what}): please open an issue in its repository; {where}", err=True)
    return EXIT_BUG


def _complain(text: str) -> None:
    """The message on stderr; on a terminal the first word and the hint stand out."""
    from convcalc.cli.answer import is_styled

    message, hint, advice = text.partition("\n  hint: ")
    if is_styled(sys.stderr):
        label, hint = click.style("error:", fg="red", bold=True), hint and f"\n  {click.style('hint:', fg='cyan')} "
        message = click.style(message, bold=True) if "\n" not in message else message
    else:
        label = "error:"
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{label} {message}{hint}{advice}\n")
        sys.stderr.flush()


def _as_ours(error: click.ClickException | OSError) -> ConvcalcError:
    """Another's complaint in our words; click's points at the help of the command."""
    if isinstance(error, OSError):
        return UsageError(_refusal(error))
    message, _, hint = error.format_message().partition("\n  hint: ")
    context = getattr(error, "ctx", None)
    return UsageError(message, hint=hint or f"see {context.command_path if context else 'convcalc'} --help")


def _refusal(error: OSError) -> str:
    """What the system refuses to do."""
    reason = error.strerror or type(error).__name__
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    if error.errno == errno.ENOENT:  # os.getcwd names no file
        return "the current folder is gone"
    return f"stdout cannot be written: {reason}" if error.errno in _FULL else f"the system refuses: {reason}"


def _asks_for_json(args: Sequence[str]) -> bool:
    """Whether `--format json` stands in a command line that may be malformed."""
    given = [value for flag, value in pairwise(args) if flag == "--format"]
    given += [arg.removeprefix("--format=") for arg in args if arg.startswith("--format=")]
    return given[-1:] == ["json"]
