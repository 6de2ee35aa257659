"""The reports of `blocks`: the catalogue by family, and one entry's structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.analysis.network import Network
from convcalc.catalogue import Block
from convcalc.report.build.heading import heading
from convcalc.report.build.structure import kinds_sentence, tree
from convcalc.report.parts import Column, Report, Table, show


def catalogue_report(entries: Sequence[Block]) -> Report:
    """All entries, grouped by family."""
    families = list(dict.fromkeys(entry.family for entry in entries))
    rows = []
    for family in families:
        members = [entry for entry in entries if entry.family == family]
        for number, entry in enumerate(members):
            first = family if number == 0 else ""
            rows.append((first, entry.name, entry.input, parameters_text(entry), entry.source, entry.summary))
    columns = (
        Column("family", rank=1, left=True),
        Column("name", left=True),
        Column("input", rank=2, left=True),
        Column("parameters", rank=3, left=True),
        Column("source", rank=4, left=True),
        Column("what it is", rank=5, left=True),
    )
    return [
        Table(columns, rows, is_main=True),
        f"{len(entries)} entries; convcalc blocks NAME shows one, convcalc params NAME counts it",
    ]


def entry_report(entry: Block, network: Network) -> Report:
    """One entry: where it is from, what can be set, its layers as a tree, and how many there are of each kind."""
    name, shapes = heading(network)
    return [
        f"{name}: {entry.summary}",
        f"source: {entry.source}",
        f"parameters: {parameters_text(entry) or 'none'}",
        shapes,
        tree(network.graph),
        kinds_sentence(network),
        f"params {show(network.params)}, MACs {show(network.macs)}",
    ]


def entry_document(entry: Block) -> dict[str, Any]:
    """An entry for programs."""
    return {
        "name": entry.name,
        "family": entry.family,
        "source": entry.source,
        "summary": entry.summary,
        "input": list(entry.input),
        "inputs": entry.arity,
        "parameters": entry.parameters,
    }


def parameters_text(entry: Block) -> str:
    """An entry's parameters with their defaults: "channels=256, stride=1"."""
    return ", ".join(f"{name}={_value(value)}" for name, value in entry.parameters.items())


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    return str(value).lower() if isinstance(value, bool) else str(value)
