"""`convcalc blocks`."""

from __future__ import annotations

import click

from convcalc.cli.answer import emit, write
from convcalc.cli.options import ANY_INPUT, FORMATS, INPUT, PLUGIN, PYTHON_PATH, SETTINGS, Request, complete_spec


@click.command("blocks", short_help="The catalogue of named blocks and networks.")
@click.argument("name", required=False, shell_complete=complete_spec)
@SETTINGS
@INPUT
@ANY_INPUT
@PLUGIN
@PYTHON_PATH
@click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="How to answer.")
def command(
    name: str | None,
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    any_input: bool,
    plugins: tuple[str, ...],
    python_path: tuple[str, ...],
    format: str,
) -> None:
    """\b
    convcalc blocks
    convcalc blocks resnet-block
    convcalc blocks "resnext-block(cardinality=64, width=4)" --input 256x28x28

    Without a NAME: every entry by family, with its parameters, default input and source. With one: its
    structure as a tree, with shapes, and how many layers of each kind it has.
    """
    request = Request(
        spec=name,
        inputs=inputs,
        settings=settings,
        any_input=any_input,
        plugins=plugins,
        python_path=python_path,
    )
    if name is None:
        _list_catalogue(request, format)
    else:
        _show_entry(name, request, format)


def _list_catalogue(request: Request, format: str) -> None:
    """Every entry. Raises UsageError where options ask for more than a list."""
    from convcalc.catalogue import get, names
    from convcalc.cli.network import load_plugins
    from convcalc.core.errors import UsageError
    from convcalc.report.build.catalogue import catalogue_report, entry_document

    if given := request.settings or request.inputs:
        raise UsageError(f"{given[0]}: of which block?", hint="convcalc blocks NAME")
    load_plugins(request)
    entries = [get(name) for name in names()]
    if format == "json":
        from convcalc.report.build.document import dumps, opening

        write(dumps({**opening(), "blocks": [entry_document(entry) for entry in entries]}))
    else:
        emit(catalogue_report(entries), format)


def _show_entry(text: str, request: Request, format: str) -> None:
    """One entry, with its arguments if any. Raises UnknownBlockError and all that a SPEC raises."""
    from convcalc.catalogue import get
    from convcalc.cli.network import load_plugins, resolve
    from convcalc.report.build.catalogue import entry_document, entry_report

    load_plugins(request)
    entry = get(text.partition("(")[0].strip().lower())
    network = resolve(request)
    if format == "json":
        from convcalc.report.build.document import dumps, model_document

        write(dumps({**model_document(network), "block": entry_document(entry), "kinds": network.kinds}))
    else:
        emit(entry_report(entry, network), format)
