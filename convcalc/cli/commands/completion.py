"""`convcalc completion`."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Completion for bash, zsh or fish.")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
def command(shell: str | None) -> None:
    """\b
    convcalc completion bash
    convcalc completion zsh
    convcalc completion fish

    Print the script that teaches a shell to complete commands, options and the catalogue's names
    (default: the shell of $SHELL). To load it:

    \b
      bash   eval "$(convcalc completion bash)"      in ~/.bashrc
      zsh    eval "$(convcalc completion zsh)"       in ~/.zshrc
      fish   convcalc completion fish | source       in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from convcalc.cli import main
    from convcalc.core.errors import UsageError

    name = shell or PurePath(os.environ.get("SHELL", "")).name
    completion = get_completion_class(name) if name in SHELLS else None
    if completion is None:
        raise UsageError(f"no completion for the shell {name!r}", hint="name one of: " + ", ".join(SHELLS))
    click.echo(completion(main, {}, "convcalc", "_CONVCALC_COMPLETE").source())
