"""`convcalc init`: the checks of a first budget, with today's numbers as limits."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from convcalc.analysis.load import load_text
from convcalc.analysis.metrics import SHAPE, NoNumberError
from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import module_of, parse_configuration
from convcalc.checks.budget.metrics import Value, value_of
from convcalc.core.errors import UsageError
from convcalc.language.source import Source

LIMITS = {"params": "max", "macs": "max", "memory.peak": "max", "rf": "min", "output": "equal"}
"""What a first check limits, and how."""

_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<spec>.+)", re.DOTALL)
_HEAD = """\
# What the blocks and models of this repository may cost: convcalc check holds them to it.
# Editors: convcalc schema > convcalc.schema.json, and "#:schema ./convcalc.schema.json" as the first line.
"""


def write_first_budget(
    specs: Sequence[str], inputs: tuple[str, ...], output: str, python_path: Sequence[str], timeout: float
) -> None:
    """Measure every spec and write the file. Raises UsageError where it exists, and what the specs raise."""
    path = Path(output)
    entries = [_named(text, number) for number, text in enumerate(specs, 1)]
    for name, count in Counter(name for name, _ in entries).items():
        if count > 1:
            raise UsageError(f"{count} SPECs are called {name!r}", hint="give each a name of its own: NAME=SPEC")
    text = _HEAD
    for name, spec in entries:
        definition = Source(text=spec, inputs=inputs)
        subject = _subject(definition, [Path(folder) for folder in python_path], timeout)
        text += "\n" + "\n".join(_check(name, definition, subject)) + "\n"
    parse_configuration(text, output)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} exists already", hint="name another with --output, or add to it by hand") from None
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{output}: {len(entries)} check{'s' if len(entries) != 1 else ''} with today's numbers as limits")
    click.echo("next: convcalc check, and convcalc check --update for a baseline; commit both files")


def _named(text: str, number: int) -> tuple[str, str]:
    """`stem=3x3`, or a name of its own for a spec without one."""
    match = _NAMED.fullmatch(text)
    if match:
        return match["name"], match["spec"]
    is_word = re.fullmatch(r"[\w.:-]+", text) is not None
    return (text if is_word else f"net{number}"), text


def _subject(definition: Source, folders: Sequence[Path], timeout: float) -> Network:
    """The network. Naming a model on the command line allows its import."""
    if not module_of(definition):
        return load_text(definition)
    from convcalc.cli.targets import trace_model

    return trace_model(definition, (*folders, Path.cwd()), timeout, lambda text: click.echo(text, nl=False, err=True))


def _check(name: str, definition: Source, subject: Network) -> Iterator[str]:
    """The lines of one check."""
    yield "[[check]]"
    yield f"name = {_text(name)}"
    yield f"spec = {_text(definition.text)}"
    shapes = definition.inputs or tuple("x".join(map(str, shape)) for shape in subject.graph.input_shapes)
    yield f"input = {_text(shapes[0]) if len(shapes) == 1 else json.dumps(shapes)}"
    for metric, operator in LIMITS.items():
        try:
            yield f"{metric} = {{ {operator} = {_limit(value_of(subject, metric))} }}"
        except NoNumberError as error:
            yield f"# {metric}: {error.message.splitlines()[0]}"


def _limit(value: Value) -> str:
    """A number as a limit: sizes are limited by the smallest."""
    if value.kind == SHAPE:
        return f'"{value}"'
    number = int(min(value.numbers))
    return f"{number:_}"


def _text(text: str) -> str:
    """A text of TOML. Raises UsageError for what no line of a file should hold."""
    if not text.isprintable():
        raise UsageError(f"{text!r} has unprintable characters", hint="write the spec in one line")
    return json.dumps(text, ensure_ascii=False)
