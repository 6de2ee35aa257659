"""`convcalc init`: the checks of a first budget, with today's numbers as limits."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcalc.cli.answer import quote
from convcalc.cli.options import MEMORY, TIMEOUT
from convcalc.core.errors import UsageError

if TYPE_CHECKING:
    from convcalc.analysis.network import Network
    from convcalc.language.source import Source

LIMITS = {"params": "max", "macs": "max", "memory.peak": "max", "rf": "min", "output": "equal"}
"""What a first check limits, and how."""

_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<spec>.+)", re.DOTALL)
_HEAD = """\
# What the blocks and models of this repository may cost: convcalc check holds them to it.
# Editors: convcalc schema > convcalc.schema.json, and "#:schema ./convcalc.schema.json" as the first line.
"""


@click.command("init", short_help="Write a first convcalc.toml, with today's numbers as limits.")
@click.argument("specs", nargs=-1, required=True, metavar="[NAME=]SPEC...")
@click.option("--input", "inputs", multiple=True, metavar="CxHxW", help="Input of every SPEC. [default: its own]")
@click.option("--output", default="convcalc.toml", show_default=True, metavar="FILE", help="Where to write it.")
@click.option("--python-path", multiple=True, metavar="DIR", help="Import models from here, too (repeatable).")
@TIMEOUT
@MEMORY
def command(
    specs: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str,
    python_path: tuple[str, ...],
    timeout: float,
    memory: float | None,
) -> None:
    """\b
    convcalc init stem="7x7c64s2, bn, relu, maxpool3x3s2p1" --input 3x224x224
    convcalc init resnet50 net=mypkg.models:Net --input 3x224x224

    Every SPEC (a text, a catalogue entry, or package.module:attribute, whose module is then imported)
    becomes a check that holds today. A file that is there already is not touched.
    """
    from convcalc.checks.budget.configuration import parse_configuration
    from convcalc.checks.models import Loader, module_of
    from convcalc.language.source import Source

    sources = {name: Source(text=spec, inputs=inputs) for name, spec in _named(specs)}
    load = Loader(  # naming a model on the command line allows its import
        allowed=[module_of(source) for source in sources.values()],
        folders=(*map(Path, python_path), Path.cwd()),
        timeout=timeout,
        memory=memory,
        tell=quote,
    )
    checks = ["\n".join(_check(name, source, load(source))) for name, source in sources.items()]
    text = "\n\n".join([_HEAD.rstrip(), *checks]) + "\n"
    parse_configuration(text, output)
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} exists already", hint="name another with --output, or add to it by hand") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{output} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    click.echo(f"{output}: {len(checks)} check{'s' if len(checks) != 1 else ''} with today's numbers as limits")
    click.echo("next: convcalc check, and convcalc check --update for a baseline; commit both files")


def _named(specs: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every spec with its name: `stem=3x3`, or one of its own. Raises UsageError where two are the same."""
    named = []
    for number, text in enumerate(specs, 1):
        match = _NAMED.fullmatch(text)
        is_word = re.fullmatch(r"[\w.:-]+", text) is not None
        named.append((match["name"], match["spec"]) if match else (text if is_word else f"net{number}", text))
    for name, count in Counter(name for name, _ in named).items():
        if count > 1:
            raise UsageError(f"{count} SPECs are called {name!r}", hint="give each a name of its own: NAME=SPEC")
    return named


def _check(name: str, source: Source, network: Network) -> Iterator[str]:
    """The lines of one check."""
    from convcalc.analysis.metrics import NoNumberError, find_metric

    yield "[[check]]"
    yield f"name = {_text(name)}"
    yield f"spec = {_text(source.text)}"
    shapes = source.inputs or tuple("x".join(map(str, shape)) for shape in network.graph.input_shapes)
    yield f"input = {_text(shapes[0]) if len(shapes) == 1 else json.dumps(shapes)}"
    for key, operator in LIMITS.items():
        try:
            number = find_metric(key).value(network)
        except NoNumberError as error:
            yield f"# {key}: {error.message.splitlines()[0]}"
            continue
        if operator == "equal":
            limit = json.dumps("x".join(map(str, number)))
        else:  # sizes are limited by the smallest
            limit = f"{min(number) if isinstance(number, tuple) else number:_}"
        yield f"{key} = {{ {operator} = {limit} }}"


def _text(text: str) -> str:
    """A text of TOML. Raises UsageError for what no line of a file should hold."""
    if not text.isprintable():
        raise UsageError(f"{text!r} has unprintable characters", hint="write the spec in one line")
    return json.dumps(text, ensure_ascii=False)
