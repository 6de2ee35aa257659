"""The command line. One thin module in `commands/` for each command, loaded when that command runs.

A new command is one file there with a click command called `command`. This module turns every end of a
run into an exit code: 0 fine, 1 a check failed, 2 the request is wrong, 3 a bug of ours, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from convcalc import __version__
from convcalc.cli.answer import discard_stdout
from convcalc.cli.failures import EXIT_INTERRUPTED, report_bug, report_failure
from convcalc.core.errors import ConvcalcError, LimitError, UsageError, suggest

_COMMANDS = os.path.join(os.path.dirname(__file__), "commands")


class Commands(click.Group):
    """The commands by the files of their folder, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = [name for name in os.listdir(_COMMANDS) if name.endswith(".py")]
        return sorted(name.removesuffix(".py") for name in files if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not cmd_name.isidentifier() or not os.path.isfile(os.path.join(_COMMANDS, f"{cmd_name}.py")):
            return None
        command: click.Command = import_module(f"convcalc.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """click's own, but an unknown command is answered with the nearest one."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise _unknown(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run a command line, then exit with its code."""
        given = (sys.argv[1:] if args is None else list(args)) or ["--help"]
        failure: ConvcalcError | click.ClickException | OSError | None = None
        code: Any = 0
        try:
            _check_streams()
            streams = sys.stdout, sys.stderr
            code = super().main(given, prog_name or "convcalc", complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except (click.Abort, KeyboardInterrupt):
            code = EXIT_INTERRUPTED
        except BrokenPipeError:
            _let_the_last_flush_pass()
        except SystemExit as end:
            if (sys.stdout, sys.stderr) == streams:
                failure = UsageError(f"code that was imported ends the process with {end.code!r}")
            sys.stdout, sys.stderr = streams  # click wraps them where a reader has left; its 1 is a failed check's
            _let_the_last_flush_pass()
        except (ConvcalcError, click.ClickException, OSError) as error:
            failure = error
        except MemoryError:  # what it takes up is free again when it is reported
            failure = LimitError("there is not enough memory for this", hint="ask for less at once, or allow more")
        except Exception as error:
            code = report_bug(error, given)
        if failure is not None:
            code = report_failure(failure, given)
            _let_the_last_flush_pass()
        sys.exit(code if isinstance(code, int) else 0)


def _unknown(name: str, known: list[str]) -> click.UsageError:
    hint = suggest(name, known, otherwise=f"the commands: {', '.join(known)}")
    return click.UsageError(f"no command is called {name!r}\n  hint: {hint}")


def _check_streams() -> None:
    """Write what a terminal's encoding lacks as an escape, rather than fail. Raises UsageError without a stdout."""
    closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        if hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")
    if closed:
        raise UsageError("stdout is closed: there is nowhere to answer")


def _let_the_last_flush_pass() -> None:
    """Where a pipe's reader has left or a disk is full, let the interpreter's last flush go nowhere."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        discard_stdout()


@click.group(
    "convcalc",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 a check or a proof failed, 2 the request is wrong, 3 a bug of convcalc.",
)
@click.version_option(__version__, prog_name="convcalc")
def main() -> None:
    """\b
    convcalc params --kernel 3 --groups 32
    convcalc rf --layers 3x3,3x3,3x3
    convcalc compare resnet-block resnext-block
    convcalc summary resnet50

    The calculator for convolution blocks and networks: parameters, MACs, FLOPs, memory and the receptive
    field, exact, layer by layer, and proved on the real PyTorch module where torch is installed.

    \b
    A SPEC is a text, a name of the catalogue (convcalc blocks), or a PyTorch model of yours:
      7x7c64s2, bn, relu, maxpool3x3s2p1      layers follow each other
      3x3c128g32  3x3d2  dw3x3s2  sep3x3c64   c channels, s stride, d dilation, g groups, p padding, b bias
      cat(1x1c64 | 3x3c64), (3x3, relu)*3     branches, repetition
      resnext-block(cardinality=64, width=4)  a catalogue entry with its own parameters
      mypkg.models:Net(width=32)              package.module:attribute, imported in a process of its own
    """
