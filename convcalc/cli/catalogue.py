"""How `blocks` answers."""

from __future__ import annotations

from convcalc.catalogue import get, names
from convcalc.cli.answer import emit, write
from convcalc.cli.network import resolve
from convcalc.cli.options import LayerOptions, Request
from convcalc.core.errors import UsageError
from convcalc.report.build.catalogue import catalogue_report, entry_document, entry_report
from convcalc.report.build.document import dumps, model_document, opening


def list_catalogue(given: tuple[str, ...], format: str) -> None:
    """Every entry. Raises UsageError where options ask for more than a list."""
    if given:
        raise UsageError(f"{given[0]}: of which block?", hint="convcalc blocks NAME")
    entries = [get(name) for name in names()]
    if format == "json":
        write(dumps({**opening(), "blocks": [entry_document(entry) for entry in entries]}))
    else:
        emit(catalogue_report(entries), format)


def show_entry(text: str, settings: tuple[str, ...], inputs: tuple[str, ...], format: str) -> None:
    """One entry, with its arguments if any. Raises UnknownBlockError and all that a SPEC raises."""
    entry = get(text.partition("(")[0].strip().lower())
    network = resolve(Request(text, None, LayerOptions(), inputs, "", False, settings))
    if format == "json":
        document = {
            **model_document(network),
            "block": entry_document(entry),
            "kinds": network.kinds,
        }
        write(dumps(document))
    else:
        emit(entry_report(entry, network), format)
